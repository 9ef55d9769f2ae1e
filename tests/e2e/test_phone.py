"""A phone is handed a link by a computer's screen, and becomes a device of whoever sits there: two browsers, a real code."""

import pytest

from enrollment.models import Device
from tests.e2e import estate
from tests.e2e.looks import WIDTHS, check_looks
from tests.e2e.people import at_provider
from tests.e2e.reading import PRIVATE, decode_qr_everywhere, public_of, where_written

HAND = {"viewport": {"width": WIDTHS["phone"], "height": 844}, "has_touch": True}


@pytest.fixture(autouse=True)
def company(world):
    return estate.plant()


def link_of(computer, tmp_path):
    """Make a link on a computer and scan it; return what a camera reads."""
    computer.goto("/devices/new/")
    computer.get_by_role("button", name="Show a link for my phone").click()
    computer.get_by_text("Waiting for the phone").wait_for()
    return decode_qr_everywhere(computer, tmp_path / "link.png").decode()


def test_a_phone_without_a_session_becomes_a_device_once_the_letters_were_compared(person, visitor, site, tmp_path):
    computer, phone = person("erin"), visitor(**HAND)
    link = link_of(computer, tmp_path)
    check_looks(computer, "handover-link")
    phone.goto(link)
    check_looks(phone, "phone-link")
    phone.get_by_role("button", name="Continue").click()
    phone.get_by_text("It becomes a device of Erin Evans").wait_for()
    check_looks(phone, "phone-start")
    phone.get_by_role("button", name="Make the key on this phone").click()
    letters = phone.locator(".fingerprint").text_content()
    computer.get_by_text("the same code?").wait_for()
    assert computer.locator(".fingerprint").text_content() == letters
    check_looks(phone, "phone-waits")
    check_looks(computer, "handover-compare")
    with site.down():
        for page in (phone, computer):
            page.get_by_text("the portal does not answer").wait_for()
    computer.get_by_label("Name").fill("Erin's phone")
    computer.get_by_role("button", name="The same").click()
    computer.get_by_text("Erin's phone is enrolled.").wait_for()
    phone.get_by_role("heading", name="Erin's phone is enrolled").wait_for()
    config = phone.locator("[data-config-text]").text_content()
    assert decode_qr_everywhere(phone, tmp_path / "config.png") == config.encode()
    device = Device.objects.get(name="Erin's phone")
    assert public_of(PRIVATE.search(config)[1]) == device.public_key
    assert device.address_v4 in config
    site.save_broker()
    assert where_written(PRIVATE.search(config)[1], site.home) == []
    token = link.partition("#")[2]
    assert len(token) == 26
    assert not [path for path in site.home.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]


def test_on_a_phone_where_she_is_signed_in_she_goes_straight_to_enrolment_and_the_computer_says_so(person, tmp_path):
    computer, phone = person("erin"), person("erin", **HAND)
    phone.goto(link_of(computer, tmp_path))
    phone.get_by_role("button", name="Continue").click()
    phone.get_by_role("heading", name="Enrol a device").wait_for()
    assert phone.get_by_label("What is it?").input_value() == "phone"
    computer.get_by_text("You opened the link on your phone").wait_for()
    check_looks(computer, "handover-opened")
    phone.get_by_label("Name").fill("Erin's other phone")
    phone.get_by_role("button", name="Enrol").click()
    computer.get_by_text("Erin's other phone is enrolled.").wait_for()


def test_signing_in_on_the_phone_for_the_link_leads_to_enrolment_by_the_providers_page_alone(person, visitor, tmp_path):
    computer, phone = person("erin"), visitor(**HAND)
    phone.goto(link_of(computer, tmp_path))
    phone.get_by_role("button", name="Continue").click()
    phone.get_by_role("button", name="Sign in").click()
    at_provider(phone, "erin").click()
    phone.get_by_role("heading", name="Enrol a device").wait_for()
    assert not phone.get_by_role("button", name="Show a link for my phone").is_visible()


def test_coming_back_to_the_link_sends_nothing_again_and_says_how_it_stands(person, tmp_path):
    computer = person("erin")
    link_of(computer, tmp_path)
    there = computer.url
    computer.get_by_role("link", name="Resources").click()
    computer.get_by_role("heading", name="Resources", exact=True).wait_for()
    computer.go_back()
    computer.get_by_text("No phone has answered yet").wait_for()
    assert (computer.url, "/handovers/" in there) == (there, True)


def test_without_javascript_the_code_is_typed_and_the_rest_said(person, visitor, tmp_path):
    computer, phone = person("erin"), visitor(java_script_enabled=False, **HAND)
    link_of(computer, tmp_path)
    computer.get_by_text("No camera?").click()
    code = computer.locator(".fingerprint").text_content()
    phone.goto("/phone/")
    phone.get_by_label("Code").fill(code)
    phone.get_by_role("button", name="Continue").click()
    phone.get_by_role("button", name="Sign in").wait_for()
    assert "JavaScript is off" in phone.content()
    assert not phone.get_by_role("button", name="Make the key").is_visible()
