"""What a provider must not get away with: each lie ends on a clear page, with no account and no session."""

import time

import jwt
import pytest

from enrollment.models import IdentityProof, User
from portal.oidc.refusal import SignInRefused
from portal.oidc.tokens import verified
from tests.portal.conftest import Browser
from tests.portal.hostile import ABSENT, KEY

NOW = int(time.time())
MANY = [f"group-{number}" for number in range(501)]


def check_refused(browser, caplog, because):
    page = browser.sign_in("nobody")
    assert (page.path, page.status) == ("/accounts/oidc/login/callback/", 401)
    assert "You are not signed in" in page.text
    assert because in page.text.replace("&#x27;", "'")
    assert because in caplog.text
    assert not User.objects.exists()
    assert browser.get("http://localhost:8000/").path == "/accounts/oidc/login/"


def test_an_honest_answer_is_believed(hostile, browser):
    assert browser.sign_in("nobody").path == "/"
    assert User.objects.get().subject == "subject-1"


@pytest.mark.parametrize(
    ("lie", "because"),
    [
        ({"nonce": "another"}, "does not belong to this sign-in"),
        ({"nonce": ABSENT}, "does not belong to this sign-in"),
        ({"nonce": None}, "does not belong to this sign-in"),
        ({"iss": "http://localhost:1"}, "another identity provider"),
        ({"iss": ABSENT}, "another identity provider"),
        ({"aud": "another"}, "meant for another application"),
        ({"aud": ABSENT}, "meant for another application"),
        ({"aud": ["another", "lychgate"]}, "issued to another application"),
        ({"aud": ["lychgate", "another"], "azp": "another"}, "issued to another application"),
        ({"azp": "another"}, "issued to another application"),
        ({"exp": NOW - 3600}, "has expired"),
        ({"exp": ABSENT}, "lacks a time"),
        ({"exp": "tomorrow"}, "lacks a time"),
        ({"exp": True}, "lacks a time"),
        ({"iat": NOW - 7200}, "clock"),
        ({"iat": NOW + 7200}, "clock"),
        ({"iat": ABSENT}, "lacks a time"),
        ({"nbf": NOW + 7200}, "not valid yet"),
        ({"sub": ABSENT}, "did not say who you are"),
        ({"sub": ""}, "did not say who you are"),
        ({"sub": "x" * 256}, "did not say who you are"),
        ({"sub": "line\nbreak"}, "did not say who you are"),
        ({"auth_time": NOW + 7200}, "too long ago"),
        ({"auth_time": "now"}, "lacks a time"),
    ],
)
def test_an_id_token_that_lies_is_refused(hostile, browser, caplog, lie, because):
    hostile.id_token.update(lie)
    hostile.userinfo.update({"sub": lie["sub"]} if isinstance(lie.get("sub"), str) else {})
    check_refused(browser, caplog, because)


@pytest.mark.parametrize("signature", ["another key", "an unknown key id", "alg none", "a shared secret", "nothing a JWT is"])
def test_an_id_token_that_the_provider_did_not_sign_is_refused(hostile, browser, caplog, signature):
    hostile.signature = signature
    check_refused(browser, caplog, "not signed")


def test_a_token_without_a_key_id_is_believed_where_there_is_one_key(hostile, browser):
    hostile.signature = "no key id"
    assert browser.sign_in("nobody").path == "/"


@pytest.mark.parametrize(
    ("lie", "because"),
    [
        ({"sub": "subject-2"}, "two different people"),
        ({"sub": ABSENT}, "two different people"),
        ({"groups": MANY}, "more groups than"),
        ({"groups": ["x" * 151]}, "more groups than"),
        ({"groups": [""]}, "more groups than"),
        ({"groups": ["line\nbreak"]}, "more groups than"),
        ({"groups": "lychgate-admins"}, "cannot be read"),
        ({"groups": [1]}, "cannot be read"),
        ({"groups": {"lychgate-admins": True}}, "cannot be read"),
        ({"groups": None}, "cannot be read"),
    ],
)
def test_a_userinfo_that_lies_is_refused(hostile, browser, caplog, lie, because):
    hostile.userinfo.update(lie)
    check_refused(browser, caplog, because)


