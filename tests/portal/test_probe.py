"""Asking the provider again, at one that answers as a test has it: what cuts, what never does, and where its refresh token is."""

import logging
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.cache import cache

from enrollment import clock
from enrollment.models import AuditEvent, BrowserSession, Notice, User
from portal.oidc import flow, rounds
from portal.oidc.probe import judge
from portal.oidc.sealed import seal, unseal
from portal.oidc.tasks import UNDER_WAY, probe_due_sessions
from tests import factories
from tests.portal.conftest import PORTAL, Browser
from tests.portal.hostile import ABSENT
from tests.races import at_once


@pytest.fixture
def asking(hostile, portal):
    portal.OIDC_PROBE_SECONDS = 60
    hostile.tokens["refresh_token"] = "token-1"
    return hostile


@pytest.fixture
def signed_in(asking, browser):
    """A browser in which somebody signed in; from then on each answer brings another refresh token."""
    assert browser.sign_in("nobody").path == "/"
    del asking.tokens["refresh_token"]
    return browser


def ask():
    """Have the provider asked about every session."""
    BrowserSession.objects.exclude(sealed_token="").update(probe_at=clock.now())
    probe_due_sessions()


def is_signed_in(browser):
    return browser.get(f"{PORTAL}/").path == "/"


def token():
    return unseal(BrowserSession.objects.get().sealed_token)


def test_nobody_is_asked_before_it_is_due_and_everybody_once_it_is(asking, signed_in):
    probe_due_sessions()
    assert asking.refreshed == []
    ask()
    probe_due_sessions()
    assert (asking.refreshed, token()) == (["token-1"], "token-2")
    wait = BrowserSession.objects.get().probe_at - clock.now()
    assert timedelta(seconds=50) < wait <= timedelta(seconds=60)


@pytest.mark.parametrize("methods", [["client_secret_post"], ["client_secret_basic"]])
def test_the_client_proves_itself_as_it_does_for_a_sign_in(asking, browser, methods):
    asking.discovery["token_endpoint_auth_methods_supported"] = methods
    browser.sign_in("nobody")
    by_sign_in = asking.posted.get("client_secret")
    ask()
    assert (asking.posted["grant_type"], asking.posted.get("client_secret")) == ("refresh_token", by_sign_in)
    assert (by_sign_in is None) is ("client_secret_basic" in methods)


def test_a_refusal_ends_the_session_and_nobody_elses(asking, signed_in):
    asking.id_token["sub"] = "subject-2"
    asking.userinfo["sub"] = "subject-2"
    other = Browser()
    assert other.sign_in("another").path == "/"  # without a refresh token
    asking.refusal, asking.statuses["/token"] = "invalid_grant", 400
    ask()
    assert (is_signed_in(signed_in), is_signed_in(other)) == (False, True)
    assert set(User.objects.values_list("is_active", flat=True)) == {True}


NO_REFUSAL = {
    "an error of its own": (500, b"{}"),
    "a page where it is down": (503, b"<html>"),
    "too many questions": (429, b'{"error": "slow_down"}'),
    "the secret is wrong": (401, b'{"error": "invalid_client"}'),
    "the secret is wrong, said as 400": (400, b'{"error": "invalid_client"}'),
    "the client may not": (400, b'{"error": "unauthorized_client"}'),
    "no form that it knows": (400, b'{"error": "invalid_request"}'),
    "a refusal by a proxy": (403, b'{"error": "invalid_grant"}'),
    "a refusal that is none": (200, b'{"error": "invalid_grant"}'),
    "a list of errors": (400, b'{"error": ["invalid_grant"]}'),
    "a list": (400, b'["invalid_grant"]'),
    "a word": (400, b'"invalid_grant"'),
    "no letters": (400, b"\xff\xfe"),
    "deeper than one can read": (400, b"[" * 200_000),
    "longer than one can read": (400, b'{"error": "invalid_grant", "padding": "' + b"x" * 2**21 + b'"}'),
    "it moved": (302, b'{"error": "invalid_grant"}'),
    "nothing": (200, b"{}"),
    "no access": (200, b'{"refresh_token": "token-9"}'),
}


