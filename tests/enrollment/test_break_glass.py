"""Emergency access: at once, short and loud; refused with every reason, and never chained."""

import pytest
from django.core import mail
from django.utils import timezone

from enrollment import facts, lifecycle, notices
from enrollment.models import AccessRequest, AuditEvent, Grant, LatestMoment, Notice, RequestedDevice
from enrollment.policy import decide
from tests.factories import APPROVERS, HOUR, a_device, a_grant, a_person, a_policy, a_request, a_resource, an_emergency, later

TERMS = {"longest_grant": 8 * HOUR, "break_glass_longest": HOUR}


@pytest.fixture
def servers(pep, bob):
    """What may be had in an emergency, for an hour; otherwise bob's group must agree."""
    return a_resource("servers", pep=pep, policy=a_policy("servers", **TERMS), number=11)


@pytest.fixture
def mails():
    """What was written down so far is read; the rest comes out as (to, subject, body)."""
    Notice.objects.all().delete()

    def read():
        mail.outbox.clear()
        notices.send_due(timezone.now())
        return [(message.to[0], message.subject, message.body) for message in mail.outbox]

    return read


def refused(match, *arguments, **values):
    """Nothing comes of it: no row, no event, no mail."""
    before = [model.objects.count() for model in (AccessRequest, Grant, RequestedDevice, AuditEvent, Notice)]
    with pytest.raises(lifecycle.Refused, match=match):
        an_emergency(*arguments, **values)
    assert [model.objects.count() for model in (AccessRequest, Grant, RequestedDevice, AuditEvent, Notice)] == before


def test_it_gives_access_at_once_and_says_that_nobody_approved(alice, laptop, servers, now):
    grant = an_emergency(alice, servers, [laptop], seconds=1800, ticket="INC-7")
    assert (grant.state, grant.starts_at, grant.ends_at) == ("active", now, later(1800))
    assert (grant.is_break_glass, grant.review_due) == (True, True)
    request = grant.request
    assert (request.state, request.closed_at, request.closed_by, request.is_break_glass) == ("approved", now, None, True)
    assert (request.reason, request.ticket, list(grant.devices.all())) == ("the mail is down", "INC-7", [laptop])
    assert not request.reviews.exists()


def test_the_device_may_pass_until_the_end_and_not_at_it(alice, laptop, servers):
    an_emergency(alice, servers, [laptop], seconds=1800)
    allowed = [bool(decide(facts.facts_of(laptop, servers, later(at)), later(at))) for at in (0, 1799, 1800)]
    assert allowed == [True, True, False]


def test_the_peps_are_nudged(alice, laptop, servers, pep, told_peps, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        an_emergency(alice, servers, [laptop])
    assert {pep.pk} in told_peps


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"seconds": HOUR + 1}, "lasts 1 hour at most"),
        ({"seconds": 0}, "for how long"),
        ({"seconds": -1}, "for how long"),
        ({"seconds": float("nan")}, "whole seconds"),
        ({"seconds": True}, "whole seconds"),
        ({"reason": " \n"}, "Give a reason"),
        ({"reason": "turned \u202e around"}, "do not print"),
        ({"reason": "x" * 1001}, "too long"),
        ({"ticket": "a\nb"}, "one line"),
        ({"devices": []}, "at least one device"),
    ],
)
def test_a_bad_question_is_refused_with_words_and_leaves_nothing(alice, laptop, servers, values, match):
    refused(match, alice, servers, values.pop("devices", [laptop]), **values)


def test_terms_that_know_no_emergency_give_none(alice, laptop, fileshare):
    refused("know no emergency access", alice, fileshare, [laptop])


def test_a_policy_without_terms_gives_none(alice, laptop, servers):
    servers.policy = type(servers.policy).objects.create(name="empty")
    servers.save()
    refused("no terms", alice, servers, [laptop])


def test_only_todays_terms_count(alice, laptop, servers):
    a_policy("servers", **TERMS | {"break_glass_longest": None})
    refused("know no emergency access", alice, servers, [laptop])
    a_policy("servers", **TERMS | {"break_glass_longest": 600})
    refused("lasts 10 minutes at most", alice, servers, [laptop], seconds=601)
    assert an_emergency(alice, servers, [laptop], seconds=600).pk


def test_only_the_named_groups_may_where_some_are_named(alice, erin, laptop, pep, bob):
    guarded = a_resource("guarded", pep=pep, policy=a_policy("guarded", break_glass_by=["on call"], **TERMS), number=12)
    refused("certain groups may take emergency access", alice, guarded, [laptop])
    gina = a_person("gina", groups=["employees", "on call"])
    assert an_emergency(gina, guarded, [a_device(gina)]).pk


