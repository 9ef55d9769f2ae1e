"""The admin in a browser: an approver answers, an auditor reads, an admin sets up; readable on a phone, and clean."""

import pytest
from django.utils import timezone

from enrollment import lifecycle
from enrollment.models import AccessRequest, Delegation, Device, Grant, Resource, User
from tests import factories
from tests.e2e import estate
from tests.e2e.looks import check_looks


@pytest.fixture(autouse=True)
def company(world):
    return estate.plant()


@pytest.fixture
def waiting(person):
    """What alice asks, made by the verb: her own pages have their own tests."""
    person("bob")
    person("alice")
    alice, now = User.objects.get(name="Alice Adler"), timezone.now()
    slug, number = "fileshare", Device.objects.count()
    device = factories.a_device(alice, f"admin-laptop-{number}", now=now)
    reason = "The quarterly figures are in the share, and the auditors want them by noon."
    return factories.a_request(alice, Resource.objects.get(slug=slug), [device], seconds=600, reason=reason, now=now)


@pytest.fixture(autouse=True)
def _room_for_devices(world):
    yield
    Device.objects.filter(name__startswith="admin-laptop", state="enrolled").update(state="retired", retired_at=timezone.now())


def test_an_approver_answers_on_a_phone(person, waiting):
    page = person("bob", viewport={"width": 390, "height": 844})
    page.goto("/admin/enrollment/accessrequest/")
    page.locator(f"a[href$='/{waiting.pk}/approve/']").click()
    page.get_by_label("At most").fill("5 min")
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Approved until").wait_for()
    grant = Grant.objects.get(request=waiting)
    assert (grant.ends_at - grant.starts_at).total_seconds() == 300


def test_an_approver_answers_from_the_list(person, waiting):
    page = person("bob")
    page.goto("/admin/enrollment/accessrequest/")
    page.locator(f"input.action-select[value='{waiting.pk}']").check()
    page.locator("select[name=action]").first.select_option("deny")
    page.locator("button[name=index]").first.click()
    page.get_by_label("Why not").fill("Ask me tomorrow.")
    page.get_by_role("button", name="Deny").click()
    page.get_by_text("Denied.").wait_for()
    waiting.refresh_from_db()
    assert waiting.state == AccessRequest.State.DENIED


def test_what_an_approver_sees_looks_right(person, waiting):
    page = person("bob")
    page.goto("/admin/")
    check_looks(page, "admin-index-approver")
    page.goto("/admin/enrollment/accessrequest/")
    check_looks(page, "admin-requests")
    page.goto(f"/admin/enrollment/accessrequest/{waiting.pk}/change/")
    check_looks(page, "admin-request")
    page.goto(f"/admin/enrollment/accessrequest/{waiting.pk}/approve/")
    check_looks(page, "admin-approve")


def test_a_grant_looks_right(person, waiting, company):
    page = person("bob")
    grant = factories.lifecycle.approve(waiting, reviewer=User.objects.get(name="Bob Brandt"), now=timezone.now())
    estate.put_in_force(grant, company)
    page.goto("/admin/enrollment/grant/")
    check_looks(page, "admin-grants")
    page.goto(f"/admin/enrollment/grant/{grant.pk}/revoke/")
    check_looks(page, "admin-revoke")


@pytest.mark.parametrize("model", ["pep", "resource", "accesspolicy"])
def test_the_forms_of_a_new_admin_look_right(model, person):
    page = person("dave")
    page.goto(f"/admin/enrollment/{model}/add/")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".errornote").wait_for()
    check_looks(page, f"admin-{model}-refused")


def test_the_audit_log_looks_right(person, waiting):
    page = person("carol")
    page.goto("/admin/enrollment/auditevent/")
    check_looks(page, "admin-audit")
    page.goto("/admin/enrollment/auditevent/verify/")
    page.get_by_role("button", name="Verify now").click()
    page.get_by_text("Verified up to event").wait_for()
    check_looks(page, "admin-verify")
    page.goto("/admin/")
    page.get_by_text("It holds up to event").wait_for()
    check_looks(page, "admin-index-auditor")


