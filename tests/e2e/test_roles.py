"""What each role does from beginning to end, clicked through on a phone and at a desk, in light and dark.

Nothing is a stand-in: the stage is the demo's (portal/demo/stage.py), with its worker, broker and provider, and with a gateway
whose kernel holds what pages call "in force", in namespaces of this process.
"""

import csv
import json
import os
import re

import pytest
from playwright.sync_api import expect

from portal.demo.home import free_port, open_home
from portal.demo.lab import read_client_file
from portal.demo.people import PATIENCE, Person
from portal.demo.stage import Stage
from tests.e2e import people
from tests.e2e.looks import WAYS, WIDTHS, check_as_it_is
from tests.e2e.reading import decode_qr
from tests.lab import needs_namespaces

pytestmark = [needs_namespaces, pytest.mark.lab]
APPROVERS = "lychgate-approvers"


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    home = open_home(tmp_path_factory.mktemp("stage"), free_port(0), reset=False)
    stage = Stage(home, lambda _what, _seconds: None, lab_prefix=f"lgt{os.getpid()}r")
    try:
        stage.open()
        yield stage
    finally:
        stage.close()


@pytest.fixture(scope="module")
def site(stage):
    return stage.home


@pytest.fixture(params=WAYS, ids="-".join)
def way(request):
    return request.param


@pytest.fixture
def cast(visitor, site, way):
    """Sign somebody in, on a screen of this width and theme."""

    def sign_in(name, **options):
        device, theme = way
        page = visitor(viewport={"width": WIDTHS[device], "height": 900}, color_scheme=theme, **options)
        page.set_default_timeout(PATIENCE)
        person = Person(name, page, site.url)
        person.sign_in()
        return person

    return sign_in


def seconds_left(countdown):
    """Return what a countdown says, in seconds."""
    sizes = {"h": 3600, "min": 60, "s": 1}
    return sum(int(count) * sizes[unit] for count, unit in re.findall(r"(\d+) (\w+)", countdown))


def enrolled(page, name, picture):
    """Enrol a device from home on, see that its file and its QR code say the same, and return its IPv4 address."""
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("button", name="Enrol a device").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Enrol", exact=True).click()
    page.get_by_role("heading", name=f"{name} is enrolled").wait_for()
    page.get_by_text("A QR code instead").click()
    code = decode_qr(page, picture).decode()
    with page.expect_download() as taken:
        page.get_by_role("button", name="Download").click()
    config = taken.value.path().read_text(encoding="utf-8")
    assert config == code
    return read_client_file(config)[0]["Address"].split("/")[0]


def test_an_employee_enrols_asks_reminds_has_extends_and_ends(stage, cast, way, tmp_path):
    alice, bob, laptop = cast("alice"), cast("bob"), f"Laptop {' '.join(way)}"
    page = alice.page
    address = enrolled(page, laptop, tmp_path / "qr.png")
    page.get_by_role("button", name="Next: ask for a resource").click()
    page.locator("a[href='/resources/wiki/request/']").click()
    page.get_by_label(laptop).check()
    page.get_by_label("30 min").check()
    page.get_by_label("Reason").fill("To read up")
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text(f"Waiting for {APPROVERS}").wait_for()
    asked = page.url
    page.get_by_role("button", name="Remind those who may answer").click()
    page.get_by_text("were reminded at").wait_for()
    assert not stage.bench.holds("wiki", address)

    bob.approve([asked], "20 min")
    page.get_by_text("In force on pep-1").wait_for()  # by itself
    assert stage.bench.holds("wiki", address)
    countdown = page.locator("time[data-countdown]").first
    shown = countdown.text_content()
    expect(countdown).not_to_have_text(shown, timeout=PATIENCE)
    assert 18 * 60 < seconds_left(countdown.text_content()) < seconds_left(shown) < 20 * 60
    check_as_it_is(page, "in force")

    page.get_by_role("button", name="Ask for more time").click()
    page.get_by_text("The new time begins at").wait_for()
    check_as_it_is(page, "more time")
    page.get_by_label(laptop).check()
    page.get_by_label("Reason").fill("It is a long text")
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text(f"Waiting for {APPROVERS}").wait_for()
    more = page.url
    bob.approve([more], "")
    page.get_by_text("It begins at").wait_for()
    for request in (more, asked):
        alice.end(request)
        alice.wait_until(request, "Ended early")
    assert "Confirmed gone from pep-1" in page.locator("#live [role=status]").inner_text()
    assert not stage.bench.holds("wiki", address)


@pytest.fixture
def erins(cast):
    """What erin asks for, with a laptop of hers, by resource."""
    erin, laptop = cast("erin"), f"Laptop {os.urandom(4).hex()}"
    people.enrol(erin.page, laptop)
    return erin, {slug: erin.ask(slug, laptop) for slug in ("fileshare", "voice", "pep-admin", "wiki")}


