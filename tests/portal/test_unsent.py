"""What somebody sent after their session had ended: there again for them, for nobody else, and never acted on."""

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session

from enrollment.models import AccessRequest, Device, User
from tests import factories
from tests.portal.conftest import PORTAL

TYPED = {"duration": "3600", "reason": "The quarterly figures are in there."}


@pytest.fixture
def asking(browser, demo_portal, fileshare):
    """Alice's browser, with the form for the file share open."""
    browser.sign_in("alice")
    laptop = factories.a_device(User.objects.get(name__startswith="Alice"))
    return browser, browser.get(f"{PORTAL}/resources/fileshare/request/"), {**TYPED, "devices": str(laptop.pk)}


def sign_in_from(browser, page, username):
    """Press the button of the page that asks for it, then the person's."""
    page = browser.press(page)
    return browser.press(page, username=username) if "Who are you?" in page.text else page


def test_what_was_typed_is_there_again_once_and_nothing_was_sent(asking):
    browser, form, typed = asking
    Session.objects.all().delete()
    page = browser.press(form, **typed)
    assert (page.path, "You were signed out before this was sent" in page.text) == ("/accounts/oidc/login/", True)
    again = sign_in_from(browser, page, "alice")
    assert (again.path, TYPED["reason"] in again.text) == ("/resources/fileshare/request/", True)
    assert "nothing was sent yet" in again.text
    assert not AccessRequest.objects.exists()
    assert TYPED["reason"] not in browser.get(again.url).text


def test_somebody_else_who_signs_in_there_does_not_see_it(asking):
    browser, form, typed = asking
    Session.objects.all().delete()
    page = browser.press(form, **typed)
    browser.elsewhere.cookies.clear()  # at the provider, too
    theirs = sign_in_from(browser, page, "erin")
    assert (theirs.path, TYPED["reason"] in theirs.text) == ("/resources/fileshare/request/", False)
    browser.sign_out()
    assert TYPED["reason"] not in browser.sign_in("alice", next="/resources/fileshare/request/").text


def test_whoever_signed_out_with_the_button_leaves_nothing_behind(asking):
    browser, form, typed = asking
    stale = browser.portal.cookies["lychgate-csrf"].value
    browser.sign_out()
    assert not browser.portal.cookies[settings.LAST_SEEN_COOKIE_NAME].value
    browser.portal.cookies["lychgate-csrf"] = stale
    page = browser.press(form, **typed)
    assert (page.path, "is kept" in page.text) == ("/accounts/oidc/login/", False)


def test_a_name_that_no_one_signed_keeps_nothing(asking):
    browser, form, typed = asking
    Session.objects.all().delete()
    browser.portal.cookies[settings.LAST_SEEN_COOKIE_NAME] = "1"
    page = browser.press(form, **typed)
    assert (page.path, "is kept" in page.text) == ("/accounts/oidc/login/", False)


def test_a_pasted_key_is_not_kept_and_the_name_is(browser, demo_portal):
    browser.sign_in("alice")
    form = browser.get(f"{PORTAL}/devices/new/")
    Session.objects.all().delete()
    private, _public = factories.a_pair()
    page = browser.press(form, name="my laptop", kind="laptop", way="pasted", public_key=private, is_public="on")
    assert not any(private in str(each.get_decoded()) for each in Session.objects.all())
    again = sign_in_from(browser, page, "alice")
    if "Sign in again to go on" in again.text:  # the provider remembered her
        again = sign_in_from(browser, again, "alice")
    assert 'value="my laptop"' in again.text
    assert not Device.objects.exists()


def test_what_is_too_long_to_keep_is_not_kept_and_the_page_says_so(asking):
    browser, form, typed = asking
    Session.objects.all().delete()
    page = browser.press(form, **{**typed, "reason": "x" * 30_000})
    assert "do it once more" in page.text
