"""Logout tokens: what the provider ends by them, and each check of the specification that a false one fails."""

import time

import jwt
import pytest
from django.test import Client

from enrollment.models import BrowserSession, LogoutToken
from portal.oidc.backchannel import EVENT
from tests.portal.conftest import PORTAL
from tests.portal.hostile import ABSENT, KEY, SIGNATURES, said

URL = "/accounts/oidc/logout/"


@pytest.fixture
def signed_in(hostile, browser):
    """A browser in which somebody signed in at session s1 of the provider."""
    hostile.id_token["sid"] = "s1"
    assert browser.sign_in("nobody").path == "/"
    return browser


def token_of(hostile, *, kind="logout+jwt", signature=None, **claims):
    now = int(time.time())
    usual = {"iss": hostile.issuer, "aud": "lychgate", "iat": now, "exp": now + 120, "jti": f"jti-{time.monotonic_ns()}"}
    usual |= {"sub": "subject-1", "sid": "s1", "events": {EVENT: {}}}
    if signature:
        return SIGNATURES[signature](said(usual, claims))
    headers = {"kid": "right", **({"typ": kind} if kind is not ABSENT else {})}
    return jwt.encode(said(usual, claims), KEY, algorithm="RS256", headers=headers)


def tell(token, **fields):
    return Client(HTTP_HOST="localhost:8000", enforce_csrf_checks=True).post(URL, {"logout_token": token, **fields})


def is_signed_in(browser):
    return browser.get(f"{PORTAL}/").path == "/"


@pytest.mark.parametrize(
    "claims", [{}, {"sub": ABSENT}, {"sid": ABSENT}, {"aud": ["other", "lychgate"]}, {"kind": ABSENT}, {"kind": "JWT"}]
)
def test_a_true_token_ends_the_session_at_once(hostile, signed_in, claims):
    answer = tell(token_of(hostile, **claims))
    assert (answer.status_code, answer.content) == (200, b"")
    assert "no-store" in answer.headers["Cache-Control"]
    assert not is_signed_in(signed_in)


@pytest.mark.parametrize("claims", [{"sub": "subject-2"}, {"sid": "s2"}, {"sub": "subject-2", "sid": ABSENT}])
def test_a_token_about_somebody_else_ends_nothing_here(hostile, signed_in, claims):
    assert tell(token_of(hostile, **claims)).status_code == 200
    assert is_signed_in(signed_in)


@pytest.mark.parametrize(
    ("claims", "because"),
    [
        ({"iss": "http://localhost:1"}, "another issuer"),
        ({"iss": ABSENT}, "another issuer"),
        ({"aud": "another"}, "another application"),
        ({"aud": ABSENT}, "another application"),
        ({"iat": ABSENT}, "iat is missing"),
        ({"iat": True}, "iat is missing"),
        ({"iat": "now"}, "iat is missing"),
        ({"iat": 1}, "too long ago"),
        ({"iat": 2**36}, "a clock that is ahead"),
        ({"exp": ABSENT}, "exp is missing"),
        ({"exp": 1}, "has expired"),
        ({"jti": ABSENT}, "no jti"),
        ({"jti": 7}, "JWT ID must be a string"),
        ({"jti": "x" * 256}, "jti cannot be read"),
        ({"sid": "s\x001"}, "sid cannot be read"),
        ({"sub": ["subject-1"]}, "sub cannot be read"),
        ({"sub": ABSENT, "sid": ABSENT}, "neither a subject nor a session"),
        ({"events": ABSENT}, "not about a logout"),
        ({"events": {}}, "not about a logout"),
        ({"events": [EVENT]}, "not about a logout"),
        ({"events": {EVENT: True}}, "not about a logout"),
        ({"nonce": "n"}, "has no nonce"),
        ({"nonce": None}, "has no nonce"),
        ({"kind": "at+jwt"}, "another type"),
        ({"signature": "another key"}, "not signed by the provider"),
        ({"signature": "an unknown key id"}, "not signed by the provider"),
        ({"signature": "alg none"}, "not signed by the provider"),
        ({"signature": "a shared secret"}, "not signed by the provider"),
        ({"signature": "nothing a JWT is"}, "not a signed JWT"),
    ],
)
def test_a_false_token_ends_nothing_and_is_told_why(hostile, signed_in, caplog, claims, because):
    answer = tell(token_of(hostile, **claims))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert because in answer.json()["error_description"]
    assert because in caplog.text
    assert "no-store" in answer.headers["Cache-Control"]
    assert is_signed_in(signed_in)
    assert not LogoutToken.objects.exists()


def test_an_id_token_is_no_logout_token_and_the_other_way_round(hostile, signed_in, browser):
    now = int(time.time())
    claims = {"iss": hostile.issuer, "aud": "lychgate", "sub": "subject-1", "sid": "s1", "iat": now, "exp": now + 120, "nonce": "n"}
    assert tell(SIGNATURES["its own key"](claims)).status_code == 400
    assert is_signed_in(signed_in)


def test_the_same_token_again_ends_nothing_more(hostile, signed_in):
    token = token_of(hostile, sid=ABSENT)
    assert tell(token).status_code == 200
    hostile.id_token["iat"] = int(time.time()) + 1  # after the logout, on a clock of whole seconds
    assert signed_in.sign_in("nobody").path == "/"
    answer = tell(token)
    assert (answer.status_code, "used before" in answer.json()["error_description"]) == (400, True)
    assert is_signed_in(signed_in)


def test_a_sign_in_that_the_provider_has_ended_meanwhile_is_refused(hostile, browser):
    hostile.id_token["sid"] = "s1"
    assert tell(token_of(hostile)).status_code == 200
    page = browser.sign_in("nobody")
    assert (page.status, "signed out at the identity provider while you signed in" in page.text) == (401, True)
    assert not BrowserSession.objects.exists()


@pytest.mark.parametrize("fields", [{"logout_token": ""}, {"logout_token": "x" * 20000}, {"logout_token": "a.b.c"}, {"another": "field"}])
def test_what_is_no_token_is_refused_and_nothing_is_fetched_for_it(hostile, fields):
    hostile.discovery["issuer"] = "asked"  # whoever asked the provider would be refused by it, with 503
    answer = Client(HTTP_HOST="localhost:8000").post(URL, fields)
    assert answer.status_code == 400


def test_keys_that_cannot_be_had_are_not_the_tokens_fault(hostile, signed_in):
    hostile.bodies["/jwks"] = b"out of order"
    answer = tell(token_of(hostile))
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    hostile.bodies.clear()
    assert tell(token_of(hostile)).status_code == 200
    assert not is_signed_in(signed_in)


def test_signing_out_here_ends_the_browsers_row(hostile, signed_in):
    signed_in.sign_out()
    assert BrowserSession.objects.get().ended_at is not None
    assert not is_signed_in(signed_in)