def test_an_approver_finds_reads_and_approves_for_less_denies_answers_several_and_revokes(erins, cast):
    (erin, asked), bob = erins, cast("bob")
    page = bob.page
    page.get_by_text("4 requests wait for your answer.").wait_for()
    page.get_by_role("button", name="Answer").click()
    listed = page.get_by_role("link", name=re.compile("^Erin Evans: "))
    names = ("File share", "Voice line", "Gateway administration", "Wiki")
    expect(listed).to_have_text([re.compile(f"^Erin Evans: {name}") for name in names], timeout=PATIENCE)
    check_as_it_is(page, "what waits")

    listed.first.click()
    page.get_by_text("For the story.").first.wait_for()
    page.get_by_role("link", name="Approve …").click()
    briefing = page.locator(".briefing").inner_text()
    assert all(words in briefing for words in ("erin@example.com", "1 h", "10.89.65.2", "445", "Had it before"))
    page.get_by_label("At most").fill("5 min")
    page.get_by_role("button", name="Approve").click()
    page.get_by_text("Approved until").wait_for()
    erin.wait_until(asked["fileshare"], "In force")
    assert 200 < seconds_left(erin.page.locator("time[data-countdown]").first.text_content()) < 300

    choose(page, "accessrequest", "deny", asked["pep-admin"])
    page.get_by_role("button", name="Deny").click()
    page.locator(".form-row", has=page.get_by_label("Why not")).locator(".errorlist").wait_for()
    check_as_it_is(page, "no reason")
    page.get_by_label("Why not").fill("Ask the people of the gateway.")
    page.get_by_role("button", name="Deny").click()
    page.get_by_text("Denied.").wait_for()
    assert "Ask the people of the gateway." in erin.wait_until(asked["pep-admin"], "Denied")

    choose(page, "accessrequest", "approve", asked["voice"], asked["wiki"])
    assert page.locator(".briefing").count() == 2
    page.get_by_role("button", name="Approve").click()
    page.locator(".messagelist .success").nth(1).wait_for()
    check_as_it_is(page, "two approved")
    for slug in ("voice", "wiki"):
        erin.wait_until(asked[slug], "In force")
        bob.revoke(asked[slug])
        erin.wait_until(asked[slug], "Ended early")
    erin.end(asked["fileshare"])


def choose(page, model, action, *requests):
    """Tick these in the list, and choose what to do with all of them."""
    page.goto(f"/admin/enrollment/{model}/")
    for request in requests:
        page.locator(f"input.action-select[value='{request.rstrip('/').rsplit('/', 1)[-1]}']").check()
    page.locator("select[name=action]").select_option(action)
    page.get_by_role("button", name="Go", exact=True).click()


@pytest.fixture(scope="module")
def kept(browser, site):
    """Somebody has access while auditors look: dave, to the voice line. Return when that was asked for."""
    contexts = [browser.new_context(base_url=site.url) for _ in range(2)]
    dave, bob = (Person(name, context.new_page(), site.url) for name, context in zip(("dave", "bob"), contexts, strict=True))
    for person in (dave, bob):
        person.sign_in()
    people.enrol(dave.page, "Dave's laptop")
    asked = dave.ask("voice", "Dave's laptop")
    created = dave.page.locator(".timeline time").first.get_attribute("datetime")
    bob.approve([asked], "")
    dave.wait_until(asked, "In force")
    browser.close(*contexts)
    return created


def test_an_auditor_learns_who_could_reach_what_takes_it_along_and_verifies(kept, cast):
    carol = cast("carol")
    page, reach = carol.page, ("Dave Dubois, Dave's laptop", "Authorised until", "In force on pep-1 since")
    page.get_by_role("link", name="Admin").click()
    page.get_by_text("chain").first.wait_for()
    assert all(words in carol.who_reaches("Voice line")[0] for words in reach)
    check_as_it_is(page, "who could reach it")
    page.get_by_label("When").fill(kept.removesuffix("Z"))
    page.get_by_role("button", name="Look").click()
    page.get_by_text("Nobody could reach it.").wait_for()
    page.get_by_label("Resource").select_option(index=0)
    page.get_by_label("Person").fill("dave@example.com")
    page.get_by_label("When").fill("")
    page.get_by_role("button", name="Look").click()
    page.get_by_text("Dave's laptop, Voice line").wait_for()

    page.goto("/admin/enrollment/grant/")
    page.locator("#result_list tbody th a").first.click()
    assert page.get_by_role("button", name=re.compile("Save|Delete")).count() == page.get_by_role("link", name="Revoke …").count() == 0
    page.goto("/admin/enrollment/auditevent/")
    page.get_by_role("link", name="Export …").click()
    files = {}
    for kind in ("CSV", "JSON Lines"):
        with page.expect_download() as taken:
            page.get_by_role("button", name=kind).click()
        files[kind] = taken.value.path().read_text(encoding="utf-8")
    told = [json.loads(line) for line in files["JSON Lines"].splitlines()]
    assert "Dave's laptop" in files["CSV"]
    assert len(told) == len(list(csv.reader(files["CSV"].splitlines())))  # its head, for the event that it was taken
    page.goto("/admin/enrollment/auditevent/")
    page.get_by_role("link", name="Verify the chain …").click()
    page.get_by_role("button", name="Verify now").click()
    page.get_by_text("Verified up to event").wait_for()
    page.get_by_text("outside the database agree").wait_for()
    check_as_it_is(page, "verified")


@pytest.mark.parametrize("way", [("phone", "dark")], ids="-".join)
def test_without_javascript_an_employee_asks_reminds_has_and_ends(cast):
    dave, bob = cast("dave", java_script_enabled=False), cast("bob")
    page = dave.page
    people.enrol(page, "Plain phone", "server")
    asked = dave.ask("wiki", "Plain phone")
    page.get_by_role("button", name="Remind those who may answer").click()
    page.get_by_text("were reminded at").wait_for()
    bob.approve([asked], "")
    look_again_until(page, "In force on pep-1")
    assert "UTC" in page.locator("#live time").first.text_content()
    page.get_by_text("End it now").click()
    page.get_by_role("button", name="End my access now").click()
    look_again_until(page, "Confirmed gone from pep-1")


def look_again_until(page, words):
    """Reload the page, as one does where nothing turns by itself."""
    for _ in range(60):
        if page.get_by_text(words).count():
            return
        page.wait_for_timeout(500)
        page.reload()
    pytest.fail(f"it never says {words!r}")
