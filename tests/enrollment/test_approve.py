"""Saying yes: who may, what it makes, and what it never makes."""

import pytest
from django.db import IntegrityError, transaction

from enrollment import audit, facts, lifecycle
from enrollment.models import AuditEvent, Grant, Membership, Review
from enrollment.policy import decide
from tests.factories import ADMINS, APPROVERS, HOUR, a_device, a_grant, a_group, a_person, a_policy, a_request, a_resource, later


def test_a_yes_gives_access_for_the_time_asked_from_that_moment(request_of_alice, bob, laptop, fileshare):
    grant = lifecycle.approve(request_of_alice, reviewer=bob, now=later(600))
    assert (grant.starts_at, grant.ends_at, grant.state) == (later(600), later(600 + HOUR), "active")
    assert decide(facts.facts_of(laptop, fileshare, later(601)), later(601)).until == later(600 + HOUR)
    assert audit.verify() == []


def test_nobody_has_access_before_the_yes(request_of_alice, laptop, fileshare, now):
    assert not decide(facts.facts_of(laptop, fileshare, now), now)
    assert not Grant.objects.exists()


def test_a_yes_gives_nothing_to_another_device_or_person(grant_of_alice, alice, erin, fileshare, now):
    for other in (a_device(alice, "phone"), a_device(erin)):
        assert not decide(facts.facts_of(other, fileshare, now), now)


@pytest.mark.parametrize("name", ["alice", "carol", "dave", "erin"])
def test_only_the_approving_group_may_answer(request, request_of_alice, name, now):
    with pytest.raises(lifecycle.Refused):
        lifecycle.approve(request_of_alice, reviewer=request.getfixturevalue(name), now=now)
    assert not Grant.objects.exists()
    assert not Review.objects.exists()


def test_an_approver_never_approves_for_themselves_even_as_an_admin(bob, fileshare, now):
    a_person("second approver", groups=[APPROVERS])
    Membership.objects.create(user=bob, group=a_group(ADMINS), source="by hand", since=now)
    bob.is_superuser = True
    bob.save()
    own = a_request(bob, fileshare, [a_device(bob)])
    with pytest.raises(lifecycle.Refused, match="request of their own"):
        lifecycle.approve(own, reviewer=bob, now=now)
    assert not Grant.objects.exists()


