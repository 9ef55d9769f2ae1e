"""Access that hangs on the sign-in: the page says when it pauses, one button renews it, and one arrives where one was."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from enrollment.models import IdentityProof, User
from tests import factories
from tests.e2e.looks import check_looks
from tests.e2e.people import at_provider, sign_in
from tests.e2e.site import Site
from tests.node_provider import running_node_provider


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A provider that says when somebody proved who they are: the demo's does not."""
    with Site(tmp_path_factory.mktemp("independent"), running_node_provider) as other:
        yield other


@pytest.mark.usefixtures("world")
def test_one_button_keeps_what_is_about_to_pause(visitor):
    page = visitor()
    sign_in(page, "alice")
    now = timezone.now()
    alice, bob = User.objects.get(subject="demo-alice"), factories.a_person("reviewer", groups=[factories.APPROVERS], now=now)
    payroll = factories.a_resource("payroll", policy=factories.a_policy("by sign-in", session_length=4 * 3600, now=now), now=now)
    factories.a_grant(alice, payroll, [factories.a_device(alice, "laptop", now=now)], reviewer=bob, seconds=8 * 3600, now=now)
    page.goto("/devices/")
    expect(page.get_by_role("button", name="Sign in again")).to_have_count(0)
    IdentityProof.objects.filter(user=alice).update(auth_time=now - timedelta(hours=3.5))
    page.goto("/devices/")
    check_looks(page, "pauses-soon")
    page.get_by_role("button", name="Sign in again").click()
    at_provider(page, "alice").click()
    page.wait_for_url("**/devices/")
    expect(page.get_by_role("button", name="Sign in again")).to_have_count(0)
    IdentityProof.objects.filter(user=alice).update(auth_time=now - timedelta(hours=5))
    page.goto("/")
    expect(page.get_by_text("Your access to Payroll is paused.")).to_be_visible()
    check_looks(page, "paused")
