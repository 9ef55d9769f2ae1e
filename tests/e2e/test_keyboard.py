"""Somebody without a mouse: from signing in to a request that is sent, by keys alone, and at each stop one sees where one is."""

import pytest
from django.utils import timezone

from enrollment.models import AccessRequest
from tests import factories
from tests.e2e import estate
from tests.e2e.people import at_provider, greeting

# What tells the eye that something has the focus: it looks otherwise than without, and lies in sight with nothing above it.
SEEN = """() => {
  const it = document.activeElement;
  const parts = ["outline", "boxShadow", "textDecoration", "borderColor", "backgroundColor"];
  const look = () => parts.map((name) => getComputedStyle(it)[name]).join();
  const focused = look();
  it.blur();
  const plain = look();
  it.focus({ focusVisible: true });
  const box = it.getBoundingClientRect();
  const above = document.elementFromPoint(box.left + box.width / 2, box.top + Math.min(box.height / 2, 20));
  return { it: it.outerHTML.slice(0, 120), differs: focused !== plain, inSight: it.contains(above) || Boolean(above?.contains(it)) };
}"""


@pytest.fixture
def press(visitor):
    """A page of somebody who has keys alone: `press(key)`, or `press(key, on)`, which goes there first."""
    page = visitor(reduced_motion="reduce")

    def press(key, on=None):
        if on:
            go_to(page, on)
        page.keyboard.press(key)

    press.page = page
    return press


def go_to(page, target):
    """Press Tab until the focus is there."""
    target.wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen = page.evaluate(SEEN)
        assert (seen["differs"], seen["inSight"]) == (True, True), seen
        if target.evaluate("(it) => it === document.activeElement"):
            return
    pytest.fail(f"no way there by Tab: {target}")


def test_by_keys_alone_one_signs_in_enrols_and_asks_and_sees_where_one_is(press, person, world):
    pep = estate.plant()
    person("bob").context.close()  # somebody must be there to answer
    factories.a_resource("typewriter", pep=pep, number=80, now=timezone.now())
    page = press.page
    page.goto("/")
    press("Enter", page.get_by_role("button", name="Sign in with"))
    press("Space", at_provider(page, "erin"))
    greeting(page, "erin").wait_for()
    press("Enter", page.get_by_role("link", name="Skip to the content"))
    assert page.evaluate("document.activeElement.id") == "content"
    page.goto("/")
    press("Enter", page.get_by_role("link", name="Devices"))
    press("Space", page.get_by_role("button", name="Enrol a device").first)
    go_to(page, page.get_by_label("Name"))
    page.keyboard.type("Typing machine")
    press("Enter", page.get_by_role("button", name="Enrol", exact=True))
    page.get_by_role("heading", name="Typing machine is enrolled").wait_for()
    with page.expect_download():
        press("Space", page.get_by_role("button", name="Download"))
    press("Enter", page.get_by_role("button", name="Next"))

    go_to(page, page.get_by_role("searchbox"))
    page.keyboard.type("Typewriter")
    press("Enter")
    press("Space", page.get_by_role("button", name="Ask for access"))
    box = page.get_by_label("Typing machine")
    press("Space", box)
    if not box.is_checked():  # it was ticked, as the only device
        press("Space")
    go_to(page, page.locator("[name=duration]:checked"))
    press("ArrowDown")
    chosen = page.locator("[name=duration]:checked").input_value()
    go_to(page, page.get_by_label("Reason"))
    page.keyboard.type("For the minutes")
    press("Enter", page.get_by_role("button", name="Send the request"))
    page.get_by_text("Waiting for lychgate-approvers").wait_for()
    asked = AccessRequest.objects.get(resource__slug="typewriter")
    assert (asked.reason, str(asked.seconds)) == ("For the minutes", chosen)
    assert asked.devices.filter(name="Typing machine").exists()
