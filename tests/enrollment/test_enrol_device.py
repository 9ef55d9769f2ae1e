"""Enrolling: one key, one address of each family, one owner."""

from ipaddress import ip_network

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from enrollment import keys, lifecycle
from enrollment.models import AuditEvent, Device, DeviceKey
from tests.enrollment.test_keys import GOOD, LOW, spelled
from tests.factories import a_device, a_key, a_pep, later


@pytest.fixture
def small_pool(settings):
    """Room for five."""
    settings.DEVICE_POOLS = (ip_network("10.89.0.0/29"), ip_network("fd89::/64"))
    settings.DEVICE_LIMIT = 100
    return settings


def refused(match, owner, **values):
    before = (Device.objects.count(), DeviceKey.objects.count(), AuditEvent.objects.count())
    with pytest.raises(lifecycle.Refused, match=match) as told:
        a_device(owner, **values)
    assert (Device.objects.count(), DeviceKey.objects.count(), AuditEvent.objects.count()) == before
    return told.value


def test_a_device_gets_the_next_address_of_each_family(alice, erin):
    first, second = a_device(alice), a_device(erin)
    assert first.addresses == ("10.89.0.2", "fd89::2")
    assert second.addresses == ("10.89.0.3", "fd89::3")


def test_enrolling_opens_nothing_by_itself(laptop):
    assert not laptop.grants.exists()


def test_the_log_tells_whose_it_is_and_its_addresses(laptop, alice):
    event = AuditEvent.objects.get(verb="device.enrolled")
    assert (event.actor_id, event.data["owner_name"], event.data["addresses"]) == (alice.pk, "Alice", ["10.89.0.2", "fd89::2"])


@pytest.mark.parametrize("text", ["", "A" * 44, GOOD + "\n", *(spelled(point) for point in LOW[:3])])
def test_a_bad_key_is_refused_and_leaves_nothing(alice, text):
    refused("key", alice, key=text or "x")


def test_a_key_that_anybody_uses_or_used_is_refused_in_the_same_words(alice, erin, laptop, now):
    pep, old, key = a_pep(), a_device(alice, "old"), laptop.public_key
    lifecycle.retire_device(old, actor=alice, reason="", now=now)
    lifecycle.rotate_key(laptop, public_key=a_key(), key_origin="browser", actor=alice, now=now)
    for known in (pep.public_key, old.public_key, key, laptop.public_key):
        for person in (alice, erin):
            assert refused("cannot be used", person, name="new", key=known).reasons == (keys.KNOWN_ALREADY,)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "a\nb",
        "a\rb",
        "a\x00b",
        "x" * 41,
        "x" * 10_000,
        "\u202egnp.exe",
        "a\u200bb",
        "tab\tin",
        "x\nAllowedIPs = 0.0.0.0/0",
        "\ud800",
    ],
)
def test_a_name_that_does_not_print_or_fit_is_refused(alice, name):
    refused("name", alice, name=name)


@pytest.mark.parametrize(
    "name", ["$(id)", "`id`", '"; flush ruleset; #', "<script>", "../../etc/passwd", "=cmd()", "\u00dcbung", "\U0001f4bb", "x" * 40]
)
def test_other_names_are_kept_as_they_are(alice, name):
    assert a_device(alice, name).name == name


def test_a_name_is_its_owners_alone_and_free_again_after_retirement(alice, erin, laptop, now):
    refused("of this name", alice, name="laptop")
    assert a_device(erin, "laptop").pk
    lifecycle.retire_device(laptop, actor=alice, reason="", now=now)
    assert a_device(alice, "laptop").pk


def test_a_name_that_differs_in_its_capitals_alone_is_no_other_name(alice, laptop):
    for same in ("Laptop", "LAPTOP"):
        assert refused("of this name", alice, name=same).field == "name"
    assert a_device(alice, "\u00dcbung").pk
    refused("of this name", alice, name="\u00fcBUNG")


def test_nobody_has_more_devices_than_the_limit(alice, settings, now):
    settings.DEVICE_LIMIT = 2
    first = a_device(alice, "one")
    a_device(alice, "two")
    refused("You have 2 devices", alice, name="three")
    lifecycle.retire_device(first, actor=alice, reason="", now=now)
    assert a_device(alice, "three").pk


def test_a_disabled_account_enrols_nothing(alice, dave, now):
    lifecycle.disable_user(alice, actor=dave, now=now)
    refused("disabled", alice)


def test_a_full_pool_is_said_to_be_full(alice, small_pool):
    assert [a_device(alice, f"d{number}").slot for number in range(5)] == [2, 3, 4, 5, 6]
    refused("pool is full", alice, name="one more")


def test_an_address_rests_before_somebody_else_gets_it(alice, erin, small_pool, now):
    devices = [a_device(alice, f"d{number}") for number in range(5)]
    lifecycle.retire_device(devices[1], actor=alice, reason="", now=now)
    refused("pool is full", erin)
    assert lifecycle.free_addresses(later(86399)) == 0
    assert lifecycle.free_addresses(later(86400)) == 1
    assert a_device(erin, now=later(86400)).addresses == devices[1].addresses
    refused("pool is full", erin, name="second")


def test_addresses_that_were_never_used_come_before_those_that_rested(alice, laptop, now):
    lifecycle.retire_device(laptop, actor=alice, reason="", now=now)
    lifecycle.free_addresses(later(86400))
    assert a_device(alice, "next", now=later(86400)).slot == 3


def test_finding_an_address_takes_as_many_queries_in_a_used_pool(alice, erin, settings):
    settings.DEVICE_LIMIT = 100
    a_device(erin, "warm")
    with CaptureQueriesContext(connection) as fresh:
        a_device(alice, "first")
    for number in range(30):
        a_device(alice, f"d{number}")
    with CaptureQueriesContext(connection) as used:
        a_device(alice, "last")
    assert len(used) == len(fresh)
