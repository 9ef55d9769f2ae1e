"""A lost device: cut off at once by its owner or an admin, and back only with another key."""

import pytest
from django.db import IntegrityError, transaction

from enrollment import facts, lifecycle
from enrollment.models import AuditEvent, Device, DeviceKey
from enrollment.policy import decide
from tests.factories import HOUR, a_grant, a_key, a_request, a_resource, later


def why_not(device, resource, now):
    decision = decide(facts.facts_of(device, resource, now), now)
    return () if decision else decision.reasons


def lose(device, actor, seconds=0):
    lifecycle.report_lost(device, actor=actor, reason="left on a train", now=later(seconds))


def bring_back(device, actor, seconds=60, **key):
    lifecycle.bring_back_device(device, **{"public_key": a_key(), "key_origin": "pasted", "actor": actor, "now": later(seconds), **key})


@pytest.mark.parametrize("name", ["alice", "dave"])
def test_its_owner_and_an_admin_may_report_it_and_access_stops(request, name, laptop, fileshare, grant_of_alice, told_peps, pep, now):
    lose(laptop, request.getfixturevalue(name))
    assert (laptop.state, laptop.condition, laptop.lost_at) == ("suspended", "lost", now)
    assert why_not(laptop, fileshare, now) == (
        "The device was reported lost. Once you have it back, give it a new key; otherwise retire it.",
    )
    assert AuditEvent.objects.first().verb == "device.reported_lost"


@pytest.mark.parametrize("name", ["bob", "carol", "erin"])
def test_nobody_else_may(request, name, laptop):
    with pytest.raises(lifecycle.Refused, match="owner or an admin"):
        lose(laptop, request.getfixturevalue(name))
    laptop.refresh_from_db()
    assert laptop.condition == "enrolled"


def test_no_pep_is_told_to_let_it_in(alice, laptop, fileshare, grant_of_alice, pep, now):
    lose(laptop, alice)
    [pair] = facts.for_pep(pep, now).pairs
    assert (pair.device.state, pair.facts.device_state) == ("lost", "lost")


@pytest.mark.django_db(transaction=True)
def test_its_peps_are_nudged(alice, laptop, fileshare, grant_of_alice, told_peps, pep):
    told_peps.clear()
    lose(laptop, alice)
    assert told_peps == [frozenset({pep.pk})]


def test_reporting_it_twice_says_who_did_and_when(alice, dave, laptop):
    lose(laptop, alice)
    before = AuditEvent.objects.count()
    with pytest.raises(lifecycle.Conflict, match="reported lost by Alice on 2026-03-02 at 09:00:00"):
        lose(laptop, dave, 60)
    assert AuditEvent.objects.count() == before


def test_resuming_does_not_bring_it_back_not_even_by_an_admin(alice, dave, laptop):
    lose(laptop, alice)
    for actor in (alice, dave):
        with pytest.raises(lifecycle.Refused, match="Give it a new key first"):
            lifecycle.resume_device(laptop, actor=actor, reason="", now=later(60))
    laptop.refresh_from_db()
    assert laptop.condition == "lost"


def test_another_key_brings_it_back_and_the_old_one_never_returns(alice, laptop, fileshare, grant_of_alice):
    old, new = laptop.public_key, a_key()
    lose(laptop, alice)
    bring_back(laptop, alice, public_key=new)
    assert (laptop.condition, laptop.public_key, laptop.lost_at, laptop.suspended_by) == ("enrolled", new, None, None)
    assert why_not(laptop, fileshare, later(60)) == ()
    assert DeviceKey.objects.get(public_key=old).until == later(60)
    event = AuditEvent.objects.first()
    assert (event.verb, event.data["from"], event.data["to"]) == ("device.found", "suspended", "enrolled")


@pytest.mark.parametrize("old", [True, False], ids=["the old key", "a key of somebody else"])
def test_a_known_key_brings_nothing_back(alice, erin, laptop, old):
    from tests.factories import a_device  # noqa: PLC0415

    known = laptop.public_key if old else a_device(erin).public_key
    lose(laptop, alice)
    with pytest.raises(lifecycle.Refused, match="cannot be used"):
        bring_back(laptop, alice, public_key=known)
    laptop.refresh_from_db()
    assert laptop.condition == "lost"


def test_a_new_key_alone_leaves_it_suspended_for_whoever_may_to_resume(alice, laptop, fileshare, grant_of_alice):
    lose(laptop, alice)
    lifecycle.rotate_key(laptop, public_key=a_key(), key_origin="pasted", actor=alice, now=later(60))
    assert (laptop.condition, laptop.lost_at) == ("suspended", None)
    assert "The device is suspended." in why_not(laptop, fileshare, later(60))[0]
    lifecycle.resume_device(laptop, actor=alice, reason="", now=later(120))
    assert laptop.condition == "enrolled"


def test_what_an_admin_reported_only_an_admin_lets_in_again(alice, dave, laptop):
    lose(laptop, dave)
    with pytest.raises(lifecycle.Refused, match="Ask an admin"):
        bring_back(laptop, alice)
    laptop.refresh_from_db()
    assert laptop.condition == "lost"


