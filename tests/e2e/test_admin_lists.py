"""The lists of the admin: on a phone filters and sorting fold out above the list, on a desk they are where Django has them."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e import estate
from tests.e2e.looks import check_looks

PHONE = {"width": 390, "height": 844}
GRANTS = "/admin/enrollment/grant/"


@pytest.fixture(autouse=True)
def _company(world):
    estate.plant()


def test_on_a_phone_filters_and_sorting_fold_out_above_the_list_by_keyboard(person):
    page = person("carol", viewport=PHONE)
    page.goto(GRANTS)
    expect(page.locator("#changelist-filter")).to_be_hidden()
    fold = page.locator("details.list-tools")
    expect(fold.get_by_role("link", name="ended")).to_be_hidden()
    assert fold.bounding_box()["y"] < page.locator("#changelist-form").bounding_box()["y"]
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    check_looks(page, "admin-list-folded-out")
    fold.get_by_role("link", name="ended", exact=True).focus()
    page.keyboard.press("Enter")
    expect(fold.locator("summary")).to_have_text("Filter and sort: ended")
    fold.locator("summary").press("Enter")
    expect(fold.get_by_role("link", name="ended", exact=True)).to_have_attribute("aria-current", "true")
    fold.get_by_role("link", name="Until", exact=True).press("Enter")
    expect(page).to_have_url(re.compile(r"standing=ended.*o=|o=.*standing=ended"))
    fold.locator("summary").press("Enter")
    fold.get_by_role("link", name="Until, ascending").press("Enter")
    fold.locator("summary").press("Enter")
    expect(fold.get_by_role("link", name="Until, descending")).to_be_visible()
    fold.get_by_role("link", name="Clear all filters").press("Enter")
    expect(fold.locator("summary")).to_have_text("Filter and sort")


def test_a_list_without_filters_is_sorted_alike(person):
    page = person("carol", viewport=PHONE)
    page.goto("/admin/enrollment/pep/")
    page.locator("details.list-tools summary").press("Enter")
    page.get_by_role("navigation", name="Sort").get_by_role("link", name="Name").click()
    expect(page).to_have_url(re.compile(r"\?o="))


def test_on_a_desk_they_stand_where_django_has_them(person):
    page = person("carol", viewport={"width": 1280, "height": 800})
    page.goto("/admin/enrollment/resource/")
    expect(page.locator("#changelist-filter")).to_be_visible()
    expect(page.locator("details.list-tools")).to_be_hidden()
    expect(page.locator("thead").get_by_role("link", name="Name")).to_be_visible()
