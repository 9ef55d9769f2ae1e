"""A device is enrolled with a key that the browser makes, and nobody else ever has the private half."""

import re

import pytest

from enrollment.models import Device
from tests.e2e import estate
from tests.e2e.looks import check_looks
from tests.e2e.people import enrol, sign_in
from tests.e2e.reading import PRIVATE, decode_qr_everywhere, public_of, sessions_in_clear, where_written

HIDE_WEBCRYPTO = "Object.defineProperty(window, 'isSecureContext', {value: false})"


@pytest.fixture(autouse=True)
def company(world):
    return estate.plant()


def test_the_key_made_in_the_browser_belongs_to_the_device_enrolled(person):
    config = enrol(person("alice"), "Work laptop")
    assert public_of(PRIVATE.search(config)[1]) == Device.objects.get(name="Work laptop").public_key


def test_the_private_key_of_the_browser_is_never_sent(person):
    page = person("alice")
    sent = []
    page.on("request", lambda request: sent.append(f"{request.url} {request.all_headers()} {request.post_data or ''}"))
    private_key = PRIVATE.search(enrol(page, "Silent laptop"))[1]
    assert any(Device.objects.get(name="Silent laptop").public_key in one for one in sent)
    assert not any(private_key in one for one in sent)


@pytest.mark.parametrize("way", ["browser", "server"])
def test_the_private_key_is_written_nowhere(person, site, way):
    page = person("alice")
    private_key = PRIVATE.search(enrol(page, f"Secret {way}", way))[1]
    page.goto("/devices/")
    site.save_broker()
    assert where_written(Device.objects.get(name=f"Secret {way}").public_key, site.home)
    assert where_written(private_key, site.home) == []


@pytest.mark.parametrize("way", ["browser", "server"])
def test_the_private_key_is_in_no_session(person, site, way):
    private_key = PRIVATE.search(enrol(person("carol"), f"Session {way}", way))[1]
    sessions = sessions_in_clear(site.env["LYCHGATE_SECRET_KEY"])
    assert "forms_used" in sessions
    assert private_key not in sessions


@pytest.mark.parametrize("way", ["browser", "server"])
def test_the_qr_code_reads_as_the_config_in_both_widths_and_themes(person, tmp_path, way):
    page = person("erin")
    config = enrol(page, f"Scanned {way}", way, "phone")
    assert decode_qr_everywhere(page, tmp_path / "qr.png") == config.encode()


def test_the_file_is_saved_as_shown_and_named_for_every_app(person):
    page = person("carol")
    config = enrol(page, "Müller's phone")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert re.fullmatch(r"[a-z0-9]([a-z0-9_-]{0,13}[a-z0-9])?\.conf", download.value.suggested_filename)
    assert download.value.path().read_bytes() == config.encode()
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")  # as it is without https
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("button", name="Not copied").wait_for()


def test_after_the_one_time_page_a_reload_leads_to_the_device_without_the_key(person):
    page = person("dave")
    private_key = PRIVATE.search(enrol(page, "Reloaded"))[1]
    page.reload()
    page.get_by_role("heading", name="Reloaded").wait_for()
    assert private_key not in page.content()
    assert Device.objects.filter(name="Reloaded").count() == 1


@pytest.mark.parametrize("way", ["browser", "server"])
def test_leaving_with_the_private_key_unsaved_is_asked_about_and_not_once_it_is_saved(person, way):
    page, asked = person("dave"), []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    private_key = PRIVATE.search(enrol(page, f"Unsaved {way}", way))[1]
    page.get_by_role("button", name="Next: ask for a resource").click()
    page.wait_for_function("document.querySelector('[data-config-text]')")
    assert (asked, private_key in page.content()) == (["beforeunload"], True)
    with page.expect_download():
        page.get_by_role("button", name="Download").click()
    page.get_by_role("button", name="Next: ask for a resource").click()
    page.get_by_role("heading", name="Resources").wait_for()
    assert asked == ["beforeunload"]


def test_whoever_scanned_the_code_says_so_and_is_not_asked(person):
    page, asked = person("dave"), []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    enrol(page, "Scanned", kind="phone")
    page.get_by_role("button", name="Done: show the device").click()
    page.get_by_role("heading", name="Is it working?").wait_for()
    assert asked == []


def test_sending_the_server_made_form_again_makes_no_second_device(person):
    page = person("dave")
    private_key = PRIVATE.search(enrol(page, "Sent twice", "server"))[1]
    page.reload()
    page.get_by_text("This was done already").wait_for()
    assert private_key not in page.content()
    assert Device.objects.filter(name="Sent twice").count() == 1


def test_without_https_the_page_says_so_and_offers_to_paste_a_key(visitor):
    page = visitor()
    page.add_init_script(HIDE_WEBCRYPTO)
    sign_in(page, "carol")
    page.goto("/devices/new/")
    page.get_by_text("not opened over https").wait_for()
    assert page.locator("[name=way][value=browser]").is_disabled()


def test_without_javascript_the_server_makes_the_key(person):
    page = person("carol", java_script_enabled=False)
    config = enrol(page, "No script", "server")
    assert public_of(PRIVATE.search(config)[1]) == Device.objects.get(name="No script").public_key


def test_a_new_key_keeps_the_device_and_its_addresses_and_its_code_reads_as_the_new_config(person, tmp_path):
    page = person("bob")
    enrol(page, "Rekeyed", kind="phone")
    before = Device.objects.get(name="Rekeyed")
    page.goto(f"/devices/{before.pk}/key/")
    page.get_by_role("button", name="Change the key").click()
    page.get_by_role("heading", name="Rekeyed has a new key").wait_for()
    config = page.locator("[data-config-text]").text_content()
    assert decode_qr_everywhere(page, tmp_path / "qr.png") == config.encode()
    after = Device.objects.get(pk=before.pk)
    assert after.public_key == public_of(PRIVATE.search(config)[1]) != before.public_key
    assert after.addresses == before.addresses


def test_the_pages_of_enrolment_look_right(person):
    page = person("bob")
    page.goto("/devices/new/")
    check_looks(page, "device-new")
    enrol(page, "Travel phone", kind="phone")
    check_looks(page, "device-config")
    page.goto("/devices/")
    check_looks(page, "devices")
    page.goto(f"/devices/{Device.objects.get(name='Travel phone').pk}/")
    check_looks(page, "device")