@pytest.mark.parametrize("what", NO_REFUSAL)
def test_whatever_is_no_refusal_cuts_nobody_and_is_asked_again_later(asking, signed_in, caplog, what):
    asking.statuses["/token"], asking.bodies["/token"] = NO_REFUSAL[what]
    caplog.set_level(logging.WARNING, "portal.oidc")
    ask()
    row = BrowserSession.objects.get()
    assert (row.ended_at, row.probed_at, row.probe_tries, token()) == (None, None, 1, "token-1")
    assert row.probe_at > clock.now() + timedelta(seconds=110)
    assert is_signed_in(signed_in)
    operator = "client" in str(NO_REFUSAL[what])
    assert [record.levelname for record in caplog.records if record.name == "portal.oidc.rounds"] == ["ERROR" if operator else "WARNING"]
    asking.statuses.clear()
    asking.bodies.clear()
    ask()
    assert (asking.refreshed, token()) == (["token-1"], "token-2")
    assert BrowserSession.objects.get().probe_tries == 0


@pytest.mark.parametrize("where", ["/token", "/.well-known/openid-configuration"])
def test_a_provider_that_is_away_or_too_slow_cuts_nobody(asking, signed_in, portal, monkeypatch, where):
    monkeypatch.setattr(flow, "TIMEOUT_SECONDS", (0.2, 0.2))
    if where == "/token":
        asking.wait, asking.refusal, asking.statuses["/token"] = 0.6, "invalid_grant", 400
    else:
        cache.clear()
        portal.OIDC_ISSUER = "http://localhost:1"
    ask()
    portal.OIDC_ISSUER = asking.issuer
    assert is_signed_in(signed_in)
    assert BrowserSession.objects.get().ended_at is None


def test_a_provider_that_does_not_answer_is_not_asked_about_everybody(asking, hostile):
    for number in range(5):
        hostile.id_token["sub"] = hostile.userinfo["sub"] = f"subject-{number}"
        assert Browser().sign_in("somebody").path == "/"
    asking.statuses["/token"], asking.bodies["/token"] = 503, b"{}"
    ask()
    assert sorted(BrowserSession.objects.values_list("probe_tries", flat=True)) == [0, 0, 1, 1, 1]


LIES = [{"sub": "subject-2"}, {"sub": ABSENT}, {"iss": "http://localhost:1"}, {"aud": "another"}, {"azp": "another"}]


@pytest.mark.parametrize("lie", [*LIES, "another key"], ids=str)
def test_an_answer_about_somebody_else_cuts_nobody_and_raises_an_alarm(asking, signed_in, lie):
    factories.a_person("dave")
    Notice.objects.all().delete()
    if isinstance(lie, str):
        asking.signature = lie
    else:
        asking.id_token.update(lie)
    ask()
    ask()
    row = BrowserSession.objects.get(ended_at=None, user__subject="subject-1")
    assert (row.probed_at, row.probe_tries, unseal(row.sealed_token)) == (None, 2, "token-3")
    assert is_signed_in(signed_in)
    assert AuditEvent.objects.filter(verb="user.mistaken").count() == 2
    assert Notice.objects.get(subject__startswith="ALARM").to == "dave@example.com"


def test_keys_that_cannot_be_had_cut_nobody_and_what_was_rotated_is_kept(asking, signed_in):
    asking.bodies["/jwks"] = b"out of order"
    ask()
    row = BrowserSession.objects.get()
    assert (row.probed_at, row.ended_at, token()) == (None, None, "token-2")
    assert not AuditEvent.objects.filter(verb="user.mistaken").exists()


@pytest.mark.parametrize("brings", [{}, {"refresh_token": ABSENT}, {"id_token": ABSENT}, {"refresh_token": ["token-9"]}], ids=str)
def test_an_answer_may_bring_a_token_or_none(asking, signed_in, brings):
    asking.tokens.update(brings)
    ask()
    assert token() == ("token-1" if "refresh_token" in brings else "token-2")
    assert BrowserSession.objects.get().probed_at is not None


@pytest.mark.sqlite
@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_send_a_token_once(asking, signed_in):
    asking.wait = 0.1
    BrowserSession.objects.update(probe_at=clock.now())
    at_once(rounds.make_round, rounds.make_round, rounds.make_round)
    assert (asking.refreshed, token()) == (["token-1"], "token-2")


def test_one_worker_makes_one_round_at_a_time(asking, signed_in):
    with UNDER_WAY:
        ask()
    assert asking.refreshed == []
    ask()
    assert asking.refreshed == ["token-1"]
    assert not UNDER_WAY.locked()