def test_being_on_call_does_not_help_whoever_may_not_ask_at_all(pep, bob):
    terms = a_policy("inner", requesters=["finance"], break_glass_by=["on call"], **TERMS)
    inner = a_resource("inner", pep=pep, policy=terms, number=12)
    gina = a_person("gina", groups=["on call"])
    refused("members of certain groups may ask", gina, inner, [a_device(gina)])


def test_nobody_takes_it_with_the_device_of_somebody_else(erin, laptop, servers):
    refused("devices of your own", erin, servers, [laptop])


@pytest.mark.parametrize("verb", ["suspend_device", "retire_device"])
def test_a_device_out_of_use_gets_none(alice, laptop, servers, verb, now):
    getattr(lifecycle, verb)(laptop, actor=alice, reason="", now=now)
    refused("cannot be used now", alice, servers, [laptop])


def test_a_retired_resource_gives_none(alice, laptop, servers, dave, now):
    lifecycle.retire_resource(servers, actor=dave, now=now)
    refused("retired", alice, servers, [laptop])


def test_a_disabled_account_gets_none(alice, laptop, servers, dave, now):
    lifecycle.disable_user(alice, actor=dave, now=now)
    refused("disabled", alice, servers, [laptop])


def test_it_counts_towards_the_rolling_total_and_stops_at_it(alice, bob, laptop, pep):
    terms = TERMS | {"longest_grant": HOUR, "rolling_total": HOUR + 600}
    small = a_resource("small", pep=pep, policy=a_policy("small", **terms), number=12)
    a_grant(alice, small, [laptop], reviewer=bob)
    refused("10 minutes is left", alice, small, [laptop], now=later(2 * HOUR), seconds=601)
    an_emergency(alice, small, [laptop], now=later(2 * HOUR), seconds=600)
    with pytest.raises(lifecycle.Refused, match="no time is left"):
        a_request(alice, small, [laptop], now=later(3 * HOUR), seconds=60)


def test_it_works_where_nobody_could_approve_if_somebody_can_review(alice, laptop, pep, bob):
    two_must_agree = a_policy("two", stages=[(APPROVERS, 2)], **TERMS)
    guarded = a_resource("guarded", pep=pep, policy=two_must_agree, number=12)
    with pytest.raises(lifecycle.Refused, match="Nobody can approve this"):
        a_request(alice, guarded, [laptop])
    assert an_emergency(alice, guarded, [laptop]).pk


def test_without_anybody_who_could_review_there_is_none(alice, bob, laptop, servers, dave, now):
    refused("Nobody could review this", bob, servers, [a_device(bob)])
    lifecycle.disable_user(bob, actor=dave, now=now)
    refused("Nobody could review this", alice, servers, [laptop])


