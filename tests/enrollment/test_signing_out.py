"""Signing out, here or at the provider: what ends with it, for whom, and what a logout token can do."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from enforcement.tasks import sweep_due_peps
from enrollment import facts, lifecycle
from enrollment.models import AuditEvent, BrowserSession, IdentityProof, LogoutToken
from enrollment.policy import decide
from tests.factories import a_grant, a_policy, a_resource, later

HOUR = 3600


def sign_in(user, *, at, **more):
    """Sign somebody in with a session of Django's own, as a browser does; return the browser."""
    browser = lifecycle.sign_in(user, groups=None, name=user.name, email="", auth_time=at, now=at, **more)
    session = SessionStore()
    session.create()
    assert lifecycle.keep_key(browser, session.session_key)
    return browser


def told_by_provider(user, *, sid="", subject="", jti="one", at, issued_at=None):
    return lifecycle.sign_out_by_provider(
        issuer=user.issuer, jti=jti, subject=subject, sid=sid, issued_at=issued_at or at, expires_at=at + timedelta(minutes=2), now=at
    )


def bound(pep, alice, bob, laptop, slug="bound", number=11, **terms):
    resource = a_resource(slug, pep=pep, number=number, policy=a_policy(slug, session_length=4 * HOUR, **terms))
    a_grant(alice, resource, [laptop], reviewer=bob, seconds=8 * HOUR)
    return resource


def reaches(device, resource, at):
    return bool(decide(facts.facts_of(device, resource, at), at))


def test_signing_out_ends_the_session_and_by_policy_the_access(alice, bob, laptop, pep, now):
    ends, stays = bound(pep, alice, bob, laptop), bound(pep, alice, bob, laptop, "stays", 12, ends_at_logout=False)
    IdentityProof.objects.update(withdrawn_at=now)  # those of the fixtures
    browser = sign_in(alice, at=now)
    assert (reaches(laptop, ends, now), reaches(laptop, stays, now)) == (True, True)
    lifecycle.sign_out(alice, browser.pk, now=later(60))
    assert (reaches(laptop, ends, later(60)), reaches(laptop, stays, later(60))) == (False, True)
    assert not Session.objects.exists()
    told = AuditEvent.objects.get(verb="user.signed_out").data
    assert (told["user"], told["browsers"], told["by"]) == (alice.pk, [browser.pk], "themselves")
    lifecycle.sign_out(alice, browser.pk, now=later(61))
    assert AuditEvent.objects.filter(verb="user.signed_out").count() == 1


def test_all_proofs_of_one_browser_end_with_it_and_those_of_another_go_on(alice, bob, laptop, pep, now):
    ends = bound(pep, alice, bob, laptop)
    IdentityProof.objects.update(withdrawn_at=now)
    first = sign_in(alice, at=now)
    again = sign_in(alice, at=later(60), browser=first.pk, sid="renewed")
    assert again.pk == first.pk
    other = sign_in(alice, at=later(90))
    lifecycle.sign_out(alice, first.pk, now=later(120))
    assert reaches(laptop, ends, later(120))
    lifecycle.sign_out(alice, other.pk, now=later(130))
    assert not reaches(laptop, ends, later(130))


def test_signing_out_everywhere_ends_every_session_of_hers_and_nobody_elses(alice, erin, now):
    hers, other, foreign = (sign_in(each, at=now) for each in (alice, alice, erin))
    lifecycle.sign_out_everywhere(alice, now=later(60))
    assert {browser.pk for browser in BrowserSession.objects.filter(ended_at=later(60))} >= {hers.pk, other.pk}
    foreign.refresh_from_db()
    assert (foreign.ended_at, list(Session.objects.values_list("session_key", flat=True))) == (None, [foreign.key])
    assert not IdentityProof.objects.filter(user=alice, signed_out_at=None, browser__isnull=False).exists()


def test_nobody_signs_somebody_else_out(alice, erin, now):
    browser = sign_in(alice, at=now)
    lifecycle.sign_out(erin, browser.pk, now=now)
    browser.refresh_from_db()
    assert browser.ended_at is None


def test_another_persons_sign_in_ends_the_first_ones_in_that_browser(alice, erin, now):
    hers = sign_in(alice, at=now)
    other = sign_in(erin, at=later(60), browser=hers.pk)
    hers.refresh_from_db()
    assert (other.pk != hers.pk, hers.ended_at) == (True, later(60))
    assert AuditEvent.objects.get(verb="user.signed_out").data["by"] == "another sign-in"


