"""Asking: what a question must be, and what it is told when it cannot be one."""

from datetime import datetime

import pytest

from enrollment import facts, lifecycle
from enrollment.models import AccessRequest, AuditEvent
from enrollment.policy import may_ask
from tests.factories import APPROVERS, HOUR, NOW, a_device, a_grant, a_person, a_policy, a_request, a_resource, later


def refused(match, *arguments, **values):
    events = AuditEvent.objects.count()
    with pytest.raises(lifecycle.Refused, match=match):
        a_request(*arguments, **values)
    assert AuditEvent.objects.count() == events


def test_a_question_waits_for_an_answer_for_the_time_its_terms_give(request_of_alice, now):
    assert (request_of_alice.state, request_of_alice.created_at, request_of_alice.answer_by) == ("pending", now, later(24 * HOUR))
    assert str(request_of_alice.policy_version) == "policy of fileshare v1"


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"seconds": 0}, "for how long"),
        ({"seconds": -5}, "for how long"),
        ({"seconds": 8 * HOUR + 1}, "longest time for this resource is 8 hours"),
        ({"seconds": 10**12}, "longest time"),
        ({"seconds": float("nan")}, "whole seconds"),
        ({"seconds": 1e309}, "whole seconds"),
        ({"seconds": True}, "whole seconds"),
        ({"reason": "  "}, "Give a reason"),
        ({"reason": "x" * 1001}, "too long"),
        ({"reason": "x" * 10_000_000}, "too long"),
        ({"reason": "nul \x00"}, "do not print"),
        ({"reason": "turned \u202e around"}, "do not print"),
        ({"ticket": "x" * 81}, "too long"),
        ({"ticket": "a\nb"}, "one line"),
        ({"starts_at": later(-1)}, "has passed"),
        ({"starts_at": NOW}, "has passed"),
        ({"starts_at": datetime(2026, 3, 3, 9, 0)}, "time zone"),  # noqa: DTZ001 - what this is about
        ({"starts_at": later(91 * 86400)}, "too far away"),
        ({"starts_at": datetime.max.replace(tzinfo=NOW.tzinfo)}, "too far away"),
    ],
)
def test_a_bad_question_is_refused_with_words_and_leaves_nothing(alice, laptop, fileshare, values, match):
    refused(match, alice, fileshare, [laptop], **values)
    assert not AccessRequest.objects.exists()


def test_a_question_names_a_device(alice, fileshare):
    refused("at least one device", alice, fileshare, [])


def test_nobody_asks_for_the_device_of_somebody_else(erin, laptop, fileshare):
    refused("devices of your own", erin, fileshare, [laptop])


@pytest.mark.parametrize("verb", ["suspend_device", "retire_device"])
def test_a_device_out_of_use_cannot_be_named(alice, laptop, fileshare, verb, now):
    getattr(lifecycle, verb)(laptop, actor=alice, reason="", now=now)
    refused("cannot be used now", alice, fileshare, [laptop])


def test_a_device_waits_for_one_answer_a_resource(request_of_alice, alice, laptop, fileshare):
    refused("asked for this", alice, fileshare, [laptop])
    refused("asked for this", alice, fileshare, [a_device(alice, "phone"), laptop])


def test_a_retired_resource_is_not_offered(alice, laptop, fileshare, dave, now):
    lifecycle.retire_resource(fileshare, actor=dave, now=now)
    refused("retired", alice, fileshare, [laptop])


def test_a_policy_without_terms_offers_nothing(alice, laptop, fileshare):
    fileshare.policy = type(fileshare.policy).objects.create(name="empty")
    fileshare.save()
    refused("no terms", alice, fileshare, [laptop])


def test_only_the_named_groups_may_ask(erin, pep, bob):
    inner = a_resource("inner", pep=pep, policy=a_policy("inner", requesters=["finance"]), number=11)
    refused("certain groups", erin, inner, [a_device(erin)])


def test_it_says_when_nobody_can_approve(alice, laptop, pep):
    lonely = a_resource("lonely", pep=pep, policy=a_policy("lonely", stages=[("nobody is in it", 1)]), number=11)
    refused("Nobody can approve this", alice, lonely, [laptop])