def test_an_auditor_sees_how_approvers_answer(person, waiting):
    person("bob")
    lifecycle.approve(waiting, reviewer=User.objects.get(name="Bob Brandt"), now=timezone.now())
    page = person("carol")
    page.goto("/admin/")
    page.get_by_role("link", name="Answers by approver …").click()
    page.get_by_role("row", name="Bob Brandt").wait_for()
    check_looks(page, "admin-approvers")
    with page.expect_download() as taken:
        page.get_by_role("button", name="JSON Lines").click()
    assert taken.value.suggested_filename.startswith("lychgate-approvers-")


def test_an_auditor_asks_who_could_reach_what(person, waiting):
    person("bob")
    lifecycle.approve(waiting, reviewer=User.objects.get(name="Bob Brandt"), now=timezone.now())
    page = person("carol")
    page.goto("/admin/enrollment/auditevent/")
    page.get_by_role("link", name="Who could reach what …").click()
    page.get_by_label("Resource").select_option(label="Fileshare")
    page.get_by_label("When").fill("")
    page.get_by_role("button", name="Look").click()
    page.get_by_text("Authorised until").first.wait_for()
    check_looks(page, "admin-reach")
    with page.expect_download() as taken:
        page.get_by_role("button", name="CSV").click()
    assert taken.value.suggested_filename.startswith("lychgate-reach-")
    page.get_by_label("When").fill("2099-01-01T00:00:00")
    page.get_by_role("button", name="Look").click()
    page.get_by_text("That has not happened yet").wait_for()
    check_looks(page, "admin-reach-refused")


def test_an_admin_makes_a_resource_in_the_browser(person, company):
    page = person("dave")
    page.goto("/admin/enrollment/resource/add/")
    page.get_by_label("Name").fill("Printers")
    page.get_by_label("Slug").fill("printers")
    page.get_by_label("Access policy").select_option(label="Ask the approvers")
    page.locator("[name=ports-0-protocol]").select_option("tcp")
    page.locator("[name=ports-0-first]").fill("631")
    page.locator("[name=placements-0-pep]").select_option(label="pep-1")
    page.locator("[name=placements-0-target_v4]").fill("192.168.89.31")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("was added successfully").wait_for()
    assert Resource.objects.get(slug="printers").placements.get().overlay_v4.startswith("10.89.65.")


@pytest.fixture
def _no_delegation_is_left(world):
    yield
    for each in Delegation.objects.open(timezone.now()):
        factories.lifecycle.end_delegation(each, actor=None, now=timezone.now())


@pytest.mark.usefixtures("_no_delegation_is_left")
def test_somebody_stands_in_for_an_approver_and_answers(person, waiting):
    erin = person("erin")
    assert erin.get_by_role("link", name="Admin").count() == 0
    page = person("bob")
    page.goto("/admin/enrollment/delegation/add/")
    page.get_by_label("For how long").fill("2 w")
    page.get_by_role("button", name="Let them stand in").click()
    page.get_by_text("Say who stands in for you.").wait_for()
    check_looks(page, "admin-delegate-refused")
    page.get_by_label("Who stands in").fill(User.objects.get(name="Erin Evans").email)
    page.get_by_label("Reason").fill("On holiday by the sea, without a network.")
    page.get_by_role("button", name="Let them stand in").click()
    page.get_by_text("can answer in your stead until").wait_for()
    check_looks(page, "admin-delegations")
    erin.goto(f"/admin/enrollment/accessrequest/{waiting.pk}/approve/")
    erin.get_by_text("You answer in the stead of Bob Brandt.").wait_for()
    check_looks(erin, "admin-approve-in-the-stead")
    erin.get_by_role("button", name="Approve").click()
    erin.get_by_text("Approved until").wait_for()
    check_looks(erin, "admin-request-answered-in-the-stead")
    page.goto(f"/admin/enrollment/delegation/{Delegation.objects.latest('pk').pk}/change/")
    check_looks(page, "admin-delegation")
    page.get_by_role("link", name="End …").click()
    page.get_by_role("button", name="End").click()
    page.get_by_text("Ended. Erin").wait_for()
