"""The provider that is not ours: what it says beyond the demo's own, and what the portal makes of it."""

import base64
import hashlib
import secrets
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue
from urllib.parse import parse_qs, urljoin, urlsplit

import jwt
import pytest
import requests
from django.utils import timezone

from enrollment import clock
from enrollment.models import AuditEvent, BrowserSession, IdentityProof, User
from portal.demo import cast
from portal.oidc.sealed import unseal
from portal.oidc.tasks import probe_due_sessions
from tests.node_provider import running_node_provider
from tests.portal.conftest import PORTAL, Browser

SIGN_IN = f"{PORTAL}/accounts/oidc/login/"


@pytest.fixture(scope="module")
def logout_tokens():
    """Yield the address of a small receiver, and what has arrived there."""
    arrived = Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()
            arrived.put(form["logout_token"][0])

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://localhost:{server.server_port}/", arrived
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def provider(tmp_path_factory, logout_tokens):
    with running_node_provider(tmp_path_factory.mktemp("node"), portal=PORTAL, logout_tokens=logout_tokens[0]) as running:
        yield running


@pytest.fixture(autouse=True)
def everybody_as_in_the_demo(provider):
    yield
    provider.reset()


@pytest.fixture
def tokens(provider):
    """Sign somebody in as a client that asks for offline_access does; return the answer of the token endpoint."""

    def ask(username, prompt="consent"):
        verifier = secrets.token_urlsafe(40)
        asked = {
            "client_id": provider.client_id,
            "response_type": "code",
            "scope": "openid offline_access",
            "prompt": prompt,
            "redirect_uri": f"{PORTAL}/accounts/oidc/login/callback/",
            "code_challenge_method": "S256",
            "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
        }
        with requests.Session() as browser:
            page = browser.get(f"{provider.issuer}/auth", params=asked, timeout=10)
            answer = browser.post(page.url, {"username": username}, allow_redirects=False, timeout=10)
            while not answer.headers["Location"].startswith(PORTAL):
                answer = browser.get(urljoin(answer.url, answer.headers["Location"]), allow_redirects=False, timeout=10)
        code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": asked["redirect_uri"], "code_verifier": verifier}
        return token_endpoint(provider, **form)

    return ask


def token_endpoint(provider, **form):
    return requests.post(f"{provider.issuer}/token", form, auth=(provider.client_id, provider.client_secret), timeout=10).json()


def refresh(provider, given):
    return token_endpoint(provider, grant_type="refresh_token", refresh_token=given["refresh_token"])


def elsewhere(browser, address):
    """Press the portal's button in a browser that the provider knows and the portal does not."""
    other = Browser()
    other.elsewhere = browser.elsewhere
    return other.press(other.get(address))


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def test_the_people_are_the_demos(demo_portal, provider):
    for person in cast.PEOPLE:
        assert Browser().sign_in(person.username).path == "/"
        user = User.objects.get(subject=provider.subject(person.username))
        groups = {name.removeprefix("oidc:") for name in user.memberships.values_list("group__name", flat=True)}
        assert (user.name, groups) == (person.name, set(person.groups))


@pytest.mark.parametrize(("button", "acr", "amr"), [({}, "one-factor", ["pwd"]), ({"factors": "2"}, "two-factors", ["pwd", "otp", "mfa"])])
def test_a_proof_says_what_was_shown(demo_portal, browser, button, acr, amr):
    browser.press(browser.press(browser.get(SIGN_IN)), username="alice", **button)
    proof = IdentityProof.objects.get()
    assert (proof.acr, proof.amr) == (acr, amr)
    assert proof.sid


