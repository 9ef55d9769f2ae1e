"""What RFC 9700 asks of a client beyond the checks of an answer, at a provider that would let it pass."""

import base64
import hashlib

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from enrollment.models import BrowserSession
from portal.oidc.flow import checked
from portal.oidc.refusal import SignInRefused
from tests.portal.conftest import PORTAL, Browser
from tests.portal.hostile import ABSENT

SIGN_IN, HOME = f"{PORTAL}/accounts/oidc/login/", f"{PORTAL}/"
COOKIE = "lychgate-session"
TLS = {name: f"https://id.example.com/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")}


def callback_of(browser):
    return next(url for url in browser.trail if "/login/callback/?" in url)


def begun(browser):
    """Press the portal's button, and look at where one is sent."""
    return browser.portal.post("/accounts/oidc/login/", {"csrfmiddlewaretoken": browser.portal.cookies["lychgate-csrf"].value})


def test_only_a_code_is_asked_for_and_only_a_code_is_paid_with(hostile, browser):
    browser.sign_in("alice")
    assert (hostile.asked["response_type"], hostile.asked.get("response_mode", "query")) == ("code", "query")
    assert (hostile.posted["grant_type"], hostile.posted["code"]) == ("authorization_code", "a-code")
    assert hostile.posted["redirect_uri"] == hostile.asked["redirect_uri"]
    assert not {"password", "username", "assertion", "refresh_token"} & set(hostile.posted)


def test_the_proof_of_the_code_is_the_one_that_was_promised(hostile, browser):
    browser.sign_in("alice")
    verifier = hostile.posted["code_verifier"]
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert hostile.asked["code_challenge"] == digest
    assert (43 <= len(verifier) <= 128, verifier in str(browser.trail)) == (True, False)


@pytest.mark.parametrize("query", ["", "?fresh=1"])
def test_nothing_but_the_button_starts_a_sign_in(hostile, browser, query):
    answers = [ask(f"/accounts/oidc/login/{query}") for ask in (browser.portal.get, browser.portal.head)]
    assert [(answer.status_code, answer.get("Location")) for answer in answers] == [(200, None)] * 2
    assert not Session.objects.exists()  # which would hold what was begun


def test_an_answer_is_good_once(hostile, browser):
    browser.sign_in("alice")
    hostile.posted = {}
    page = browser.get(callback_of(browser))
    assert (page.status, "was not started here" in page.text, hostile.posted) == (401, True, {})


def test_no_token_and_no_secret_is_ever_in_an_address(hostile, browser):
    browser.sign_in("alice")
    hostile.id_token["nonce"] = "another"  # the page then shown still has the code in its address
    browser.sign_in("alice", fresh="1")
    assert [
        url for url in (*browser.trail, *hostile.addresses) if any(secret in url for secret in ("eyJ", "opaque", "a%20secret", "a+secret"))
    ] == []


def test_a_page_that_has_a_code_in_its_address_tells_nobody_and_is_kept_by_nobody(hostile, browser):
    hostile.id_token["nonce"] = "another"
    page = browser.sign_in("alice")
    assert "code=a-code" in page.url
    assert (page.headers["Referrer-Policy"], page.headers["X-Frame-Options"]) == ("same-origin", "DENY")
    assert "no-store" in page.headers["Cache-Control"]
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert 'src="http' not in page.text


def test_a_provider_that_promises_to_name_itself_must(hostile, browser):
    hostile.discovery["authorization_response_iss_parameter_supported"] = True
    page = browser.sign_in("alice")
    assert (page.status, "came from another identity provider" in page.text, "/token" in hostile.addresses) == (401, True, False)
    hostile.callback["iss"] = hostile.issuer
    assert browser.sign_in("alice").path == "/"


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/jwks", "/token", "/userinfo"])
def test_no_redirect_carries_a_code_a_secret_or_a_token_elsewhere(hostile, browser, path):
    hostile.bodies[path] = f"{hostile.issuer}/elsewhere"
    page = browser.sign_in("alice")
    assert (page.status, path in hostile.addresses, "/elsewhere" in hostile.addresses) == (401, True, False)


def test_what_is_posted_here_is_never_posted_on(hostile, browser):
    """A 307 or 308 would have the browser send the form to the provider too."""
    hostile.discovery["end_session_endpoint"] = f"{hostile.issuer}/end"
    page = browser.get(SIGN_IN)
    start = begun(browser)
    assert (page.status, start.status_code, start["Location"].startswith(f"{hostile.issuer}/authorization?")) == (200, 302, True)
    browser.sign_in("alice")
    assert browser.portal.get("/accounts/oidc/login/").status_code == 302
    end = browser.portal.post("/accounts/logout/", {"csrfmiddlewaretoken": browser.portal.cookies["lychgate-csrf"].value})
    assert (end.status_code, end["Location"].startswith(f"{hostile.issuer}/end?")) == (302, True)


@pytest.mark.parametrize("name", ["next", "post_logout_redirect_uri", "redirect_uri"])
def test_signing_out_leads_nowhere_but_here(hostile, browser, name):
    hostile.discovery["end_session_endpoint"] = f"{hostile.issuer}/end"
    browser.sign_in("alice")
    token = browser.portal.cookies["lychgate-csrf"].value
    answer = browser.portal.post(f"/accounts/logout/?{name}=https://evil.example/", {"csrfmiddlewaretoken": token, name: "//evil.example"})
    assert answer["Location"].startswith(f"{hostile.issuer}/end?")
    assert ("evil" in answer["Location"], "post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A8000%2F" in answer["Location"]) == (
        False,
        True,
    )


def test_a_session_that_somebody_planted_is_another_one_after_signing_in(hostile, browser):
    other = Browser()
    other.get(SIGN_IN)
    assert begun(other).status_code == 302
    planted = other.portal.cookies[COOKIE].value  # what is begun at the provider is kept in a session
    browser.portal.cookies[COOKIE] = planted
    browser.sign_in("alice")
    assert browser.portal.cookies[COOKIE].value != planted
    thief = Client(HTTP_HOST="localhost:8000")
    thief.cookies[COOKIE] = planted
    assert (thief.get("/").status_code, Session.objects.filter(session_key=planted).exists()) == (302, False)


@pytest.mark.parametrize("name", TLS)
def test_a_provider_over_tls_has_all_its_endpoints_there(settings, name):
    settings.OIDC_ISSUER = "https://id.example.com"
    configuration = {"issuer": settings.OIDC_ISSUER, **TLS}
    assert checked(configuration) == configuration
    with pytest.raises(SignInRefused, match="cannot be used"):
        checked({**configuration, name: TLS[name].replace("https", "http")})


def test_no_refresh_token_is_asked_for_and_one_that_comes_is_not_kept(hostile, browser):
    """As shipped; where the provider is to be asked again, tests/portal/test_probe.py."""
    hostile.tokens.update({"refresh_token": "a refresh token", "scope": ABSENT})
    browser.sign_in("alice")
    assert "offline_access" not in hostile.asked["scope"]
    assert ("a refresh token" in str(dict(browser.portal.session)), BrowserSession.objects.get().sealed_token) == (False, "")
