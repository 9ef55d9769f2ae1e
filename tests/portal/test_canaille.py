"""A provider that asks for passwords: what its people really showed is what the portal notes, and when."""

import time

import pytest
from django.utils import timezone

from enrollment.models import IdentityProof, User
from portal.demo import cast
from tests.canaille import running_canaille
from tests.portal.conftest import PORTAL, Browser

SIGN_IN = f"{PORTAL}/accounts/oidc/login/"


@pytest.fixture(scope="module", params=[("password",), ("password", "otp")], ids=["one factor", "two factors"])
def provider(tmp_path_factory, request):
    with running_canaille(tmp_path_factory.mktemp("canaille"), portal=PORTAL, factors=request.param) as running:
        running.factors = request.param
        yield running


def show(provider, browser, page, username, password=None):
    """Answer what the provider asks until it asks no more; return where one arrives."""
    for _ in range(5):  # three pages; a code may have run out on the way
        answers = {"login": username, "password": password or provider.password, "otp": provider.code()}
        asked = {name: answer for name, answer in answers.items() if f'name="{name}"' in page.text}
        if not page.url.startswith(provider.issuer) or not asked:
            break
        page = browser.press(page, **asked)
    return page


def test_the_people_are_the_demos(demo_portal, provider):
    for person in cast.PEOPLE:
        browser = Browser()
        assert show(provider, browser, browser.press(browser.get(SIGN_IN)), person.username).path == "/"
        user = User.objects.get(subject=person.username)
        groups = {name.removeprefix("oidc:") for name in user.memberships.values_list("group__name", flat=True)}
        assert (user.name, user.email, groups) == (person.name, f"{person.username}@example.com", set(person.groups))


def test_a_proof_says_what_was_shown_and_when(demo_portal, provider, browser):
    show(provider, browser, browser.press(browser.get(SIGN_IN)), "alice")
    proof = IdentityProof.objects.get()
    assert proof.amr == (["pwd"] if provider.factors == ("password",) else ["pwd", "otp", "mfa"])
    assert -1 <= (timezone.now() - proof.auth_time).total_seconds() < 60


def test_a_wrong_password_is_no_sign_in(demo_portal, provider, browser):
    page = show(provider, browser, browser.press(browser.get(SIGN_IN)), "alice", password="a wrong one")
    assert page.url.startswith(provider.issuer)
    assert not User.objects.exists()


def test_asked_for_a_newer_proof_it_asks_the_person(demo_portal, provider, browser):
    show(provider, browser, browser.press(browser.get(SIGN_IN)), "alice")
    before = IdentityProof.objects.get().auth_time
    time.sleep(2.1)  # its ages are whole seconds
    demo_portal.OIDC_MAX_AGE = 1
    another = Browser()  # that the provider knows and the portal does not
    another.elsewhere = browser.elsewhere
    assert another.press(another.get(SIGN_IN)).url.startswith(provider.issuer)
    demo_portal.OIDC_MAX_AGE = None
    assert another.press(another.get(SIGN_IN)).path == "/"
    page = browser.press(browser.get(f"{SIGN_IN}?fresh=1"))
    assert page.url.startswith(provider.issuer)
    assert show(provider, browser, page, "alice").path == "/"
    assert IdentityProof.objects.latest("auth_time").auth_time > before


def test_signing_out_ends_the_session_here_and_there(demo_portal, provider, browser):
    show(provider, browser, browser.press(browser.get(SIGN_IN)), "alice")
    assert browser.sign_out().path == "/accounts/signed-out/"
    assert browser.press(browser.get(SIGN_IN)).url.startswith(provider.issuer)