def test_the_database_itself_refuses_a_review_of_oneself(request_of_alice, alice, bob, now):
    row = {"request": request_of_alice, "verdict": "approve", "created_at": now}
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.create(**row, requester=alice, reviewer=alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.create(**row, requester=bob, reviewer=alice)
    assert not Review.objects.exists()


def test_rights_are_judged_at_the_moment_of_the_answer(request_of_alice, bob, now):
    Membership.objects.filter(user=bob, group__name=APPROVERS).delete()
    with pytest.raises(lifecycle.Refused, match="approving group"):
        lifecycle.approve(request_of_alice, reviewer=bob, now=now)


def test_a_disabled_approver_cannot_answer(request_of_alice, bob, dave, now):
    a_person("second approver", groups=[APPROVERS])
    lifecycle.disable_user(bob, actor=dave, now=now)
    with pytest.raises(lifecycle.Refused, match="disabled"):
        lifecycle.approve(request_of_alice, reviewer=bob, now=now)


def test_the_second_yes_learns_who_was_first_and_changes_nothing(request_of_alice, grant_of_alice, bob):
    other = a_person("brenda", groups=[APPROVERS])
    before = AuditEvent.objects.count()
    with pytest.raises(lifecycle.Conflict, match=r"approved by Bob on 2026-03-02 at 09:00:00 UTC"):
        lifecycle.approve(request_of_alice, reviewer=other, now=later(60))
    assert (Grant.objects.count(), Review.objects.count(), AuditEvent.objects.count()) == (1, 1, before)


def test_a_yes_after_the_time_to_answer_is_too_late_even_before_anybody_swept(request_of_alice, bob):
    with pytest.raises(lifecycle.Conflict, match="lapsed"):
        lifecycle.approve(request_of_alice, reviewer=bob, now=request_of_alice.answer_by)
    assert not Grant.objects.exists()


def test_an_approver_may_shorten_the_time(request_of_alice, bob, now):
    assert lifecycle.approve(request_of_alice, reviewer=bob, now=now, seconds=60).ends_at == later(60)


@pytest.mark.parametrize("seconds", [0, -1, HOUR + 1])
def test_an_approver_may_not_lengthen_the_time_or_make_it_nothing(request_of_alice, bob, now, seconds):
    with pytest.raises(lifecycle.Refused, match="never lengthen"):
        lifecycle.approve(request_of_alice, reviewer=bob, now=now, seconds=seconds)
    assert not Grant.objects.exists()


def test_terms_that_became_stricter_since_the_question_hold(request_of_alice, bob, now):
    a_policy("policy of fileshare", longest_grant=600)
    assert lifecycle.approve(request_of_alice, reviewer=bob, now=now).ends_at == later(600)


def test_terms_that_became_looser_since_the_question_change_nothing(alice, laptop, bob, pep, now):
    tight = a_resource("tight", pep=pep, policy=a_policy("tight", longest_grant=HOUR), number=11)
    asked = a_request(alice, tight, [laptop], seconds=HOUR)
    a_policy("tight", longest_grant=9 * HOUR)
    assert lifecycle.approve(asked, reviewer=bob, now=now).ends_at == later(HOUR)


def test_a_group_that_new_terms_add_must_agree_too(request_of_alice, bob, now):
    a_person("second", groups=["security"])
    a_policy("policy of fileshare", stages=[(APPROVERS, 1), ("security", 1)])
    assert lifecycle.approve(request_of_alice, reviewer=bob, now=now) is None


def test_a_requester_who_lost_eligibility_gets_nothing(alice, laptop, bob, pep, now):
    inner = a_resource("inner", pep=pep, policy=a_policy("inner", requesters=["employees"]), number=11)
    asked = a_request(alice, inner, [laptop])
    lifecycle.sign_in(alice, groups=[], name="Alice", email="", auth_time=now, now=now)
    with pytest.raises(lifecycle.Refused, match="certain groups"):
        lifecycle.approve(asked, reviewer=bob, now=now)


def test_a_retired_device_gets_no_grant(alice, bob, laptop, fileshare, now):
    phone = a_device(alice, "phone")
    asked = a_request(alice, fileshare, [laptop, phone])
    lifecycle.retire_device(phone, actor=alice, reason="sold", now=now)
    grant = lifecycle.approve(asked, reviewer=bob, now=now)
    assert list(grant.devices.all()) == [laptop]


def test_the_rolling_total_is_counted_again_at_the_yes(alice, bob, laptop, pep, now):
    small = a_resource("small", pep=pep, policy=a_policy("small", longest_grant=HOUR, rolling_total=HOUR), number=11)
    first = a_request(alice, small, [laptop])
    second = a_request(alice, small, [a_device(alice, "phone")])
    lifecycle.approve(first, reviewer=bob, now=now)
    with pytest.raises(lifecycle.Refused, match="no time is left"):
        lifecycle.approve(second, reviewer=bob, now=now)
    assert Grant.objects.count() == 1


def test_each_rolling_total_counts_in_its_own_window(alice, bob, laptop, pep, now):
    """Terms of then with ten hours a week and of now with two a day: neither is overdrawn."""
    week = 7 * 24 * HOUR
    small = a_resource(pep=pep, policy=a_policy("small", longest_grant=2 * HOUR, rolling_total=10 * HOUR, rolling_window=week))
    a_grant(alice, small, [laptop], reviewer=bob, seconds=2 * HOUR)
    asked = a_request(alice, small, [laptop], seconds=HOUR)
    a_policy("small", longest_grant=2 * HOUR, rolling_total=2 * HOUR, rolling_window=24 * HOUR)
    with pytest.raises(lifecycle.Refused, match="Of 2 hours within 1 day, no time is left"):
        lifecycle.approve(asked, reviewer=bob, now=now)


@pytest.mark.parametrize(("then", "today"), [(None, HOUR), (2 * HOUR, HOUR), (HOUR, None), (HOUR, 2 * HOUR)])
def test_the_shorter_session_of_then_and_today_holds(alice, bob, laptop, pep, now, then, today):
    wiki = a_resource(pep=pep, policy=a_policy("wiki", session_length=then))
    asked = a_request(alice, wiki, [laptop], seconds=4 * HOUR)
    a_policy("wiki", session_length=today)
    lifecycle.approve(asked, reviewer=bob, now=now)
    assert decide(facts.facts_of(laptop, wiki, now), now).until == later(HOUR)


def test_whom_today_leaves_out_loses_what_was_asked_under_looser_terms(alice, bob, laptop, pep, now):
    wiki = a_resource(pep=pep, policy=a_policy("wiki"))
    asked = a_request(alice, wiki, [laptop])
    a_policy("wiki", requesters=["employees"])
    lifecycle.approve(asked, reviewer=bob, now=now)
    Membership.objects.filter(user=alice).delete()
    assert not decide(facts.facts_of(laptop, wiki, now), now)


def test_a_later_start_is_scheduled_and_gives_nothing_before(alice, bob, laptop, fileshare, now):
    grant = a_grant(alice, fileshare, [laptop], reviewer=bob, starts_at=later(HOUR))
    decision = decide(facts.facts_of(laptop, fileshare, now), now)
    assert (grant.state, grant.starts_at, grant.ends_at) == ("scheduled", later(HOUR), later(2 * HOUR))
    assert (bool(decision), decision.recheck_at) == (False, later(HOUR))


def test_a_start_that_passed_while_waiting_begins_at_the_yes(alice, bob, laptop, fileshare):
    asked = a_request(alice, fileshare, [laptop], starts_at=later(600))
    assert lifecycle.approve(asked, reviewer=bob, now=later(1200)).starts_at == later(1200)


def test_an_extension_begins_where_the_grant_ends(grant_of_alice, alice, bob, laptop, fileshare):
    longer = a_grant(alice, fileshare, [laptop], reviewer=bob, extends=grant_of_alice, now=later(60))
    assert (longer.extends, longer.starts_at, longer.ends_at) == (grant_of_alice, later(HOUR), later(2 * HOUR))
    assert decide(facts.facts_of(laptop, fileshare, later(61)), later(61)).until == later(2 * HOUR)


def test_an_extension_approved_after_the_end_begins_at_the_yes(grant_of_alice, alice, bob, laptop, fileshare):
    asked = a_request(alice, fileshare, [laptop], extends=grant_of_alice, now=later(60))
    assert lifecycle.approve(asked, reviewer=bob, now=later(2 * HOUR)).starts_at == later(2 * HOUR)


def test_the_log_tells_who_agreed_to_what(grant_of_alice, bob):
    event = AuditEvent.objects.get(verb="grant.made")
    assert (event.actor_id, event.data["user_name"], event.data["slug"]) == (bob.pk, "Alice", "fileshare")
    assert (event.data["starts_at"], event.data["ends_at"]) == ("2026-03-02T09:00:00.000000Z", "2026-03-02T10:00:00.000000Z")