def test_there_is_no_second_one_before_the_first_was_reviewed(alice, bob, laptop, servers, pep, now):
    other = a_resource("other", pep=pep, policy=servers.policy, number=12)
    first = an_emergency(alice, servers, [laptop], seconds=600)
    refused("waits for its review", alice, servers, [laptop])
    refused("waits for its review", alice, other, [laptop], now=later(HOUR))
    lifecycle.revoke(first, actor=alice, reason="", now=later(HOUR // 2))
    refused("waits for its review", alice, other, [laptop], now=later(HOUR))
    lifecycle.review_break_glass(first, reviewer=bob, justified=True, comment="", now=later(HOUR))
    assert an_emergency(alice, other, [laptop], now=later(HOUR)).pk


def test_one_person_s_emergency_keeps_nobody_else_from_theirs(alice, erin, laptop, servers):
    an_emergency(alice, servers, [laptop])
    assert an_emergency(erin, servers, [a_device(erin)]).pk


def test_a_question_that_waits_neither_stops_it_nor_is_answered_by_it(alice, bob, laptop, servers, now):
    asked = a_request(alice, servers, [laptop])
    an_emergency(alice, servers, [laptop])
    asked.refresh_from_db()
    assert asked.state == "pending"
    assert lifecycle.approve(asked, reviewer=bob, now=later(60)).state == "active"


def test_it_does_not_stop_a_question_either(alice, laptop, servers):
    an_emergency(alice, servers, [laptop])
    assert a_request(alice, servers, [laptop]).state == "pending"


def test_more_time_is_asked_for_like_everything_else(alice, bob, laptop, servers, now):
    grant = an_emergency(alice, servers, [laptop], seconds=600)
    longer = lifecycle.approve(a_request(alice, servers, [laptop], extends=grant), reviewer=bob, now=now)
    assert (longer.starts_at, longer.is_break_glass, longer.review_due) == (grant.ends_at, False, False)


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_nobody_answers_what_was_never_asked(alice, bob, laptop, servers, verb, now):
    grant = an_emergency(alice, servers, [laptop])
    with pytest.raises(lifecycle.Conflict, match="was approved on"):
        getattr(lifecycle, verb)(grant.request, reviewer=bob, comment="", now=now)
    assert not facts.to_answer(bob, now).exists()


def test_while_the_clock_is_in_doubt_nothing_is_opened(alice, laptop, servers, now):
    LatestMoment.objects.create(seen_at=now, doubted_since=now)
    refused("nobody knows when new access would end", alice, servers, [laptop])


def test_all_reasons_come_at_once(alice, laptop, servers):
    an_emergency(alice, servers, [laptop], seconds=60)
    with pytest.raises(lifecycle.Refused) as told:
        an_emergency(alice, servers, [laptop], seconds=2 * HOUR)
    assert len(told.value.reasons) == 2


def test_everybody_who_was_passed_over_hears_of_it_and_so_does_whoever_took_it(alice, bob, carol, dave, erin, laptop, pep, mails):
    a_person("gina", groups=["second"])
    left = a_person("left", groups=[APPROVERS])
    lifecycle.disable_user(left, actor=dave, now=later(-1))
    terms = a_policy("both", stages=[(APPROVERS, 1), ("second", 1)], **TERMS)
    grant = an_emergency(alice, a_resource("both", pep=pep, policy=terms, number=12), [laptop])
    sent = mails()
    loud = "EMERGENCY ACCESS: Alice reaches Both"
    assert sorted((to, subject) for to, subject, _body in sent) == [
        ("alice@example.com", "You took emergency access to Both"),
        ("bob@example.com", loud),
        ("dave@example.com", loud),
        ("gina@example.com", loud),
    ]
    assert all("the mail is down" in body and "2026-03-02 at 09:30:00 UTC" in body for _to, _subject, body in sent)
    assert f"/admin/enrollment/grant/{grant.pk}/change/" in next(body for to, _subject, body in sent if to == "bob@example.com")


def test_an_approver_who_takes_it_is_told_once_and_as_such(bob, servers, mails):
    a_person("gina", groups=[APPROVERS])
    an_emergency(bob, servers, [a_device(bob)])
    assert [subject for to, subject, _body in mails() if to == "bob@example.com" and "mergency" in subject.lower()] == [
        "You took emergency access to Servers"
    ]


def test_the_log_says_that_it_was_an_emergency_and_who_took_it(alice, laptop, servers):
    grant = an_emergency(alice, servers, [laptop])
    made, asked = AuditEvent.objects.all()[:2]
    assert [(event.verb, event.actor, event.data["break_glass"], event.data["to"]) for event in (asked, made)] == [
        ("request.made", "Alice", True, "approved"),
        ("grant.made", "Alice", True, "active"),
    ]
    assert (made.data["review_due"], made.data["grant"]) == (True, grant.pk)


def test_history_shows_that_it_rested_on_an_emergency(alice, bob, laptop, servers):
    grant = an_emergency(alice, servers, [laptop], seconds=600)
    approved = a_grant(alice, servers, [laptop], reviewer=bob, now=later(300), seconds=600)
    rested = [facts.reachable_by(servers, later(at))[0] for at in (0, 300, 600)]
    assert [reach.break_glass for reach in rested] == [(grant.pk,), (grant.pk,), ()]
    assert [reach.grants for reach in rested] == [(grant.pk,), (grant.pk, approved.pk), (approved.pk,)]


def test_terms_for_emergencies_are_kept_in_the_log(servers):
    told = AuditEvent.objects.get(verb="policy.changed", subject="servers").data
    assert (told["break_glass_longest"], told["break_glass_by"]) == (HOUR, [])


@pytest.mark.parametrize(
    ("seconds", "match"), [(0, "one second"), (-1, "one second"), (8 * HOUR + 1, "not last longer than the longest grant")]
)
def test_terms_that_make_no_sense_are_refused(db, seconds, match):
    with pytest.raises(lifecycle.Refused, match=match):
        a_policy("odd", **TERMS | {"break_glass_longest": seconds})
