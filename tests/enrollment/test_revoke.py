"""Ending access: whose right it is, that nothing holds it back, and that it adds and takes nothing else."""

import pytest

from enrollment import facts, lifecycle
from enrollment.models import AuditEvent, Grant, Membership
from enrollment.policy import decide
from tests.factories import HOUR, a_grant, a_policy, a_request, later


def allowed(device, resource, now):
    return decide(facts.facts_of(device, resource, now), now)


@pytest.mark.parametrize("name", ["alice", "bob", "dave"])
def test_its_owner_an_approver_and_an_admin_may_end_it(request, name, grant_of_alice, laptop, fileshare):
    actor = request.getfixturevalue(name)
    lifecycle.revoke(grant_of_alice, actor=actor, reason="done", now=later(60))
    assert not allowed(laptop, fileshare, later(60))
    assert (grant_of_alice.state, grant_of_alice.ended_by, grant_of_alice.ended_at) == ("revoked", actor, later(60))


@pytest.mark.parametrize("name", ["carol", "erin"])
def test_nobody_else_may(request, name, grant_of_alice, laptop, fileshare, now):
    with pytest.raises(lifecycle.Refused):
        lifecycle.revoke(grant_of_alice, actor=request.getfixturevalue(name), reason="", now=now)
    assert allowed(laptop, fileshare, now)


def test_nothing_holds_a_revoke_back(grant_of_alice, alice, bob, dave, laptop, fileshare, now):
    lifecycle.retire_device(laptop, actor=alice, reason="", now=now)
    lifecycle.retire_resource(fileshare, actor=dave, now=now)
    lifecycle.disable_user(alice, actor=dave, now=now)
    a_policy("policy of fileshare", stages=[("others", 1)], requesters=["nobody"])
    lifecycle.revoke(grant_of_alice, actor=bob, reason="\x00 odd \u202e reason " * 999, now=later(60))
    assert Grant.objects.get().state == "revoked"


def test_who_may_approve_only_today_may_end_it_too(grant_of_alice, carol, now):
    a_policy("policy of fileshare", stages=[("night shift", 1)])
    Membership.objects.create(user=carol, group=facts.stage_that_waits(grant_of_alice.request).group, source="by hand", since=now)
    lifecycle.revoke(grant_of_alice, actor=carol, reason="", now=now)
    assert grant_of_alice.state == "revoked"


def test_a_revoke_is_final_and_the_second_learns_of_the_first(grant_of_alice, alice, bob, now):
    lifecycle.revoke(grant_of_alice, actor=bob, reason="", now=now)
    before = AuditEvent.objects.count()
    with pytest.raises(lifecycle.Conflict, match="revoked by Bob on 2026-03-02 at 09:00:00 UTC"):
        lifecycle.revoke(grant_of_alice, actor=alice, reason="", now=later(60))
    assert AuditEvent.objects.count() == before


def test_ending_one_of_two_leaves_what_the_other_gives(grant_of_alice, alice, bob, laptop, fileshare, now):
    longer = a_grant(alice, fileshare, [laptop], reviewer=bob, seconds=2 * HOUR)
    lifecycle.revoke(longer, actor=alice, reason="", now=later(60))
    assert allowed(laptop, fileshare, later(60)).until == later(HOUR)
    lifecycle.revoke(grant_of_alice, actor=alice, reason="", now=later(120))
    assert not allowed(laptop, fileshare, later(120))


def test_what_was_to_follow_ends_with_it(grant_of_alice, alice, bob, laptop, fileshare):
    longer = a_grant(alice, fileshare, [laptop], reviewer=bob, extends=grant_of_alice)
    asked = a_request(alice, fileshare, [laptop], extends=longer)
    lifecycle.revoke(grant_of_alice, actor=alice, reason="", now=later(60))
    longer.refresh_from_db()
    asked.refresh_from_db()
    assert (longer.state, asked.state) == ("revoked", "withdrawn")


def test_an_extension_that_has_begun_is_access_of_its_own(grant_of_alice, alice, bob, laptop, fileshare):
    longer = a_grant(alice, fileshare, [laptop], reviewer=bob, extends=grant_of_alice)
    lifecycle.activate_due(later(HOUR))
    lifecycle.revoke(grant_of_alice, actor=alice, reason="", now=later(HOUR + 60))
    longer.refresh_from_db()
    assert longer.state == "active"


def test_the_peps_concerned_are_told_after_the_commit(grant_of_alice, bob, pep, now, told_peps, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        lifecycle.revoke(grant_of_alice, actor=bob, reason="", now=now)
        assert told_peps == []
    assert told_peps == [frozenset({pep.pk})]
