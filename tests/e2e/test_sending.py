"""Forms that were sent say so, are sent once, and come back to life; what takes a while says that it does."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from enrollment.models import AccessRequest, Resource, User
from tests import factories
from tests.e2e import estate
from tests.e2e.looks import check_looks

WATCH = """new MutationObserver(() => {
  const form = document.querySelector("form[aria-busy]"), button = form?.querySelector("[aria-disabled]");
  const words = form?.querySelector("[data-working]:not([hidden])")?.textContent ?? "";
  if (button) lychgateSaw([button.value || button.textContent, form.ariaBusy, button.getBoundingClientRect().width, words]);
}).observe(document.body, { attributes: true, childList: true, subtree: true })"""


def watched(page):
    """Return a list that fills with what the page shows of a form that is sent: while a page is being left, only it can tell."""
    shown = []
    page.expose_binding("lychgateSaw", lambda _source, what: shown.append(tuple(what)))
    page.evaluate(WATCH)
    return shown


def wait_for(page, is_there, shown):
    for _tenth in range(100):
        if any(map(is_there, shown)):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"It was not shown within 10 s, but {shown}")


def posts(site, form):
    """Return how often a form came, by the web server's own log."""
    return site.log.read_text(encoding="utf-8").count(f"POST {form} ")


@pytest.fixture
def form(person, world):
    """Somebody's form for what nobody else asks for, filled in: `form("alice")`."""
    pep = estate.plant()
    person("bob").context.close()  # somebody must be there to answer

    def fill(page, name):
        owner, now = User.objects.get(subject=f"demo-{name}"), timezone.now()
        number = 150 + Resource.objects.count()
        factories.a_resource(f"sent-{number}", pep=pep, number=number, now=now)
        device = factories.a_device(owner, f"Sending laptop {number}", now=now)
        page.goto(f"/resources/sent-{number}/request/")
        page.get_by_label(device.name).check()
        page.get_by_label("30 min").check()
        page.get_by_label("Reason").fill("Twice is one too many")
        return AccessRequest.objects.filter(resource__slug=f"sent-{number}")

    return fill


def test_a_double_click_sends_once_and_the_button_says_that_it_sends(person, form, world):
    page = person("alice")
    asked = form(page, "alice")
    button = page.get_by_role("button", name="Send the request")
    where, width, shown = page.url.removeprefix(world.url), button.bounding_box()["width"], watched(page)
    with world.slow():
        button.dblclick(no_wait_after=True)
        wait_for(page, lambda each: each == ("Sending …", "true", width, ""), shown)
    page.get_by_text("Waiting for lychgate-approvers").wait_for()
    assert (posts(world, where), asked.count()) == (1, 1)


def test_what_is_being_sent_looks_so_and_is_sent_again_only_once_it_was_given_up(person, form, world):
    page = person("alice")
    form(page, "alice")
    sent = []
    page.route("**/request/", lambda route: (sent.append(route), route.fulfill(status=204)))  # no page comes of it, so this one stays
    page.get_by_role("button", name="Send the request").click()
    page.get_by_role("button", name="Sending …").click(force=True)
    check_looks(page, "sending")
    assert len(sent) == 1
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Send the request").click()
    page.get_by_role("button", name="Sending …").wait_for()
    assert len(sent) == 2
    admin = person("carol")
    admin.goto("/admin/enrollment/auditevent/verify/")
    admin.route("**/verify/", lambda route: route.fulfill(status=204))
    admin.get_by_role("button", name="Verify now").click()
    admin.get_by_text("Every event is read. This may take a while").wait_for()
    check_looks(admin, "admin-working")


def test_a_form_is_not_sent_while_the_browser_is_offline_and_loses_nothing(person, form, world):
    page = person("alice")
    asked = form(page, "alice")
    page.context.set_offline(True)
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text("Nothing was sent: this browser is offline.").wait_for()
    page.context.set_offline(False)
    page.get_by_text("Nothing was sent: this browser is offline.").wait_for(state="hidden")
    page.evaluate("Object.defineProperty(navigator, 'onLine', { value: false })")  # it may be wrong: the portal may be on this machine
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text("Waiting for lychgate-approvers").wait_for()
    assert asked.get().reason == "Twice is one too many"


def test_a_form_that_the_back_button_brings_back_can_be_sent_again(person, form, browser, site, sessions):
    person("alice").context.close()
    keeping = browser.launch(ignore_default_args=["--disable-back-forward-cache"])
    page = keeping.new_context(base_url=site.url, storage_state=sessions["alice"]).new_page()
    form(page, "alice")
    page.evaluate("window.isKept = true")
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text("Waiting for lychgate-approvers").wait_for()
    page.evaluate("history.back()")
    page.wait_for_function("window.isKept")
    page.get_by_role("button", name="Send the request").wait_for(timeout=5000)  # not only when it is given up, after 30 s
    assert page.locator("form[aria-busy], [aria-disabled]").count() == 0
    assert page.get_by_label("Reason").input_value() == "Twice is one too many"
    keeping.close()


def test_what_takes_a_while_in_the_admin_says_so(person, world):
    page = person("carol")
    page.goto("/admin/enrollment/auditevent/verify/")
    shown = watched(page)
    with world.slow():
        page.get_by_role("button", name="Verify now").click(no_wait_after=True)
        wait_for(page, lambda each: each[3].startswith("Every event is read. This may take a while"), shown)
    page.get_by_text("Verified up to event").wait_for()
    page.goto("/admin/enrollment/auditevent/export/")
    page.evaluate(WATCH)
    with page.expect_download():
        with world.slow():
            page.get_by_role("button", name="JSON Lines").click(no_wait_after=True)
            wait_for(page, lambda each: each[3].startswith("Preparing, this may take a while"), shown)
        page.get_by_text("The download has begun.").wait_for()
    expect(page.get_by_text("Preparing, this may take a while")).to_be_hidden()
    with page.expect_download():
        page.get_by_role("button", name="CSV").click()