def test_it_holds_to_the_age_that_the_portal_asks_for(demo_portal, browser):
    browser.sign_in("alice")
    demo_portal.OIDC_MAX_AGE = 1
    until = time.monotonic() + 20
    while "Who are you?" not in elsewhere(browser, SIGN_IN).text:
        assert time.monotonic() < until
    demo_portal.OIDC_MAX_AGE = None
    assert elsewhere(browser, SIGN_IN).path == "/"
    demo_portal.OIDC_MAX_AGE = 1
    assert "Who are you?" in elsewhere(browser, f"{SIGN_IN}?auth_params=max_age=99999&max_age=99999").text


def test_who_signed_in_too_long_ago_proves_it_anew_and_comes_back_to_what_they_were_at(demo_portal, provider, browser):
    browser.sign_in("alice")
    page = browser.get(f"{PORTAL}/devices/new/")
    IdentityProof.objects.update(auth_time=timezone.now() - timedelta(hours=1))
    page = browser.press(page, name="slowly typed")
    assert (page.status, "yours was 1 hour ago" in page.text) == (403, True)
    page = browser.press(page)
    assert page.url.startswith(provider.issuer)
    page = browser.press(page, username="alice")
    assert (page.path, page.status, 'value="slowly typed"' in page.text) == ("/devices/new/", 200, True)


def test_what_one_typed_is_shown_to_nobody_else_who_signs_in(demo_portal, browser):
    browser.sign_in("alice")
    page = browser.get(f"{PORTAL}/devices/new/")
    IdentityProof.objects.update(auth_time=timezone.now() - timedelta(hours=1))
    page = browser.press(browser.press(browser.press(page, name="slowly typed")), username="bob")
    assert (page.path, page.status, "slowly typed" in page.text) == ("/devices/new/", 200, False)


def test_its_answer_is_good_once_and_for_one_browser(demo_portal, browser, caplog):
    browser.sign_in("alice")
    answer = next(url for url in browser.trail if "/login/callback/?" in url)
    for somebody in (browser, Browser()):
        page = somebody.get(answer)
        assert (page.status, "was not started here" in page.text) == (401, True)
    assert caplog.text.count("was not started here") == 2


def test_two_people_with_one_address_stay_two(demo_portal, provider, browser):
    browser.sign_in("alice")
    provider.change("erin", email="alice@example.com")
    assert "Erin" in Browser().sign_in("erin").text
    assert sorted(User.objects.values_list("subject", "email")) == [("demo-alice", "alice@example.com"), ("demo-erin", "alice@example.com")]


def test_another_chosen_name_takes_over_nobody(demo_portal, provider, browser):
    browser.sign_in("bob")
    provider.change("erin", preferred_username="bob", name="Bob Brandt")
    Browser().sign_in("erin")
    assert not User.objects.get(subject="demo-erin").is_staff
    assert User.objects.get(subject="demo-bob").is_staff


def test_groups_that_it_no_longer_says_are_gone(demo_portal, provider, browser):
    browser.sign_in("dave")
    provider.change("dave", groups=["employees"])
    Browser().sign_in("dave")
    assert not User.objects.get().is_staff


def test_whoever_has_left_cannot_sign_in(demo_portal, provider, browser):
    provider.remove("carol")
    page = browser.press(browser.press(browser.get(SIGN_IN)), username="carol")
    assert "Who are you?" in page.text
    assert not User.objects.exists()


def test_ending_sessions_there_sends_a_logout_token_for_each(demo_portal, provider, browser, logout_tokens):
    browser.sign_in("alice")
    sid = IdentityProof.objects.get().sid
    assert {"sid": sid, "error": None} in provider.sign_out("alice")
    told = []
    while not told or told[-1]["sid"] != sid:
        told.append(claims_of(logout_tokens[1].get(timeout=20)))
    assert (told[-1]["iss"], told[-1]["aud"], told[-1]["sub"]) == (provider.issuer, "lychgate", "demo-alice")
    assert list(told[-1]["events"]) == ["http://schemas.openid.net/event/backchannel-logout"]
    assert "nonce" not in told[-1]
    assert provider.sign_out("alice") == []
    assert "Who are you?" in browser.press(browser.get(f"{SIGN_IN}?fresh=1")).text


