"""A page that stays open while the portal does not answer says so in words, and takes them back by itself.

The portal's process really ends. The browser's own clock is moved on, so that nobody waits for the next look.
"""

import contextlib
import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from enrollment import lifecycle
from enrollment.models import Device, User
from tests import factories
from tests.e2e import estate
from tests.e2e.looks import check_looks
from tests.e2e.people import at_provider, sign_in
from tests.e2e.test_limits import a_minute_passes

BERLIN = {"timezone_id": "Europe/Berlin", "locale": "en-GB"}
UNANSWERED = re.compile(r"^Not current since \d\d:\d\d:\d\d CET: the portal does not answer. Trying again.$")
OFFLINE = re.compile(r"^Not current since \d\d:\d\d:\d\d CET: this browser is offline")
DOUBT = "element => getComputedStyle(element, '::after').content"


@pytest.fixture
def granted(person, world):
    """Alice's page of something that is in force, and that no other test asks for."""
    pep, now = estate.plant(), timezone.now()
    person("bob").context.close()
    person("alice").context.close()
    alice, bob = User.objects.get(subject="demo-alice"), User.objects.get(subject="demo-bob")
    number = 100 + Device.objects.count()
    resource = factories.a_resource(f"kept-{number}", pep=pep, number=number, now=now)
    asked = factories.a_request(alice, resource, [factories.a_device(alice, f"Open laptop {number}", now=now)], now=now)
    grant = lifecycle.approve(asked, reviewer=bob, now=now, comment="")
    estate.put_in_force(grant, pep)
    yield f"/requests/{asked.pk}/"
    with contextlib.suppress(lifecycle.Conflict):  # a test has done it
        lifecycle.revoke(grant, actor=bob, reason="The test is over.", now=timezone.now())
    estate.confirm_gone(grant)


def looked_at(page, address):
    """Open a page whose looks the test can hasten: they come every 15 s while access is in force."""
    page.clock.install()
    page.goto(address)
    page.locator("#live .badge").first.wait_for()
    return page


def test_a_page_says_since_when_it_is_not_current_until_the_portal_answers_again(person, granted, world):
    page = looked_at(person("alice", **BERLIN), granted)
    badge, left = page.locator("#live .badge"), page.locator("#live time[data-countdown]").first
    before, place = left.text_content(), badge.bounding_box()
    with world.down():
        page.clock.fast_forward(16_000)
        page.get_by_text(UNANSWERED).wait_for()
        assert (badge.evaluate(DOUBT), badge.bounding_box()["y"]) == ('"?"', place["y"])
        assert left.text_content() != before
        check_looks(page, "not-current")
    page.clock.fast_forward(11_000)
    page.get_by_text(UNANSWERED).wait_for(state="hidden")
    assert badge.evaluate(DOUBT) == "none"


def test_one_look_that_comes_to_nothing_is_no_news(person, granted, world):
    page = looked_at(person("alice"), granted)
    page.route("**/requests/*/", lambda route: route.abort(), times=1)
    with page.expect_event("requestfailed"):
        page.clock.fast_forward(16_000)
    page.wait_for_timeout(300)  # the next look comes after 2 s
    expect(page.locator("#current p:visible")).to_have_count(0)
    with page.expect_response(f"**{granted}"):
        page.clock.fast_forward(3_000)


def test_a_browser_that_is_offline_says_so_at_once_and_on_the_way_back_what_changed_meanwhile(person, granted, world):
    page = person("alice", **BERLIN)
    page.goto(granted)
    page.context.set_offline(True)
    page.get_by_text(OFFLINE).wait_for()
    grant = User.objects.get(subject="demo-alice").grants.latest("pk")
    lifecycle.revoke(grant, actor=None, reason="Meanwhile.", now=timezone.now())
    page.context.set_offline(False)
    page.get_by_text("being taken away on pep-1. Not confirmed yet").wait_for()
    page.get_by_text(OFFLINE).wait_for(state="hidden")


def test_whoever_was_signed_out_elsewhere_is_told_and_comes_back_to_this_page(visitor, granted):
    page = visitor()  # a browser of its own: signing out ends the cookies that others keep
    sign_in(page, "alice")
    looked_at(page, granted)
    other = page.context.new_page()
    other.goto("/")
    other.get_by_role("button", name="Sign out").click()
    other.wait_for_url("**/accounts/signed-out/")
    page.clock.fast_forward(16_000)
    check_looks(page, "not-current-signed-out")
    page.get_by_role("link", name="Sign in again, and come back here").click()
    page.get_by_role("button", name="Sign in with").click()
    at_provider(page, "alice").click()
    page.wait_for_url(f"**{granted}")
    other.context.clear_cookies()
    sign_in(other, "erin")
    page.clock.fast_forward(16_000)
    page.get_by_text("somebody else is signed in here now").wait_for()
    expect(page.locator("#live .badge")).to_have_text("In force")


def test_a_page_that_asked_too_often_says_when_it_asks_again_and_does_not_before(person, granted, world):
    page = looked_at(person("alice"), granted)
    while page.request.get("/requests/987654/").status != 429:
        pass
    page.clock.fast_forward(16_000)
    page.get_by_text("It is asked again at").wait_for()
    a_minute_passes(world)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("dispatchEvent(new Event('online'))")
    page.clock.fast_forward(500)
    assert asked == []
    page.clock.fast_forward(61_000)
    page.get_by_text("It is asked again at").wait_for(state="hidden")


def test_enrolment_that_was_not_answered_keeps_what_was_typed_and_is_sent_once_more(visitor, world):
    page = visitor()
    sign_in(page, "carol")
    page.goto("/devices/new/")
    page.get_by_label("Name").fill("Patient laptop")
    enrol = page.get_by_role("button", name="Enrol", exact=True)
    with world.down():
        enrol.click()
        page.get_by_text("The portal did not answer. Try once more").wait_for()
    page.context.clear_cookies(name="lychgate-session")
    enrol.click()
    page.get_by_text("You were signed out, and nothing was done.").wait_for()
    page.get_by_text("The portal did not answer").wait_for(state="hidden")
    with page.context.expect_page() as opened:
        page.get_by_role("alert").get_by_role("link", name="Sign in").click()
    opened.value.get_by_role("button", name="Sign in with").click()  # the provider knows her still
    opened.value.get_by_role("heading", name="Hello Carol").wait_for()
    assert page.get_by_label("Name").input_value() == "Patient laptop"
    enrol.click()
    page.get_by_role("heading", name="Patient laptop is enrolled").wait_for()
    assert Device.objects.filter(name="Patient laptop").count() == 1
