"""What a person sees whose sign-in became too old while they typed."""

from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import expect

from enrollment.models import IdentityProof
from tests.e2e import estate
from tests.e2e.looks import check_looks
from tests.e2e.people import at_provider, sign_in


def test_whoever_took_too_long_signs_in_again_and_what_they_typed_is_there(visitor, world):
    pep = estate.plant()
    page = visitor()  # a browser of its own: signing in again ends the cookies that others keep
    sign_in(page, "dave")
    page.goto("/devices/new/")
    page.get_by_label("Name").fill("Slowly typed")
    IdentityProof.objects.filter(pk=IdentityProof.objects.latest("pk").pk).update(auth_time=timezone.now() - timedelta(days=2))
    page.get_by_role("button", name="Enrol", exact=True).click()
    page.get_by_role("heading", name="Sign in again to go on").wait_for()
    check_looks(page, "step-up")
    other = page.context.new_page()
    other.goto(f"/admin/enrollment/pep/{pep.pk}/change/")
    check_looks(other, "step-up-to-change")
    page.get_by_role("button", name="Sign in again").click()
    at_provider(page, "dave").click()
    expect(page.get_by_label("Name")).to_have_value("Slowly typed")
