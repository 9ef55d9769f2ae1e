"""My devices, enrolling and retiring: what a page does, what it refuses, and what erin must never see."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from enforcement.models import Enforcement, Handshake
from enrollment.models import Device, DeviceKey, Grant
from tests import factories
from tests.enrollment.pages import without_token

LOW_ORDER = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def form(**values):
    return {"name": "Work laptop", "kind": "laptop", "way": "pasted", "public_key": factories.a_key(), "once": str(uuid4()), **values}


def enrol(client, **values):
    return client.post(reverse("device-new"), form(**values))


def test_a_pasted_key_enrols_a_device_and_shows_its_config(as_alice, alice, pep, fileshare):
    page = enrol(as_alice, name="Laptop <b>")
    device = Device.objects.get(owner=alice)
    assert (device.name, device.key_origin) == ("Laptop <b>", "pasted")
    assert f"{device.address_v4}/32" in page.text
    assert f"Endpoint = {pep.endpoint_host}:51820" in page.text
    assert "Laptop <b>" not in page.text


def test_the_config_names_the_prefixes_of_every_pep_with_something_on_it(as_alice, fileshare):
    factories.a_pep(2)
    page = enrol(as_alice)
    assert "AllowedIPs = 10.89.65.0/24, fd89:0:0:1::/64" in page.text
    assert page.text.count("[Peer]") == 1


def test_a_server_made_key_is_in_one_answer_that_nobody_stores(as_alice, alice):
    page = enrol(as_alice, way="server", public_key="")
    private_key = re.search(r"PrivateKey = (\S{43}=)", page.text)[1]
    assert "no-store" in page["Cache-Control"]
    assert "<svg" in page.text
    device = Device.objects.get(owner=alice)
    assert device.key_origin == "server"
    assert private_key not in as_alice.get(reverse("device", args=[device.pk])).text


def test_the_same_form_sent_again_makes_no_second_device(as_alice, alice):
    values = form(way="server", public_key="")
    as_alice.post(reverse("device-new"), values)
    again = as_alice.post(reverse("device-new"), values, follow=True)
    assert "This was done already" in again.text
    assert "PrivateKey = PASTE" in again.text
    assert Device.objects.filter(owner=alice).count() == 1


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"name": ""}, "name", "required"),
        ({"name": "a" * 41}, "name", "40"),
        ({"name": "two\nlines"}, "name", "do not print"),
        ({"name": "AllowedIPs\r\nx"}, "name", "do not print"),
        ({"name": "nul\0"}, "name", "do not print"),
        ({"name": "\u202etxt.exe"}, "name", "do not print"),
        ({"kind": "toaster"}, "kind", "Choose one of these."),
        ({"way": "magic"}, "way", "Choose one of these."),
        ({"way": "browser", "public_key": ""}, "way", "JavaScript"),
        ({"public_key": ""}, "public_key", "44 characters"),
        ({"public_key": LOW_ORDER}, "public_key", "protects nothing"),
        ({"public_key": "a" * 201}, "public_key", "200"),
        ({"public_key": "x\ny"}, "public_key", "44 characters"),
        ({"public_key": "ключ" * 11}, "public_key", "44 characters"),
    ],
)
def test_what_cannot_be_enrolled_is_said_beside_the_field(as_alice, values, field, says):
    page = enrol(as_alice, **values)
    beside = re.search(rf'id="id_{field}_error">([^<]*)<', page.text)
    assert page.status_code == 200
    assert says in beside[1]
    assert not Device.objects.exists()


def test_what_was_pasted_as_a_key_is_never_sent_back(as_alice):
    pasted = "cHJpdmF0ZSBrZXkgb2Ygc29tZWJvZHkgd2hvIGVycmVk"
    page = enrol(as_alice, public_key=pasted)
    assert pasted not in page.text


def test_what_is_much_shorter_than_a_key_is_sent_back_to_be_mended(as_alice):
    assert 'value="hello"' in enrol(as_alice, public_key="hello").text
    assert "a" * 22 not in enrol(as_alice, public_key="a" * 22).text


def test_a_retired_device_leads_to_enrolling_it_anew(as_alice, laptop):
    assert reverse("device-new") in as_alice.post(reverse("device-retire", args=[laptop.pk]), follow=True).text


def test_a_device_without_access_leads_to_asking_for_some(as_alice, laptop):
    page = as_alice.get(reverse("device", args=[laptop.pk])).text
    assert re.search(r'<li><a href="/resources/">Ask for a resource first.</a></li>', page)


def test_a_device_page_lists_what_it_may_reach_and_until_when(as_alice, alice, bob, laptop, fileshare, grant_of_alice, pep):
    factories.a_grant(alice, factories.a_resource("wiki", pep=pep, number=12), [factories.a_device(alice, "other")], reviewer=bob)
    there, until = reverse("device", args=[laptop.pk]), timezone.now() + timedelta(hours=1)
    assert "Nothing now." in as_alice.get(there).text
    Grant.objects.update(starts_at=timezone.now(), ends_at=until)
    page = as_alice.get(there).text
    reach = page[page.index("What it may reach") : page.index("</section>", page.index("What it may reach"))]
    assert (reverse("request", args=[grant_of_alice.request_id]) in reach, fileshare.name in reach) == (True, True)
    assert ("wiki" in reach.lower(), f'datetime="{until:%Y-%m-%dT%H:%M:%S}' in reach) == (False, True)


def test_home_offers_another_device_beside_the_ones_there_are(as_alice, laptop):
    assert reverse("device-new") in as_alice.get(reverse("home")).text


def test_a_key_in_use_is_refused_with_the_words_of_the_verb(as_alice, erin):
    theirs = factories.a_device(erin)
    page = enrol(as_alice, public_key=theirs.public_key)
    assert "This key cannot be used here" in page.text
    assert not Device.objects.exclude(pk=theirs.pk).exists()


def test_a_form_takes_no_more_fields_than_it_shows(as_alice, alice, erin):
    enrol(as_alice, owner=erin.pk, state="suspended", address_v4="10.89.0.200", slot=77, is_staff=True, key_origin="browser")
    device = Device.objects.get()
    assert (device.owner, device.state, device.key_origin) == (alice, "enrolled", "pasted")
    assert (device.address_v4, device.slot) != ("10.89.0.200", 77)
    alice.refresh_from_db()
    assert not alice.is_staff


def test_a_new_key_replaces_the_old_one(as_alice, laptop):
    key = factories.a_key()
    as_alice.post(reverse("device-key", args=[laptop.pk]), {"way": "pasted", "public_key": key, "once": str(uuid4())})
    laptop.refresh_from_db()
    assert laptop.public_key == key
    assert DeviceKey.objects.filter(device=laptop).count() == 2


def test_a_device_page_says_where_and_when_it_was_last_heard(as_alice, laptop, pep):
    there = reverse("device", args=[laptop.pk])
    assert "Not heard from yet" in as_alice.get(there).text
    Handshake.objects.create(device=laptop, pep=pep, at=factories.NOW)
    assert 'pep-1: <time datetime="2026-03-02T09:00:00Z"' in as_alice.get(there).text


def test_a_suspended_device_is_cut_off_and_may_come_back(as_alice, laptop):
    page = as_alice.post(reverse("device-suspend", args=[laptop.pk]), follow=True)
    laptop.refresh_from_db()
    assert (laptop.state, laptop.lost_at) == ("suspended", None)
    assert "this device reaches nothing" in page.text
    as_alice.post(reverse("device-resume", args=[laptop.pk]))
    laptop.refresh_from_db()
    assert laptop.state == "enrolled"


def test_a_lost_device_is_cut_off_and_comes_back_with_a_new_key_only(as_alice, laptop):
    old, there = laptop.public_key, reverse("device-key", args=[laptop.pk])
    page = as_alice.post(reverse("device-lost", args=[laptop.pk]), follow=True)
    assert ("Reported lost at" in page.text, "this device reaches nothing" in page.text, there in page.text) == (True, True, True)
    resumed = as_alice.post(reverse("device-resume", args=[laptop.pk]))
    assert (resumed.status_code, "Give it a new key first" in resumed.text) == (422, True)
    assert "let it in" in as_alice.get(there).text
    same = as_alice.post(there, form(public_key=old))
    assert "This key cannot be used here" in same.text
    laptop.refresh_from_db()
    assert laptop.condition == "lost"
    as_alice.post(there, form())
    laptop.refresh_from_db()
    assert (laptop.condition, laptop.public_key == old) == ("enrolled", False)


def test_a_lost_device_that_an_admin_cut_off_stays_out_with_a_new_key_too(as_alice, laptop, dave):
    from enrollment import lifecycle  # noqa: PLC0415 - Django must be up

    lifecycle.report_lost(laptop, actor=dave, reason="she called", now=timezone.now())
    there = reverse("device-key", args=[laptop.pk])
    assert "ask an admin to resume it" in as_alice.get(reverse("device", args=[laptop.pk])).text
    assert "stays suspended" in as_alice.get(there).text
    as_alice.post(there, form())
    laptop.refresh_from_db()
    assert (laptop.condition, laptop.suspended_by) == ("suspended", dave)
    lifecycle.resume_device(laptop, actor=dave, reason="", now=timezone.now())
    assert laptop.condition == "enrolled"


def test_a_lost_device_is_called_cut_off_only_once_the_kernel_was_read_back(as_alice, laptop, grant_of_alice, pep):
    row = Enforcement.objects.create(grant=grant_of_alice, device=laptop, pep=pep, state="ending", wanted_at=timezone.now())
    page = as_alice.post(reverse("device-lost", args=[laptop.pk]), follow=True)
    assert "being taken away on pep-1. Not confirmed yet." in page.text
    assert ("this device reaches nothing" in page.text, 'data-refresh="2"' in page.text) == (False, True)
    Enforcement.objects.filter(pk=row.pk).update(state="gone", gone_at=timezone.now())
    page = as_alice.get(reverse("device", args=[laptop.pk]))
    assert ("this device reaches nothing" in page.text, "Not confirmed yet" in page.text) == (True, False)


def test_a_device_that_an_admin_suspended_stays_suspended(as_alice, laptop, dave):
    from enrollment import lifecycle  # noqa: PLC0415 - Django must be up

    lifecycle.suspend_device(laptop, actor=dave, reason="posture", now=timezone.now())
    page = as_alice.post(reverse("device-resume", args=[laptop.pk]))
    assert (page.status_code, "An admin suspended this device" in page.text) == (422, True)


def test_retiring_is_for_good_and_said_so_the_second_time(as_alice, laptop):
    first = as_alice.post(reverse("device-retire", args=[laptop.pk]), follow=True)
    second = as_alice.post(reverse("device-retire", args=[laptop.pk]))
    assert "Retired for good" in first.text
    assert (second.status_code, "was retired" in second.text) == (409, True)


@pytest.mark.parametrize("name", ["device", "device-key"])
def test_erin_finds_nothing_where_alice_has_a_device(as_erin, laptop, name):
    theirs = as_erin.get(reverse(name, args=[laptop.pk]))
    nobodys = as_erin.get(reverse(name, args=[987654]))
    assert theirs.status_code == nobodys.status_code == 404
    assert without_token(theirs) == without_token(nobodys)


@pytest.mark.parametrize("name", ["device-retire", "device-lost", "device-suspend", "device-resume", "device-key"])
def test_erin_changes_nothing_of_alices(as_erin, laptop, name):
    before = Device.objects.filter(pk=laptop.pk).values().get()
    answer = as_erin.post(reverse(name, args=[laptop.pk]), form())
    assert answer.status_code == 404
    assert Device.objects.filter(pk=laptop.pk).values().get() == before


def test_erin_does_not_see_alices_devices_in_a_list(as_erin, laptop):
    laptop_name = laptop.name
    assert laptop_name not in as_erin.get(reverse("devices")).text.replace("Enrol the laptop", "")


@pytest.mark.parametrize("number", ["0", "9" * 30, "-1", "1%00", "..%2f..%2fetc%2fpasswd"])
def test_a_number_that_is_none_is_a_plain_404(as_alice, number):
    assert as_alice.get(f"/devices/{number}/").status_code == 404