@pytest.mark.parametrize(
    ("lie", "because"),
    [
        ({"state": "made-up"}, "was not started here"),
        ({"state": ABSENT}, "was not started here"),
        ({"iss": "http://localhost:1"}, "another identity provider"),
        ({"error": "server_error"}, "refused this sign-in"),
    ],
)
def test_an_answer_that_this_session_did_not_ask_for_is_refused(hostile, browser, caplog, lie, because):
    hostile.callback.update(lie)
    check_refused(browser, caplog, because)


@pytest.mark.parametrize("path", ["/token", "/userinfo", "/jwks"])
@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'"text"', b"\xff\xfe", b'{"padding": "' + b"x" * 2**21 + b'"}', b"[" * 2**17])
def test_a_provider_that_answers_nonsense_costs_a_clear_page(hostile, browser, caplog, path, body):
    hostile.bodies[path] = body
    check_refused(browser, caplog, "dentity provider")


def test_an_endless_answer_is_not_read_to_its_end(hostile, browser, caplog):
    hostile.userinfo["padding"] = "x" * 2**21
    check_refused(browser, caplog, "too long, or too slow")


def test_a_token_answer_never_reaches_the_log(hostile, browser, caplog):
    hostile.tokens.update({"access_token": ABSENT})
    check_refused(browser, caplog, "did not accept")
    assert "eyJ" not in caplog.text


def test_a_person_who_stops_at_the_provider_is_told_that_nothing_changed(hostile, browser):
    hostile.callback.update({"error": "access_denied", "code": ABSENT})
    assert "Nothing has changed here" in browser.sign_in("nobody").text


@pytest.mark.parametrize(
    ("lie", "because"),
    [
        ({"issuer": "http://localhost:1"}, "not the one this portal trusts"),
        ({"jwks_uri": ABSENT}, "cannot be used"),
        ({"token_endpoint": 1}, "cannot be used"),
    ],
)
def test_a_configuration_that_is_not_the_issuers_is_refused_before_anybody_leaves(hostile, browser, caplog, lie, because):
    hostile.discovery.update(lie)
    page = browser.sign_in("nobody")
    assert (page.path, page.status) == ("/accounts/oidc/login/", 401)
    assert because in page.text
    assert because in caplog.text


def test_a_provider_that_is_away_costs_a_clear_page(portal, browser, caplog):
    portal.DEMO, portal.OIDC_ISSUER, portal.OIDC_CLIENT_ID = True, "http://localhost:1", "lychgate"
    page = browser.sign_in("nobody")
    assert page.status == 401
    assert "does not answer" in page.text
    assert "does not answer" in caplog.text


def test_an_old_proof_is_refused_where_a_limit_is_set(hostile, browser, caplog, portal):
    portal.OIDC_MAX_AGE = 300
    hostile.id_token["auth_time"] = NOW - 3600
    check_refused(browser, caplog, "too long ago")


def test_a_missing_proof_is_refused_where_a_limit_is_set(hostile, browser, caplog, portal):
    portal.OIDC_MAX_AGE = 300
    hostile.id_token["auth_time"] = ABSENT
    check_refused(browser, caplog, "did not say when")
    assert hostile.asked["max_age"] == "300"


@pytest.mark.parametrize("way", ["", "fresh"])
def test_a_limit_in_the_address_takes_no_place_of_the_portals(hostile, browser, caplog, portal, way):
    portal.OIDC_MAX_AGE = 300
    hostile.id_token["auth_time"] = NOW - 3600
    query = {"auth_params": "max_age=99999999&prompt=none", "max_age": "99999999", **({way: "1"} if way else {})}
    page = browser.sign_in("nobody", **query)
    assert (hostile.asked["max_age"], hostile.asked.get("prompt")) == (("60", "login") if way else ("300", None))
    assert (page.status, "too long ago" in page.text) == (401, True)
    assert "too long ago" in caplog.text


