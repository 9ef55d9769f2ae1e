"""Access that hangs on the age of the sign-in says when it pauses, before it does, and one button keeps it."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from enrollment import lifecycle
from enrollment.models import IdentityProof
from enrollment.views.pauses import pauses
from tests.factories import HOUR, a_grant, a_policy, a_resource, later


@pytest.fixture
def fresh(pep, alice, bob, laptop, now):
    """A resource that alice has for eight hours, under a sign-in of four."""
    resource = a_resource("fresh", pep=pep, number=11, policy=a_policy("fresh", session_length=4 * HOUR))
    a_grant(alice, resource, [laptop], reviewer=bob, seconds=8 * HOUR)
    IdentityProof.objects.update(withdrawn_at=now)
    prove(alice, now)
    return resource


def prove(user, at):
    lifecycle.sign_in(user, groups=None, name=user.name, email="", auth_time=at, now=at)


def told(user, at):
    return [(pause.resource, pause.at, pause.is_over) for pause in pauses(user, at)]


def test_it_is_told_from_an_hour_before_until_it_is_renewed(alice, fresh):
    assert told(alice, later(3 * HOUR - 1)) == []
    assert told(alice, later(3 * HOUR)) == [("Fresh", later(4 * HOUR), False)]
    assert told(alice, later(5 * HOUR)) == [("Fresh", later(4 * HOUR), True)]
    prove(alice, later(5 * HOUR))
    assert told(alice, later(5 * HOUR)) == []


def test_an_end_before_the_sign_in_is_too_old_is_no_pause(alice, fresh):
    prove(alice, later(6 * HOUR))
    assert told(alice, later(8 * HOUR - 1)) == []
    assert told(alice, later(8 * HOUR)) == []


def test_what_another_grant_gives_without_asking_does_not_pause(alice, bob, laptop, fresh):
    a_policy("fresh")
    a_grant(alice, fresh, [laptop], reviewer=bob, seconds=8 * HOUR)
    assert told(alice, later(5 * HOUR)) == []


def test_why_it_paused_is_what_decide_says(alice, fresh, now):
    lifecycle.sign_out(alice, IdentityProof.objects.latest("pk").browser_id, now=now)
    (pause,) = pauses(alice, now)
    assert (pause.is_over, "ends with signing out" in pause.why) == (True, True)


@pytest.fixture
def browse(pep, alice, bob, laptop):
    """Return what shows a page to alice so many hours after she got it and signed in: pages go by the real time."""
    resource = a_resource("fresh", pep=pep, number=11, policy=a_policy("fresh", session_length=4 * HOUR))
    browser = Client()
    browser.force_login(alice, ago=None)

    def look(address, *, after):
        began = timezone.now() - timedelta(hours=after)
        a_grant(alice, resource, [laptop], reviewer=bob, seconds=8 * HOUR, now=began)
        prove(alice, began)
        return browser.get(address).text

    return look


@pytest.mark.parametrize("address", ["/", "/devices/", "/resources/", "/requests/"])
def test_every_page_says_so_with_one_button(browse, address):
    page = browse(address, after=3.5)
    assert "Your access to Fresh pauses at" in page
    assert f'action="/accounts/oidc/login/?fresh=1&amp;next={address}"' in page


def test_once_it_has_paused_the_page_says_why(browse):
    page = browse("/", after=5)
    assert "Your access to Fresh is paused." in page
    assert "The sign-in is too old for this resource. Sign in again." in page


def test_the_access_itself_says_long_before_when_it_pauses(browse):
    page = browse("/", after=1)
    assert "It pauses at" in page
    assert "Your access to Fresh pauses" not in page
