"""A one-time link for a phone: used once, for minutes, and a device of nobody but its owner."""

import re
from datetime import timedelta

import pytest

from enrollment import lifecycle
from enrollment.models import AuditEvent, Device, Handover
from tests.factories import NOW, a_device, a_key, a_person, later
from tests.races import ANSWERS, at_once, check_log

LATE = NOW + timedelta(minutes=10)


@pytest.fixture
def made(alice):
    return lifecycle.make_handover(alice, now=NOW)


@pytest.fixture
def handover(made):
    return made[0]


@pytest.fixture
def offered(handover):
    lifecycle.offer_key(handover, public_key=a_key("phone"), now=NOW)
    return handover


def test_only_a_hash_of_its_128_bits_is_kept(made):
    handover, token = made
    assert re.fullmatch(r"[a-z2-7]{26}", token)
    kept = [str(value) for value in [*Handover.objects.values().get().values(), *AuditEvent.objects.first().data.values()]]
    assert not any(token in value for value in kept)
    assert Handover.objects.opened_by(token, NOW).get() == handover


def test_a_token_opens_it_as_scanned_and_as_typed(made):
    typed = f" {made[1][:4].upper()}-{made[1][4:10]} {made[1][10:]}\n"
    assert Handover.objects.opened_by(typed, NOW).exists()


@pytest.mark.parametrize("token", ["", "a" * 26, "a" * 10_000, "\u0661", "\x00"])
def test_another_token_opens_nothing(made, token):
    assert not Handover.objects.opened_by(token, NOW).exists()


def test_it_opens_until_ten_minutes_are_over(made):
    assert Handover.objects.opened_by(made[1], LATE - timedelta(microseconds=1)).exists()
    assert not Handover.objects.opened_by(made[1], LATE).exists()


def test_the_owners_confirmation_makes_the_offered_key_a_phone_of_theirs(offered, alice):
    device = lifecycle.confirm_handover(offered, name="My phone", actor=alice, now=NOW)
    assert (device.owner, device.kind, device.public_key, device.key_origin) == (alice, "phone", a_key("phone"), "browser")
    assert offered.device == device


def test_an_offered_key_alone_is_no_device(offered):
    assert not Device.objects.exists()


def test_nobody_else_confirms_or_refuses_or_opens_it_and_it_stays_the_owners(handover, alice, erin, dave):
    with pytest.raises(lifecycle.Refused, match="not yours"):
        lifecycle.open_handover(handover, actor=erin, now=NOW)
    last = AuditEvent.objects.first()
    assert (last.verb, last.actor, last.data["owner"]) == ("handover.refused", "Erin", alice.pk)
    lifecycle.offer_key(handover, public_key=a_key(), now=NOW)
    for somebody in (erin, dave):
        with pytest.raises(lifecycle.Refused, match="Only whoever made the link"):
            lifecycle.confirm_handover(handover, name="phone", actor=somebody, now=NOW)
        with pytest.raises(lifecycle.Refused, match="Only whoever made the link"):
            lifecycle.refuse_handover(handover, actor=somebody, now=NOW)
    assert lifecycle.confirm_handover(handover, name="phone", actor=alice, now=NOW).owner == alice


@pytest.mark.parametrize(
    "use",
    [
        lambda handover, _alice: lifecycle.offer_key(handover, public_key=a_key(), now=LATE),
        lambda handover, alice: lifecycle.open_handover(handover, actor=alice, now=LATE),
    ],
)
def test_too_late_is_of_no_use_as_a_second_time_is(handover, alice, use):
    with pytest.raises(lifecycle.Conflict, match="used already, its time is up, or there never was one"):
        use(handover, alice)


def test_a_confirmation_that_comes_too_late_enrols_nothing(offered, alice):
    with pytest.raises(lifecycle.Conflict, match="time is up"):
        lifecycle.confirm_handover(offered, name="phone", actor=alice, now=LATE)
    assert not Device.objects.exists()


def test_what_its_owner_enrols_on_the_phone_is_what_came_of_an_opened_link_however_late(handover, alice, laptop):
    lifecycle.finish_handover(handover.pk, laptop, now=NOW)
    handover.refresh_from_db()
    assert handover.state == "open"
    lifecycle.open_handover(handover, actor=alice, now=NOW)
    lifecycle.finish_handover(handover.pk, laptop, now=LATE)
    lifecycle.finish_handover(handover.pk, a_device(alice, "another"), now=LATE)
    handover.refresh_from_db()
    assert (handover.state, handover.device, handover.is_over(LATE)) == ("confirmed", laptop, False)


