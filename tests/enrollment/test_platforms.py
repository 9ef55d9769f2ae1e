"""How to install a config: what is unfolded first for whom, and that everybody finds every platform."""

import re

import pytest

from enrollment import platforms
from tests import factories
from tests.enrollment.test_device_pages import form

FIREFOX_ON_UBUNTU = "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"
CHROME_ON_ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
SAFARI_ON_IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari/604.1"
)
SAFARI_ON_A_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"


@pytest.mark.parametrize(
    ("browser", "is_phone", "unfolded"),
    [
        (FIREFOX_ON_UBUNTU, False, ("linux",)),
        (CHROME_ON_ANDROID, False, ("android",)),
        (SAFARI_ON_IPHONE, True, ("ios",)),
        (SAFARI_ON_A_MAC, False, ("macos",)),
        (EDGE, False, ("windows",)),
        (EDGE, True, ("ios", "android")),
        ("", False, ()),
        ("", True, ("ios", "android")),
    ],
)
def test_what_is_likely_is_unfolded_and_stands_first(browser, is_phone, unfolded):
    assert platforms.likely(browser, is_phone=is_phone) == unfolded
    order = platforms.in_order(unfolded)
    assert {each for each, is_open in order[: len(unfolded)] if is_open} == set(unfolded)
    assert {each for each, _is_open in order} == set(platforms.ALL)


def test_a_page_with_a_config_says_for_every_platform_how_to_install_it_under_its_own_name(as_alice, fileshare):
    page = as_alice.post("/devices/new/", form(name="Alice's Laptop"), headers={"user-agent": FIREFOX_ON_UBUNTU}).text
    every = ["networkmanager", "wg-quick", "windows", "macos", "ios", "android"]
    assert re.findall(r'data-platform="([\w-]+)"', page) == every
    assert re.findall(r'data-platform="([\w-]+)" open', page) == every[:2]
    assert "nmcli connection import type wireguard file alice-s-laptop.conf" in page
    assert 'data-name="alice-s-laptop.conf"' in page


def test_a_new_key_comes_with_them_too(as_alice, laptop):
    page = as_alice.post(f"/devices/{laptop.pk}/key/", form(public_key=factories.a_key()), headers={"user-agent": SAFARI_ON_IPHONE}).text
    assert re.findall(r'data-platform="([\w-]+)" open', page) == ["ios"]
