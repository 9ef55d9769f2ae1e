"""The pages around the work: signing in, what is not there, and a phone without JavaScript."""

from tests.e2e import estate
from tests.e2e.looks import check_looks
from tests.e2e.people import sign_in


def test_the_page_to_sign_in_looks_right(visitor):
    page = visitor()
    page.goto("/resources/")
    check_looks(page, "sign-in")


def test_a_page_that_is_not_there_looks_right_and_leads_home(person):
    page = person("erin")
    assert page.goto("/requests/987654/").status == 404
    check_looks(page, "not-there")
    page.get_by_role("button", name="To the home page").click()
    page.get_by_role("heading", name="Hello Erin").wait_for()


def test_signing_out_asks_for_nothing_and_leads_away(visitor, world):
    page = visitor()
    sign_in(page, "carol")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/signed-out/")
    page.goto("/devices/")
    page.get_by_role("heading", name="Sign in").wait_for()


def test_without_javascript_times_are_utc_and_every_way_leads_on(person, world):
    estate.plant()
    person("bob")
    page = person("dave", java_script_enabled=False, viewport={"width": 390, "height": 844})
    page.goto("/resources/")
    page.get_by_label("Search resources").fill("ought")
    page.get_by_role("button", name="Search").click()
    assert page.get_by_role("heading", level=2).all_text_contents() == ["Wiki"]
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("button", name="Enrol a device").first.click()
    page.get_by_label("Name").fill("Plain phone")
    page.locator("[name=way][value=server]").check()
    page.get_by_role("button", name="Enrol").click()
    page.get_by_role("button", name="Done: show the device").click()
    assert "UTC" in page.locator("time").first.text_content()
