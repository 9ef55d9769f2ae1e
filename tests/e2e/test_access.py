"""Asking, waiting, having and ending, as one person sees it; what machines would write is written by the test.

The resource is the wiki: the file share is what test_admin.py asks for, at the same site.
"""

import pytest
from django.utils import timezone

from enrollment import lifecycle
from enrollment.models import AccessRequest, Device, User
from tests import factories
from tests.e2e import estate
from tests.e2e.looks import check_looks


@pytest.fixture
def company(world):
    return estate.plant()


def test_the_way_of_a_request_from_asking_to_confirmed_gone(person, company):
    person("bob").context.close()
    page = person("alice")
    check_looks(page, "home-new")
    factories.a_device(User.objects.get(subject="demo-alice"), "Desk laptop", now=timezone.now())

    page.goto("/resources/")
    check_looks(page, "resources")
    page.get_by_role("listitem").filter(has_text="Wiki").get_by_role("button", name="Ask for access").click()
    check_looks(page, "request-new")
    assert not page.get_by_label("Minutes").is_visible()
    page.get_by_label("Another length of time").check()
    assert page.get_by_label("Minutes").is_visible()
    page.get_by_label("Desk laptop").check()
    page.get_by_label("30 min").check()
    page.get_by_label("Reason").fill("Quarterly figures\nfor the board")
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text("Waiting for lychgate-approvers").wait_for()
    check_looks(page, "request-waiting")

    asked = AccessRequest.objects.get(requester__subject="demo-alice", resource__slug="wiki")
    grant = lifecycle.approve(asked, reviewer=User.objects.get(subject="demo-bob"), now=timezone.now(), comment="Fine.")
    page.get_by_text("Approved, and being applied on pep-1").wait_for()
    check_looks(page, "request-applying")

    estate.put_in_force(grant, company)
    page.get_by_text("In force on pep-1 since").wait_for()
    check_looks(page, "request-in-force")
    page.goto("/")
    check_looks(page, "home")
    page.get_by_role("link", name="Wiki").click()

    page.get_by_text("End it now").click()
    page.get_by_role("button", name="End my access now").click()
    page.get_by_text("being taken away on pep-1. Not confirmed yet").wait_for()
    estate.confirm_gone(grant)
    page.get_by_text("Confirmed gone from pep-1").wait_for()
    check_looks(page, "request-gone")
    page.get_by_role("button", name="Ask again").wait_for()
    page.goto("/requests/")
    check_looks(page, "requests")


def test_an_open_page_takes_back_what_is_not_so_any_more(person, company):
    """The browser's own clock is moved on, so that nobody waits for the next look."""
    now = timezone.now()
    person("bob").context.close()
    page = person("alice")
    alice, bob = (User.objects.get(subject=f"demo-{name}") for name in ("alice", "bob"))
    number = 150 + Device.objects.count()
    resource = factories.a_resource(f"cut-{number}", pep=company, number=number, now=now)
    factories.a_device(alice, f"Cut laptop {number}", now=now)
    page.clock.install()
    page.goto(f"/resources/{resource.slug}/request/")
    page.get_by_label(f"Cut laptop {number}").check()
    page.get_by_label("Reason").fill("Look at it while it goes")
    page.get_by_role("button", name="Send the request").click()
    said = page.get_by_text(f"You have asked for {resource.name}.")
    said.wait_for()

    grant = lifecycle.approve(AccessRequest.objects.get(resource=resource), reviewer=bob, now=timezone.now())
    estate.put_in_force(grant, company)
    page.clock.fast_forward(6_000)
    page.get_by_text("In force on pep-1 since").wait_for()
    assert said.count() == 0
    home = page.context.new_page()
    home.clock.install()
    home.goto("/")
    lifecycle.revoke(grant, actor=bob, reason="That is enough.", now=timezone.now())
    for each in (page, home):
        each.bring_to_front()
        each.clock.fast_forward(16_000)
        each.get_by_text("That is enough.").first.wait_for()
    assert page.get_by_text("In force on pep-1 since").count() == 0