def test_the_only_approver_cannot_ask_for_themselves(bob, fileshare):
    refused("Nobody can approve this", bob, fileshare, [a_device(bob)])


def test_an_approver_who_left_approves_nothing(alice, laptop, fileshare, bob, dave, now):
    lifecycle.disable_user(bob, actor=dave, now=now)
    refused("Nobody can approve this", alice, fileshare, [laptop])


def test_one_person_does_not_make_two_stages(alice, laptop, pep, bob):
    a_person("both", groups=["one", "two"])
    double = a_resource("double", pep=pep, policy=a_policy("double", stages=[("one", 1), ("two", 1)]), number=11)
    refused("Nobody can approve this", alice, double, [laptop])


def test_a_disabled_account_asks_for_nothing(alice, laptop, fileshare, dave, now):
    lifecycle.disable_user(alice, actor=dave, now=now)
    refused("disabled", alice, fileshare, [laptop])


def test_all_reasons_come_at_once(alice, laptop, fileshare):
    with pytest.raises(lifecycle.Refused) as told:
        a_request(alice, fileshare, [laptop], seconds=9 * HOUR, starts_at=later(-5))
    assert len(told.value.reasons) == 2


def test_asking_anew_does_not_reset_the_rolling_total(alice, bob, laptop, pep):
    small = a_resource("small", pep=pep, policy=a_policy("small", longest_grant=HOUR, rolling_total=2 * HOUR), number=11)
    a_grant(alice, small, [laptop], reviewer=bob)
    a_grant(alice, small, [laptop], reviewer=bob, now=later(2 * HOUR))
    refused("no time is left", alice, small, [laptop], now=later(4 * HOUR), seconds=60)
    assert a_request(alice, small, [laptop], now=later(8 * 24 * HOUR)).pk


def test_a_grant_counts_only_as_far_as_it_lies_in_the_window(alice, bob, laptop, pep):
    terms = {"longest_grant": HOUR, "rolling_total": HOUR, "rolling_window": 2 * HOUR}
    small = a_resource("small", pep=pep, policy=a_policy("small", **terms), number=11)
    a_grant(alice, small, [laptop], reviewer=bob)
    refused("30 minutes is left", alice, small, [laptop], now=later(2 * HOUR + 1800), seconds=1801)
    assert a_request(alice, small, [laptop], now=later(2 * HOUR + 1800), seconds=1800).pk


def test_a_revoked_grant_counts_only_as_long_as_it_lasted(alice, bob, laptop, pep):
    small = a_resource("small", pep=pep, policy=a_policy("small", longest_grant=HOUR, rolling_total=HOUR), number=11)
    lifecycle.revoke(a_grant(alice, small, [laptop], reviewer=bob), actor=alice, reason="", now=later(600))
    refused("50 minutes is left", alice, small, [laptop], now=later(601), seconds=3001)
    assert a_request(alice, small, [laptop], now=later(601), seconds=3000).pk


def test_nobody_extends_what_belongs_to_somebody_else(grant_of_alice, erin, fileshare):
    refused("access of your own", erin, fileshare, [a_device(erin)], extends=grant_of_alice)


def test_what_has_ended_cannot_be_extended(grant_of_alice, alice, laptop, fileshare):
    refused("has ended", alice, fileshare, [laptop], extends=grant_of_alice, now=later(HOUR))


def test_the_catalogue_asks_the_same_question_without_a_duration(alice, erin, fileshare, bob, now):
    assert may_ask(facts.asking(erin, fileshare, now), now) == ()
    assert may_ask(facts.asking(bob, fileshare, now), now) != ()
    assert set(facts.approvers_of(fileshare, now)) == {bob}


def test_approvers_are_staff_as_soon_as_terms_name_their_group(alice, pep):
    nora = a_person("nora", groups=["network"])
    assert not nora.is_staff
    a_policy("new", stages=[("network", 1)])
    nora.refresh_from_db()
    assert (nora.is_staff, nora.is_superuser) == (True, False)


def test_a_group_of_nearly_the_same_name_is_another_group(alice, laptop, fileshare, bob, now):
    asked = a_request(alice, fileshare, [laptop])
    namesake = a_person("namesake", groups=[APPROVERS + " "])
    with pytest.raises(lifecycle.Refused):
        lifecycle.approve(asked, reviewer=namesake, now=now)
