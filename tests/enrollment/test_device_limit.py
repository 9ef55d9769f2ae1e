"""Whoever has as many devices as they may is told before they type anything or make a key, and led to what helps."""

import pytest
from django.urls import reverse

from enrollment import lifecycle
from enrollment.models import Handover
from tests.enrollment.test_device_pages import enrol
from tests.factories import NOW, a_device

SAID = "You have 2 devices, and that is the limit."


@pytest.fixture
def full(settings, alice):
    """Alice has two devices, and may have no more."""
    settings.DEVICE_LIMIT = 2
    return [a_device(alice, name) for name in ("one", "two")]


def test_the_page_that_enrols_says_so_first_and_names_what_could_be_retired(as_alice, full):
    page = as_alice.get(reverse("device-new")).text
    assert (SAID in page, 'name="way"' in page, "Show a link for my phone" in page) == (True, False, False)
    assert all(reverse("device", args=[device.pk]) in page for device in full)


def test_my_devices_say_so_and_offer_no_enrolment(as_alice, full):
    page = as_alice.get(reverse("devices")).text
    assert (SAID in page, reverse("device-new") in page) == (True, False)


def test_home_offers_no_enrolment_either(as_alice, full):
    assert reverse("device-new") not in as_alice.get("/").text


def test_no_link_is_made_for_a_phone_that_could_not_be_enrolled(as_alice, alice, full):
    assert as_alice.post(reverse("handover-new")).url == reverse("device-new")
    with pytest.raises(lifecycle.Refused, match="that is the limit"):
        lifecycle.make_handover(alice, now=NOW)
    assert not Handover.objects.exists()


def test_a_form_that_was_open_when_the_last_one_was_enrolled_keeps_what_was_typed(as_alice, full):
    page = enrol(as_alice, name="three").text
    assert (SAID in page, 'value="three"' in page) == (True, True)


def test_a_retired_device_makes_room(as_alice, alice, full):
    lifecycle.retire_device(full[0], actor=alice, reason="", now=NOW)
    assert 'name="way"' in as_alice.get(reverse("device-new")).text
    assert reverse("device-new") in as_alice.get(reverse("devices")).text
    assert as_alice.post(reverse("handover-new")).status_code == 200