def test_nothing_of_somebody_elses_comes_of_a_link(handover, alice, erin):
    lifecycle.open_handover(handover, actor=alice, now=NOW)
    lifecycle.finish_handover(handover.pk, a_device(erin), now=NOW)
    handover.refresh_from_db()
    assert (handover.state, handover.device) == ("opened", None)


def test_a_refused_key_is_never_enrolled_by_it(offered, alice):
    lifecycle.refuse_handover(offered, actor=alice, now=NOW)
    with pytest.raises(lifecycle.Conflict, match="refused this key already"):
        lifecycle.confirm_handover(offered, name="phone", actor=alice, now=NOW)
    assert not Device.objects.exists()


def test_a_newer_link_ends_the_one_before_and_what_was_offered_by_it(made, offered, alice):
    newer, token = lifecycle.make_handover(alice, now=NOW)
    with pytest.raises(lifecycle.Conflict, match="newer link"):
        lifecycle.confirm_handover(offered, name="phone", actor=alice, now=NOW)
    assert Handover.objects.opened_by(token, NOW).get() == newer


def test_a_name_that_is_taken_leaves_the_offer_to_be_confirmed_under_another(offered, alice):
    a_device(alice, "phone")
    with pytest.raises(lifecycle.Refused, match="a device of this name already"):
        lifecycle.confirm_handover(offered, name="phone", actor=alice, now=NOW)
    assert lifecycle.confirm_handover(offered, name="phone 2", actor=alice, now=NOW).name == "phone 2"


def test_a_key_that_somebody_has_or_that_protects_nothing_is_not_taken(handover, laptop):
    for key in (laptop.public_key, "A" * 43 + "="):
        with pytest.raises(lifecycle.Refused):
            lifecycle.offer_key(handover, public_key=key, now=NOW)
    handover.refresh_from_db()
    assert handover.state == "open"


def test_no_link_is_made_for_an_account_that_was_disabled_meanwhile(alice, dave):
    lifecycle.disable_user(alice, actor=dave, now=NOW)
    with pytest.raises(lifecycle.Refused, match="disabled"):
        lifecycle.make_handover(alice, now=NOW)


def test_what_nobody_can_use_or_ask_about_any_more_is_let_go_of(offered):
    lifecycle.forget_handovers(now=LATE)
    assert Handover.objects.exists()
    lifecycle.forget_handovers(now=LATE + timedelta(minutes=10))
    assert not Handover.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["phones that are not signed in", "the owner's own browsers"])
def test_a_hundred_at_once_use_a_link_once(way, rounds):
    alice = a_person("alice")
    for _round in range(rounds(1, 20)):
        _handover, token = lifecycle.make_handover(alice, now=NOW)

        def use():
            found = Handover.objects.opened_by(token, NOW).first()  # noqa: B023 - it runs within the round
            if found is None:
                raise lifecycle.Conflict
            if way == "the owner's own browsers":
                lifecycle.open_handover(found, actor=alice, now=NOW)
            else:
                lifecycle.offer_key(found, public_key=a_key(), now=NOW)

        outcomes = at_once(*[use] * 100)
        assert (outcomes.count(None), sum(isinstance(each, ANSWERS) for each in outcomes)) == (1, 99)
    check_log()


@pytest.mark.django_db(transaction=True)
def test_confirmed_ten_times_at_once_it_is_one_device():
    alice = a_person("alice")
    handover, _token = lifecycle.make_handover(alice, now=NOW)
    lifecycle.offer_key(handover, public_key=a_key(), now=NOW)
    confirm = lambda name: lifecycle.confirm_handover(Handover.objects.get(), name=name, actor=alice, now=later())  # noqa: E731
    outcomes = at_once(*(lambda name=f"phone {number}": confirm(name) for number in range(10)))
    assert sum(isinstance(each, Device) for each in outcomes) == Device.objects.count() == 1
    assert sum(isinstance(each, ANSWERS) for each in outcomes) == 9
    check_log()
