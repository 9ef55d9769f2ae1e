"""Cutting somebody off: at once, everything, and reversibly unless they leave."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from enrollment import facts, lifecycle
from enrollment.models import AuditEvent, Grant
from enrollment.policy import decide
from tests.factories import a_device, a_grant, a_policy, a_resource, later


def test_access_stops_at_once_and_returns_when_enabled_again(alice, dave, laptop, fileshare, grant_of_alice, now):
    lifecycle.disable_user(alice, actor=dave, now=now)
    laptop.refresh_from_db()
    assert not decide(facts.facts_of(laptop, fileshare, now), now)
    lifecycle.enable_user(alice, actor=dave, now=now)
    laptop.owner.refresh_from_db()
    assert decide(facts.facts_of(laptop, fileshare, now), now)


def test_a_leaver_is_revoked_for_good(alice, dave, laptop, fileshare, grant_of_alice, now):
    lifecycle.disable_user(alice, actor=dave, now=now, leaves=True)
    lifecycle.enable_user(alice, actor=dave, now=later(60))
    laptop.owner.refresh_from_db()
    assert not decide(facts.facts_of(laptop, fileshare, later(60)), later(60))
    assert (Grant.objects.get().state, Grant.objects.get().ended_by) == ("revoked", dave)


def test_the_log_says_from_where_a_leavers_grant_ended(alice, dave, grant_of_alice, now):
    lifecycle.disable_user(alice, actor=dave, now=now, leaves=True)
    told = AuditEvent.objects.get(verb="grant.revoked").data
    assert (told["from"], told["to"]) == ("active", "revoked")


def test_pending_questions_are_withdrawn(request_of_alice, alice, dave, now):
    lifecycle.disable_user(alice, actor=dave, now=now)
    request_of_alice.refresh_from_db()
    assert request_of_alice.state == "withdrawn"


def test_their_sessions_end_and_nobody_elses(alice, erin, dave, now):
    hers, other = Client(), Client()
    hers.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    other.force_login(erin, backend="django.contrib.auth.backends.ModelBackend")
    for person, client in ((alice, hers), (erin, other)):
        browser = lifecycle.sign_in(person, groups=None, name=person.name, email="", auth_time=now, now=now)
        assert lifecycle.keep_key(browser, client.session.session_key)
    lifecycle.disable_user(alice, actor=dave, now=now)
    assert [session.get_decoded()["_auth_user_id"] for session in Session.objects.all()] == [str(erin.pk)]


def test_a_session_kept_elsewhere_is_broken_too(alice, dave, now):
    before = alice.get_session_auth_hash()
    lifecycle.disable_user(alice, actor=dave, now=now)
    lifecycle.enable_user(alice, actor=dave, now=now)
    assert alice.get_session_auth_hash() != before


def test_whoever_is_let_in_again_proves_anew_who_they_are(alice, bob, dave, laptop, pep, now):
    fresh = a_resource("fresh", pep=pep, policy=a_policy("fresh", session_length=600))
    a_grant(alice, fresh, [laptop], reviewer=bob)
    assert decide(facts.facts_of(laptop, fresh, now), now)
    lifecycle.disable_user(alice, actor=dave, now=now)
    lifecycle.enable_user(alice, actor=dave, now=now)
    assert "Sign in again" in " ".join(decide(facts.facts_of(laptop, fresh, now), now).reasons)
    lifecycle.sign_in(alice, groups=None, name="Alice", email="", auth_time=now, now=now)
    assert decide(facts.facts_of(laptop, fresh, now), now)


def test_what_is_erins_stays(alice, erin, bob, dave, fileshare, now):
    hers = a_device(erin)
    a_grant(erin, fileshare, [hers], reviewer=bob)
    lifecycle.disable_user(alice, actor=dave, now=now, leaves=True)
    assert decide(facts.facts_of(hers, fileshare, now), now)


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "erin"])
@pytest.mark.parametrize("verb", ["disable_user", "enable_user"])
def test_only_an_admin_or_the_system_may(request, alice, verb, name, now):
    with pytest.raises(lifecycle.Refused, match="Only an admin"):
        getattr(lifecycle, verb)(alice, actor=request.getfixturevalue(name), now=now)
    alice.refresh_from_db()
    assert alice.is_active


def test_the_second_time_is_said_to_be_one(alice, now):
    lifecycle.disable_user(alice, actor=None, now=now)
    with pytest.raises(lifecycle.Conflict, match="The account was disabled by the system on "):
        lifecycle.disable_user(alice, actor=None, now=now)
