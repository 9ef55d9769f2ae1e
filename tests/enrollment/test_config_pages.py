"""The page that shows a config once, and the device's page afterwards: steps that fit who reads them, and where."""

import re
from uuid import uuid4

import pytest
from django.urls import reverse

from enrollment.models import Device
from tests.enrollment.test_device_pages import enrol, form
from tests.enrollment.test_platforms import FIREFOX_ON_UBUNTU, SAFARI_ON_IPHONE
from tests.factories import a_device, a_key

STEPS = re.compile(r'data-platform="([\w-]+)".*?<ol>(.*?)</ol>', re.DOTALL)
FOLDED = re.compile(r"<details.*?</details>", re.DOTALL)


def steps_of(page):
    """Return the steps of each platform, as text."""
    found = {name: re.findall(r"<li>(.*?)</li>", inner, re.DOTALL) for name, inner in STEPS.findall(page.text)}
    return {name: [re.sub(r"<[^>]+>", "", step) for step in steps] for name, steps in found.items()}


def by(browser, **values):
    """Return what a form and a browser say of themselves."""
    return {"headers": {"user-agent": browser}, "data": form(**values)}


def made_anew(client, device, **values):
    return client.post(reverse("device-key", args=[device.pk]), {"way": "pasted", "public_key": a_key(), "once": str(uuid4()), **values})


def test_with_a_new_key_the_old_tunnel_goes_first_on_every_platform(as_alice, laptop, fileshare):
    page = made_anew(as_alice, laptop, way="server", public_key="")
    first = {name: steps[0] for name, steps in steps_of(page).items()}
    assert len(first) == 6
    assert {name for name, step in first.items() if "old tunnel" in step} == set(first)
    assert "nmcli connection delete laptop" in first["networkmanager"]
    assert "sudo wg-quick down laptop" in first["wg-quick"]


def test_a_new_device_has_no_old_tunnel(as_alice, fileshare):
    assert "old tunnel" not in enrol(as_alice, way="server", public_key="").text


def test_whoever_made_the_key_puts_it_into_the_file_before_anything_takes_the_file(as_alice, fileshare):
    for steps in steps_of(enrol(as_alice)).values():
        at = {what: next(n for n, step in enumerate(steps) if what in step) for what in ("Download", "put your private key")}
        takes = [n for n, step in enumerate(steps) if re.search(r"Import|nmcli|install -m|Create from|import", step)]
        assert at["Download"] < at["put your private key"] < takes[0]
        assert not any("scan" in step.lower() for step in steps)


def test_a_made_key_needs_no_putting_in(as_alice, fileshare):
    assert "put your private key" not in enrol(as_alice, way="server", public_key="").text


def test_at_a_computer_a_phone_is_shown_a_code_and_told_to_scan_it(as_alice, fileshare):
    page = as_alice.post(reverse("device-new"), **by(FIREFOX_ON_UBUNTU, kind="phone", way="server", public_key=""))
    assert "data-qr" in FOLDED.sub("", page.text)
    assert all("scan the code" in " ".join(steps_of(page)[phone]) for phone in ("ios", "android"))


def test_a_laptops_config_invites_no_phone(as_alice, fileshare):
    page = as_alice.post(reverse("device-new"), **by(FIREFOX_ON_UBUNTU, way="server", public_key=""))
    assert ("data-qr" in page.text, "data-qr" in FOLDED.sub("", page.text)) == (True, False)


def test_a_phone_shows_itself_no_code_to_scan(as_alice, fileshare):
    page = as_alice.post(reverse("device-new"), **by(SAFARI_ON_IPHONE, kind="phone", way="server", public_key=""))
    assert "data-qr" not in page.text
    assert not any("scan" in step or "computer" in step for step in steps_of(page)["ios"])
    assert "Create from file or archive" in " ".join(steps_of(page)["ios"])


def test_the_page_of_a_device_says_again_how_to_install_the_file_and_to_take_the_one_that_was_saved(as_alice, laptop, fileshare):
    page = as_alice.get(reverse("device", args=[laptop.pk]), headers={"user-agent": FIREFOX_ON_UBUNTU})
    assert len(steps_of(page)) == 6
    assert "which you saved when the key was made" in " ".join(steps_of(page)["networkmanager"])
    assert "Download" not in str(steps_of(page))


def test_the_file_without_its_key_is_folded_away_and_never_called_as_the_whole_one(as_alice, laptop, fileshare):
    page = as_alice.get(reverse("device", args=[laptop.pk]))
    assert re.findall(r'data-name="([^"]*)"', page.text) == ["laptop-without-key.conf"]
    assert "data-download" not in FOLDED.sub("", page.text)
    assert reverse("device-key", args=[laptop.pk]) in FOLDED.sub("", page.text)


def test_the_file_of_somebody_who_made_the_key_is_the_whole_one_to_them(as_alice, alice, fileshare):
    device = a_device(alice, "mine", key_origin="pasted")
    page = as_alice.get(reverse("device", args=[device.pk]))
    assert re.findall(r'data-name="([^"]*)"', page.text) == ["mine.conf"]
    assert "data-download" in FOLDED.sub("", page.text)
    assert "put your private key" in " ".join(steps_of(page)["ios"])


@pytest.mark.parametrize(("way", "asks"), [("server", True), ("pasted", False)])
def test_a_page_whose_key_is_lost_with_it_says_so_to_the_browser(as_alice, fileshare, way, asks):
    page = enrol(as_alice, way=way, public_key=a_key() if way == "pasted" else "")
    assert ("data-unsaved" in page.text) is asks
    assert Device.objects.count() == 1