def test_signing_out_there_sends_a_logout_token(demo_portal, provider, browser, logout_tokens):
    browser.sign_in("bob")
    sid = IdentityProof.objects.get().sid
    page = browser.press(browser.get(f"{provider.issuer}/session/end"), logout="yes")
    assert page.path == "/session/end/success"
    while claims_of(logout_tokens[1].get(timeout=20))["sid"] != sid:
        pass


def test_a_refresh_token_works_until_it_is_revoked(provider, tokens):
    given = refresh(provider, tokens("bob"))
    assert claims_of(given["id_token"])["sub"] == "demo-bob"
    assert provider.revoke("bob") == 1
    assert refresh(provider, given)["error"] == "invalid_grant"


def test_a_refresh_token_of_somebody_who_has_left_is_refused(provider, tokens):
    given = tokens("erin")
    provider.remove("erin")
    assert refresh(provider, given)["error"] == "invalid_grant"


def test_without_consent_there_is_no_refresh_token(tokens):
    assert "refresh_token" not in tokens("dave", prompt="login")


@pytest.fixture
def asking(demo_portal):
    """A portal that asks for refresh tokens and whether its sign-ins still stand; call it to have it ask."""
    demo_portal.OIDC_SCOPES = ["profile", "email", "offline_access"]
    demo_portal.OIDC_CONSENT, demo_portal.OIDC_PROBE_SECONDS = True, 60

    def ask():
        BrowserSession.objects.exclude(sealed_token="").update(probe_at=clock.now())
        probe_due_sessions()
        return BrowserSession.objects.get()

    return ask


def test_asked_again_and_again_it_stands_by_a_sign_in_with_a_new_token_each_time(asking, browser):
    browser.sign_in("erin")
    proof, first = IdentityProof.objects.values().get(), BrowserSession.objects.get()
    rows = [first, *(asking() for _ in range(3))]
    assert len({unseal(row.sealed_token) for row in rows}) == 4
    assert [(row.probe_tries, row.ended_at) for row in rows] == [(0, None)] * 4
    assert (first.probed_at, rows[-1].probed_at > rows[1].probed_at) == (None, True)
    assert browser.get(f"{PORTAL}/").path == "/"
    assert IdentityProof.objects.values().get() == proof


@pytest.mark.parametrize("what", ["remove", "revoke"])
def test_where_it_no_longer_stands_by_somebody_their_session_has_ended_and_nothing_more(asking, provider, browser, what):
    browser.sign_in("erin")
    assert asking().ended_at is None
    getattr(provider, what)("erin")
    row = asking()
    assert (row.ended_at is not None, row.sealed_token) == (True, "")
    assert browser.get(f"{PORTAL}/").path != "/"
    told = AuditEvent.objects.get(verb="user.signed_out")
    assert (told.data["by"], told.data["why"]) == ("the provider", "the provider no longer stands by this sign-in")
    assert User.objects.get().is_active
    provider.reset()
    browser.sign_in("erin")
    assert browser.get(f"{PORTAL}/").path == "/"


def test_a_token_that_was_lost_between_its_answer_and_our_keeping_it_ends_the_session(asking, provider, browser):
    browser.sign_in("erin")
    token_endpoint(provider, grant_type="refresh_token", refresh_token=unseal(BrowserSession.objects.get().sealed_token))
    assert asking().ended_at is not None


@pytest.mark.parametrize("client_secret", ["a+b%c d:e/f", "per%20cent"])
def test_a_secret_of_any_letters_opens_it_and_asks_again(demo_portal, asking, browser, tmp_path, client_secret):
    with running_node_provider(tmp_path, portal=PORTAL, client_secret=client_secret) as other:
        demo_portal.OIDC_ISSUER, demo_portal.OIDC_CLIENT_SECRET = other.issuer, client_secret
        assert browser.sign_in("alice").path == "/"
        assert asking().probed_at is not None
