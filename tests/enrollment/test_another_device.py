"""Somebody has a resource on the laptop, and asks for it on the phone too: from now, and without giving up the first."""

import pytest
from django.utils import timezone

from tests import factories

PAGE = "/resources/fileshare/request/"


@pytest.fixture
def having(client, alice, bob, laptop, fileshare):
    """Alice's grant of the file share, with her laptop, and her browser."""
    client.force_login(alice)
    return factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=timezone.now())


@pytest.fixture
def phone(alice):
    return factories.a_device(alice, "phone")


def ticked(page):
    """Return the numbers of the devices that a form has ticked."""
    return [int(line.split('value="')[1].split('"')[0]) for line in page.split("<input") if 'name="devices"' in line and " checked" in line]


def test_the_catalogue_says_which_device_has_it_and_offers_the_others(client, having, phone):
    page = client.get("/resources/").text
    assert "With laptop." in page
    assert "Ask with another device" in page
    assert f'href="{PAGE}"' in page


def test_who_has_no_other_device_is_offered_more_time_alone(client, having):
    page = client.get("/resources/").text
    assert ("Ask for more time" in page, "Ask with another device" in page) == (True, False)


def test_the_form_ticks_the_device_that_lacks_it_and_begins_at_once(client, having, phone):
    page = client.get(PAGE).text
    assert ticked(page) == [phone.pk]
    sent = {"devices": phone.pk, "duration": "3600", "begins": "now", "reason": "on the train"}
    assert client.post(PAGE, sent).status_code == 302
    asked = phone.owner.access_requests.latest("pk")
    assert (asked.extends, list(asked.devices.all())) == (None, [phone])


def test_more_time_is_for_the_devices_that_have_it(client, having, laptop, phone):
    page = client.get(f"{PAGE}?extends={having.pk}").text
    assert ticked(page) == [laptop.pk]
    assert f'value="{phone.pk}"' not in page.partition('name="devices"')[2].partition("</fieldset>")[0]
    sent = {"devices": [laptop.pk, phone.pk], "duration": "3600", "reason": "on the train"}
    assert client.post(f"{PAGE}?extends={having.pk}", sent).status_code == 200
    assert not phone.owner.access_requests.filter(extends=having).exists()