def test_an_owner_cannot_undo_an_admins_suspension_by_losing_it(alice, dave, laptop):
    lifecycle.suspend_device(laptop, actor=dave, reason="malware", now=later(0))
    lose(laptop, alice, 60)
    assert (laptop.condition, laptop.suspended_by) == ("lost", dave)
    with pytest.raises(lifecycle.Refused, match="Ask an admin"):
        bring_back(laptop, alice, 120)


def test_an_admin_takes_over_what_its_owner_suspended_or_lost(alice, dave, laptop):
    lose(laptop, alice)
    lifecycle.suspend_device(laptop, actor=dave, reason="malware on it", now=later(60))
    assert (laptop.condition, laptop.suspended_by) == ("lost", dave)
    with pytest.raises(lifecycle.Refused, match="Ask an admin"):
        bring_back(laptop, alice, 120)


def test_a_suspended_device_that_was_not_lost_is_not_brought_back_this_way(alice, laptop, now):
    lifecycle.suspend_device(laptop, actor=alice, reason="", now=now)
    with pytest.raises(lifecycle.Conflict, match="not reported lost"):
        bring_back(laptop, alice)


def test_a_lost_device_can_be_retired_and_stays_so(alice, laptop):
    lose(laptop, alice)
    lifecycle.retire_device(laptop, actor=alice, reason="gone", now=later(60))
    assert laptop.condition == "retired"
    with pytest.raises(lifecycle.Conflict, match="retired by Alice"):
        bring_back(laptop, alice, 120)


def test_a_question_about_it_waits_meanwhile_and_a_yes_lets_nothing_in(alice, bob, laptop, fileshare, request_of_alice):
    lose(laptop, alice)
    request_of_alice.refresh_from_db()
    assert request_of_alice.state == "pending"
    lifecycle.approve(request_of_alice, reviewer=bob, now=later(60))
    assert "reported lost" in why_not(laptop, fileshare, later(60))[0]
    bring_back(laptop, alice, 120)
    assert why_not(laptop, fileshare, later(120)) == ()


def test_nothing_new_can_be_asked_for_with_it(alice, laptop, pep, fileshare):
    lose(laptop, alice)
    with pytest.raises(lifecycle.Refused, match="cannot be used now: it is lost"):
        a_request(alice, fileshare, [laptop])


def test_the_database_holds_no_lost_device_that_is_in(laptop, now):
    with pytest.raises(IntegrityError, match="device_lost_is_cut_off"), transaction.atomic():
        Device.objects.filter(pk=laptop.pk).update(lost_at=now)


def names(resource, at):
    return [reach.device for reach in facts.reachable_by(resource, at)]


def test_the_log_alone_tells_when_it_was_out(alice, dave, bob, laptop, fileshare, grant_of_alice):
    lose(laptop, alice, 60)
    lifecycle.suspend_device(laptop, actor=dave, reason="", now=later(120))
    lifecycle.rotate_key(laptop, public_key=a_key(), key_origin="pasted", actor=alice, now=later(180))
    lifecycle.resume_device(laptop, actor=dave, reason="", now=later(240))
    lose(laptop, alice, 300)
    bring_back(laptop, alice, 360)
    told = [names(fileshare, later(at)) for at in (0, 60, 120, 180, 240, 300, 360)]
    assert told == [["laptop"], [], [], [], ["laptop"], [], ["laptop"]]


def test_the_log_folds_to_the_state_that_the_row_has(alice, dave, laptop, fileshare):
    from enrollment.history import World  # noqa: PLC0415

    def folded():
        world = World()
        for verb, data in AuditEvent.objects.order_by("seq").values_list("verb", "data"):
            world.take(verb, data)
        return world.state_of(laptop.pk)

    steps = (
        lambda: lose(laptop, alice, 1),
        lambda: lifecycle.suspend_device(laptop, actor=dave, reason="", now=later(2)),
        lambda: lifecycle.rotate_key(laptop, public_key=a_key(), key_origin="pasted", actor=alice, now=later(3)),
        lambda: lose(laptop, alice, 4),
        lambda: bring_back(laptop, dave, 5),
        lambda: lose(laptop, alice, 6),
        lambda: lifecycle.retire_device(laptop, actor=alice, reason="", now=later(7)),
    )
    seen = []
    for step in steps:
        step()
        laptop.refresh_from_db()
        seen.append((folded(), laptop.condition))
    assert [row for _log, row in seen] == ["lost", "lost", "suspended", "lost", "enrolled", "lost", "retired"]
    assert [log for log, _row in seen] == [row for _log, row in seen]


def test_of_two_devices_losing_one_leaves_the_other(alice, bob, laptop, fileshare, pep):
    from tests.factories import a_device  # noqa: PLC0415

    phone = a_device(alice, "phone")
    wiki = a_resource("wiki", pep=pep, number=20)
    a_grant(alice, wiki, [laptop, phone], reviewer=bob, seconds=HOUR)
    lose(laptop, alice, 1)
    assert names(wiki, later(1)) == ["phone"]