@pytest.mark.parametrize(("named", "ended"), [("sid", 1), ("subject", 2), ("both", 1), ("earlier sid", 1), ("stranger", 0), ("mixed", 0)])
def test_the_provider_ends_one_session_or_all_of_a_subject(alice, erin, bob, laptop, pep, now, named, ended):
    BrowserSession.objects.update(ended_at=now)  # those of the fixtures
    before = BrowserSession.objects.count()
    one, _two, foreign = sign_in(alice, at=now, sid="s1"), sign_in(alice, at=now, sid="s2"), sign_in(erin, at=now, sid="s3")
    if named == "earlier sid":
        sign_in(alice, at=later(10), sid="s4", browser=one.pk)
    about = {
        "sid": {"sid": "s1"},
        "earlier sid": {"sid": "s1"},
        "subject": {"subject": alice.subject},
        "both": {"sid": "s1", "subject": alice.subject},
        "stranger": {"sid": "s9"},
        "mixed": {"sid": "s3", "subject": alice.subject},
    }[named]
    assert told_by_provider(alice, at=later(60), **about) == ended
    assert BrowserSession.objects.exclude(ended_at=None).count() == before + ended
    assert AuditEvent.objects.filter(verb="user.signed_out", data__by="the provider").count() == min(ended, 1)
    foreign.refresh_from_db()
    assert foreign.ended_at is None


def test_another_issuers_session_of_the_same_name_goes_on(alice, now):
    sign_in(alice, at=now, sid="s1")
    assert lifecycle.sign_out_by_provider(
        issuer="https://other.example", jti="x", subject=alice.subject, sid="s1", issued_at=now, expires_at=later(60), now=now
    ) == 0  # fmt: skip


def test_a_logout_token_is_believed_once(alice, now):
    told_by_provider(alice, sid="s1", at=now)
    sign_in(alice, at=later(60), sid="s2")
    with pytest.raises(lifecycle.Refused, match="used before"):
        told_by_provider(alice, sid="s2", at=later(70))
    assert BrowserSession.objects.get(sid="s2").ended_at is None


def test_a_logout_that_overtakes_its_sign_in_is_not_forgotten(alice, now):
    told_by_provider(alice, sid="s1", at=now)
    with pytest.raises(lifecycle.Refused, match="signed out at the identity provider"):
        sign_in(alice, at=later(1), sid="s1", issued_at=later(-1))
    sign_in(alice, at=later(1), sid="s2", issued_at=later(-1))
    told_by_provider(alice, subject=alice.subject, jti="two", at=later(10))
    with pytest.raises(lifecycle.Refused, match="signed out at the identity provider"):
        sign_in(alice, at=later(12), sid="s3", issued_at=later(9))
    sign_in(alice, at=later(12), sid="s3", issued_at=later(11))


def test_a_browser_that_was_ended_while_it_began_keeps_no_key(alice, now):
    browser = lifecycle.sign_in(alice, groups=None, name="Alice", email="", auth_time=now, sid="s1", now=now)
    told_by_provider(alice, sid="s1", at=now)
    assert not lifecycle.keep_key(browser, "a-key")


def test_tokens_are_forgotten_once_no_sign_in_can_be_about_them(alice, now):
    told_by_provider(alice, sid="s1", at=now)
    lifecycle.forget_logout_tokens(now=later(3600))
    assert LogoutToken.objects.exists()
    lifecycle.forget_logout_tokens(now=later(3600 + 120))
    assert not LogoutToken.objects.exists()


def test_the_sweep_forgets_sessions_that_are_over_and_no_others(db):
    for key, seconds in {"over": -1, "goes on": HOUR}.items():
        Session.objects.create(session_key=key, session_data="", expire_date=later(seconds, since=timezone.now()))
    sweep_due_peps()
    assert list(Session.objects.values_list("session_key", flat=True)) == ["goes on"]


def test_a_grant_keeps_the_strictest_of_the_terms_of_then_and_today(alice, bob, laptop, pep, now):
    wiki = a_resource(pep=pep, policy=a_policy("wiki", session_length=HOUR, ends_at_logout=False))
    asked = lifecycle.request_access(alice, resource=wiki, devices=[laptop], seconds=600, reason="work", now=now)
    a_policy("wiki", session_length=2 * HOUR, needs_mfa=True)
    grant = lifecycle.approve(asked, reviewer=bob, now=now)
    assert (grant.session_length, grant.needs_mfa, grant.ends_at_logout) == (HOUR, True, True)


def test_a_second_factor_without_an_age_is_refused(dave, now):
    with pytest.raises(lifecycle.Refused, match="how old the sign-in"):
        a_policy("odd", session_length=None, needs_mfa=True)
