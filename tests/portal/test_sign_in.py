"""Signing in and out at a real provider."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from enrollment import lifecycle
from enrollment.models import Device, IdentityProof, User
from tests import factories
from tests.node_provider import running_node_provider
from tests.portal.conftest import PORTAL

HOME = "http://localhost:8000/"
SIGN_IN = "http://localhost:8000/accounts/oidc/login/"


@pytest.fixture(params=["embedded", "independent"], scope="module")
def provider(request, provider, tmp_path_factory):
    if request.param == "embedded":
        yield provider
    else:
        with running_node_provider(tmp_path_factory.mktemp("node"), portal=PORTAL) as other:
            yield other


def test_a_person_signs_in_with_one_button_here_and_one_at_the_provider(demo_portal, provider, browser):
    page = browser.sign_in("alice")
    assert (page.path, page.status) == ("/", 200)
    alice = User.objects.get()
    assert (alice.issuer, alice.subject, alice.name, alice.email) == (provider.issuer, "demo-alice", "Alice Adler", "alice@example.com")
    assert not alice.has_usable_password()


def test_signing_in_again_finds_the_same_account(demo_portal, browser):
    browser.sign_in("alice")
    browser.sign_in("alice", fresh="1")
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("username", "is_staff", "is_superuser", "is_auditor"),
    [("alice", False, False, False), ("bob", True, False, False), ("carol", True, False, True), ("dave", True, True, False)],
)
def test_groups_of_the_provider_make_staff(demo_portal, browser, username, is_staff, is_superuser, is_auditor):
    browser.sign_in(username)
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.is_auditor) == (is_staff, is_superuser, is_auditor)


def test_a_sign_in_leaves_a_proof_of_when(demo_portal, browser):
    browser.sign_in("alice")
    proof = IdentityProof.objects.get()
    assert 0 <= (proof.recorded_at - proof.auth_time).total_seconds() < 60


def test_nothing_that_one_does_prolongs_a_session(demo_portal, browser):
    """Groups are read at sign-in: whoever the provider lets go must come back to it in time."""
    browser.sign_in("alice")
    before = Session.objects.get()
    session = browser.portal.session
    session["forms_used"] = {"some": 1}
    session.save()
    assert Session.objects.get().expire_date == before.expire_date
    age = (before.expire_date - User.objects.get().last_login).total_seconds()
    assert age == pytest.approx(demo_portal.SESSION_COOKIE_AGE, abs=60)


def test_looking_at_the_sign_in_page_starts_nothing(demo_portal, browser):
    page = browser.get(SIGN_IN)
    assert page.status == 200
    assert "Sign in with the demo&#x27;s provider" in page.text
    assert browser.trail == [SIGN_IN]


def test_home_leads_to_the_sign_in_page_and_back(demo_portal, browser):
    page = browser.get(HOME)
    assert page.path == "/accounts/oidc/login/"
    assert browser.press(browser.press(page), username="alice").url == HOME


@pytest.mark.parametrize(
    "foreign",
    [
        "https://evil.example/",
        "//evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "/\\evil.example",
    ],
)
def test_a_foreign_next_is_not_followed(demo_portal, browser, foreign):
    assert browser.sign_in("alice", next=foreign).url == HOME


@pytest.mark.parametrize("foreign", ["https://evil.example/", "//evil.example/"])
def test_a_foreign_next_is_not_followed_by_somebody_signed_in(demo_portal, browser, foreign):
    browser.sign_in("alice")
    assert browser.get(f"{SIGN_IN}?next={foreign}").url == HOME


def test_parameters_in_the_address_change_nothing(hostile, browser):
    browser.sign_in("alice", auth_params="max_age=99999&prompt=none", scope="admin", process="connect", nonce="known")
    assert set(hostile.asked["scope"].split()) == {"openid", "profile", "email"}
    assert not {"max_age", "prompt"} & set(hostile.asked)
    assert hostile.asked["nonce"] != "known"


def test_every_sign_in_has_a_nonce_and_pkce_of_its_own(hostile, browser):
    browser.sign_in("alice")
    first = hostile.asked
    browser.sign_in("alice", fresh="1")
    assert hostile.asked["code_challenge_method"] == "S256"
    assert not {first["nonce"], first["state"], first["code_challenge"]} & set(hostile.asked.values())
    assert hostile.posted["code_verifier"]


def test_the_callback_is_the_public_url_whatever_host_was_asked(hostile, browser, portal):
    portal.PUBLIC_URL = "http://localhost:8000"
    browser.portal.defaults["HTTP_HOST"] = "localhost:9"
    browser.sign_in("alice")
    assert hostile.asked["redirect_uri"] == "http://localhost:8000/accounts/oidc/login/callback/"


def test_asking_anew_makes_the_provider_ask_the_person(demo_portal, browser):
    browser.sign_in("alice")
    page = browser.press(browser.get(f"{SIGN_IN}?fresh=1"))
    assert "Who are you?" in page.text
    assert browser.press(page, username="alice").url == HOME


def test_signing_in_as_another_person_replaces_the_session(demo_portal, browser):
    browser.sign_in("alice")
    before = browser.portal.cookies["lychgate-session"].value
    assert "Bob Brandt" in browser.press(browser.press(browser.get(f"{SIGN_IN}?fresh=1")), username="bob").text
    assert browser.portal.cookies["lychgate-session"].value != before


def test_signing_out_ends_the_session_here_and_at_the_provider(demo_portal, browser):
    browser.sign_in("alice")
    assert browser.sign_out().path == "/accounts/signed-out/"
    assert browser.get(HOME).path == "/accounts/oidc/login/"
    assert "Who are you?" in browser.press(browser.get(SIGN_IN)).text


def test_a_copy_of_the_session_ends_with_signing_out_too(demo_portal, browser):
    browser.sign_in("alice")
    copy = Client(HTTP_HOST="localhost:8000")
    copy.cookies["lychgate-session"] = browser.portal.cookies["lychgate-session"].value
    assert copy.get("/").status_code == 200
    browser.press(browser.get("http://localhost:8000/accounts/logout/"))
    assert (copy.get("/").status_code, Session.objects.count()) == (302, 0)


def test_signing_out_works_while_the_provider_is_away(demo_portal, browser):
    browser.sign_in("alice")
    demo_portal.OIDC_ISSUER = "http://localhost:1"
    assert browser.press(browser.get("http://localhost:8000/accounts/logout/")).path == "/accounts/signed-out/"
    assert browser.get(HOME).path == "/accounts/oidc/login/"


def test_looking_at_the_sign_out_page_ends_nothing(demo_portal, browser):
    browser.sign_in("alice")
    browser.get("http://localhost:8000/accounts/logout/")
    assert browser.get(HOME).path == "/"


def test_a_disabled_person_is_out_at_the_next_request_and_stays_out(demo_portal, browser):
    browser.sign_in("alice")
    User.objects.update(is_active=False)
    assert browser.get(HOME).path == "/accounts/oidc/login/"
    page = browser.sign_in("alice")
    assert page.status == 401
    assert "Your account here is disabled" in page.text
    assert browser.get(HOME).path == "/accounts/oidc/login/"


def test_who_was_disabled_and_is_let_in_again_finds_their_device_as_it_was(demo_portal, browser):
    browser.sign_in("alice")
    alice, now = User.objects.get(), timezone.now()
    laptop = factories.a_device(alice, "Old laptop", now=now)
    lifecycle.disable_user(alice, actor=None, now=now)
    lifecycle.enable_user(alice, actor=None, now=now)
    browser.sign_in("alice")
    page = browser.get(f"{HOME}devices/{laptop.pk}/")
    assert ("Old laptop" in page.text, laptop.public_key in page.text) == (True, True)
    assert Device.objects.get().condition == "enrolled"


def test_pages_about_signing_in_are_not_kept_by_caches(demo_portal, browser):
    assert "no-store" in browser.get(SIGN_IN).headers["Cache-Control"]
