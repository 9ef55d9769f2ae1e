"""Emergency access in a browser: taken on a page that says what it does, seen by approvers at once, reviewed by one of them."""

import pytest
from django.utils import timezone

from enrollment import lifecycle
from enrollment.models import AccessPolicy, Device, Grant, Resource, User
from tests import factories
from tests.e2e import estate
from tests.e2e.looks import check_looks

REASON = "The mail servers are down, and nobody who approves picks up the phone."


@pytest.fixture
def servers(world, person):
    """A resource that may be had in an emergency, and people who have signed in once."""
    pep, now = estate.plant(), timezone.now()
    person("bob")
    person("alice")
    if not AccessPolicy.objects.filter(name="On call").exists():
        policy = factories.a_policy("On call", break_glass_longest=3600, now=now)
        factories.a_resource("servers", pep=pep, policy=policy, number=40, now=now)
    alice = User.objects.get(name="Alice Adler")
    factories.a_device(alice, "on-call-laptop", now=now)
    yield Resource.objects.get(slug="servers")
    for device in Device.objects.filter(name="on-call-laptop").exclude(state="retired"):
        lifecycle.retire_device(device, actor=None, reason="", now=timezone.now())


def test_alice_takes_it_and_bob_reviews_it(person, servers):
    page = person("alice")
    page.goto("/resources/servers/request/")
    page.get_by_role("button", name="It is an emergency …").click()
    check_looks(page, "emergency")
    page.get_by_label("on-call-laptop").check()
    page.get_by_label("What is the emergency?").fill(REASON)
    page.get_by_label("This is an emergency.").check()
    page.get_by_role("button", name="Take emergency access now").click()
    page.get_by_text("Emergency access: nobody approved it.").wait_for()
    check_looks(page, "emergency-taken")
    grant = Grant.objects.get(request__reason=REASON)

    review = person("bob")
    review.get_by_role("button", name="Review").click()
    review.get_by_role("link", name="Alice Adler").first.click()
    review.get_by_role("link", name="Find it not justified …").click()
    check_looks(review, "emergency-review")
    review.get_by_label("Why it was not justified").fill("They were up the whole time.")
    review.get_by_role("button", name="Find it not justified").click()
    review.get_by_text("Your review is noted").wait_for()
    grant.refresh_from_db()
    assert (grant.review_due, grant.state) == (False, Grant.State.REVOKED)
    page.reload()
    page.get_by_text("They were up the whole time.").first.wait_for()