def test_an_error_of_ours_cuts_nobody(asking, signed_in, portal, caplog):
    portal.OIDC_CLIENT_ID = None  # nothing that can be sent
    asking.discovery["token_endpoint_auth_methods_supported"] = ["client_secret_basic"]
    cache.clear()
    ask()
    assert "could not be checked" in caplog.text
    assert BrowserSession.objects.get().ended_at is None


NO_TOKENS = [ABSENT, "", 7, ["token"], "x" * 20_000, "tok\nen", "t\u00f6ken", "\ud800"]


class TestWhereTheTokenIs:
    def test_it_is_sealed_and_in_nothing_else_that_is_kept_or_logged(self, asking, signed_in, caplog):
        caplog.set_level(logging.DEBUG)
        asking.tokens["refresh_token"] = "token-of-nobodys-business"
        ask()
        asking.statuses["/token"], asking.bodies["/token"] = 400, b'{"error": "token-of-nobodys-business"}'
        ask()
        kept = [*BrowserSession.objects.values(), *AuditEvent.objects.values(), *Notice.objects.values()]
        kept += [session.get_decoded() for session in Session.objects.all()]
        kept += [caplog.text, *cache._cache.values()]  # noqa: SLF001 - whatever is in there
        kept.append(judge(200, {"access_token": "token-1", "refresh_token": "token-1", "id_token": "token-1"}))  # as a trace would print it
        assert token() == "token-of-nobodys-business"
        assert not [each for each in kept if "nobodys-business" in str(each) or "token-1" in str(each)]

    def test_the_same_token_twice_gives_two_seals_that_both_open(self):
        seals = {seal("a token") for _ in range(50)}
        assert (len(seals), {unseal(each) for each in seals}) == (50, {"a token"})

    @pytest.mark.parametrize("broken", ["", "a token", "x" * 200])
    def test_what_is_no_seal_does_not_open(self, broken):
        assert unseal(broken) is None

    def test_a_seal_that_was_changed_does_not_open(self):
        sealed = seal("a token")
        assert unseal(sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:]) is None

    def test_with_another_secret_key_the_session_goes_on_and_is_asked_about_no_more(self, asking, signed_in, portal, caplog):
        portal.SECRET_KEY = "another one, of fifty letters and more, as good as random"
        ask()
        ask()
        row = BrowserSession.objects.get()
        assert (asking.refreshed, row.sealed_token, row.ended_at) == ([], "", None)
        assert caplog.text.count("no longer checked") == 1

    def test_signing_out_takes_it_away(self, asking, signed_in):
        signed_in.sign_out()
        assert BrowserSession.objects.get().sealed_token == ""

    def test_signing_in_again_puts_the_new_one_in_its_place_and_without_one_the_old_one_stays(self, asking, signed_in):
        asking.tokens["refresh_token"] = "token-b"
        signed_in.sign_in("nobody", fresh="1")
        assert token() == "token-b"
        asking.tokens["refresh_token"] = ABSENT
        signed_in.sign_in("nobody", fresh="1")
        assert token() == "token-b"

    @pytest.mark.parametrize("given", NO_TOKENS, ids=lambda given: ascii(given)[:12])
    def test_what_is_no_token_is_not_kept_and_the_sign_in_goes_through(self, asking, browser, given):
        asking.tokens["refresh_token"] = given
        assert browser.sign_in("nobody").path == "/"
        assert BrowserSession.objects.get().sealed_token == ""

    def test_where_nobody_is_to_be_asked_none_is_kept(self, asking, browser, portal):
        portal.OIDC_PROBE_SECONDS = 0
        assert browser.sign_in("nobody").path == "/"
        assert BrowserSession.objects.get().sealed_token == ""

    def test_it_is_shown_to_nobody_but_who_gave_it(self, asking, signed_in):
        User.objects.update(issuer="https://before.example")
        ask()
        assert asking.refreshed == []


class TestTheQuestion:
    def test_a_sign_in_asks_for_consent_where_the_settings_say_so(self, asking, browser, portal):
        portal.OIDC_SCOPES = ["profile", "offline_access"]
        browser.sign_in("nobody")
        assert (set(asking.asked["scope"].split()), "prompt" in asking.asked) == ({"openid", "profile", "offline_access"}, False)
        portal.OIDC_CONSENT = True
        Browser().sign_in("nobody")
        assert asking.asked["prompt"] == "consent"
        browser.sign_in("nobody", fresh="1")
        assert asking.asked["prompt"] == "login consent"