@pytest.mark.parametrize(
    ("auth_time", "because"),
    [(NOW - 3600, "without asking you anew who you are"), (ABSENT, "did not say when you proved who you are")],
    ids=["long ago", "not said"],
)
def test_signing_in_afresh_is_refused_where_the_provider_asked_nobody_or_does_not_say(hostile, browser, caplog, auth_time, because):
    browser.sign_in("alice")
    hostile.id_token["auth_time"] = auth_time
    page = browser.sign_in("alice", fresh="1", next="/devices/")
    assert (page.status, because in page.text, because in caplog.text) == (401, True, True)
    assert "You are signed in as before" in page.text
    assert "fresh=1&amp;next=%2Fdevices%2F" in page.text
    assert not IdentityProof.objects.exists()


def test_where_the_provider_never_says_when_only_a_fresh_sign_in_is_a_proof(hostile, browser, portal):
    portal.OIDC_SENDS_AUTH_TIME = False
    hostile.id_token["auth_time"] = ABSENT
    browser.sign_in("alice")
    assert not IdentityProof.objects.exists()
    browser.sign_in("alice", fresh="1")
    proof = IdentityProof.objects.get()
    assert 0 <= (proof.recorded_at - proof.auth_time).total_seconds() < 60
    assert (hostile.asked["prompt"], hostile.asked["max_age"]) == ("login", "60")


def test_a_limit_added_to_the_providers_answer_counts_for_nothing(hostile, browser, caplog, portal):
    portal.OIDC_MAX_AGE = 300
    hostile.id_token["auth_time"] = NOW - 3600
    hostile.callback.update({"max_age": "99999999", "auth_time": str(NOW)})
    check_refused(browser, caplog, "too long ago")


@pytest.mark.parametrize("lie", [{"sub": "subject-2"}, {"nonce": "another"}, {"exp": NOW - 3600}, {"auth_time": "now"}])
def test_a_refused_proof_renews_nothing_and_ends_nothing(hostile, browser, lie):
    hostile.id_token["auth_time"] = NOW
    browser.sign_in("alice")
    hostile.id_token.update(lie)
    assert browser.sign_in("alice", fresh="1").status == 401
    assert IdentityProof.objects.count() == 1
    assert User.objects.get().subject == "subject-1"
    assert "Alice" in browser.get("http://localhost:8000/").text


def test_an_answer_to_another_browser_is_refused(hostile, browser, caplog):
    """Whoever sends their own answer to somebody else must not have them work in a foreign account."""
    hostile.bodies["/token"] = b"{}"  # kept back, so that its code is still good
    browser.sign_in("mallory")
    hostile.bodies.clear()
    answer = next(url for url in browser.trail if "/login/callback/?" in url)
    page = Browser().get(answer)
    assert (page.status, "was not started here" in page.text) == (401, True)
    assert "was not started here" in caplog.text
    assert not User.objects.exists()


@pytest.mark.parametrize("amr", ["mfa", {"mfa": True}, [["mfa"]], None, [None, 1, {}]])
def test_factors_that_cannot_be_read_are_none(hostile, browser, amr):
    hostile.id_token.update({"amr": amr, "auth_time": NOW})
    assert browser.sign_in("alice").path == "/"
    assert IdentityProof.objects.get().amr == []


def test_a_portal_without_a_provider_says_so(portal, browser):
    page = browser.get("http://localhost:8000/accounts/oidc/login/")
    assert page.status == 503
    assert "LYCHGATE_OIDC_ISSUER" in page.text


@pytest.mark.parametrize("keys", ["x", None, {"a": 1}, [None], ["x"], [{"kid": ["a"]}]])
def test_published_keys_that_are_none_sign_nothing(keys):
    token = jwt.encode({"sub": "somebody"}, KEY, algorithm="RS256", headers={"kid": "right"})
    with pytest.raises(SignInRefused, match="not signed by the identity provider"):
        verified(token, {"keys": keys})
