"""When access was in force on which gateway, to the second and with the zone: for approvers, and for whoever asked."""

from datetime import timedelta

import pytest
from django.urls import reverse

from enforcement.models import Enforcement
from tests import factories


@pytest.fixture
def moments(now):
    """In force, ending, gone: a minute apart."""
    return [now + timedelta(minutes=minutes) for minutes in range(3)]


@pytest.fixture
def two_gateways(granted, laptop, fileshare, moments):
    """In force on the second, and gone from the first."""
    begin, _ending, end = moments
    first = fileshare.placements.get().pep
    second = factories.a_pep(2)
    factories.a_placement(fileshare, second, number=11)
    Enforcement.objects.filter(grant=granted).delete()
    rows = [
        Enforcement(grant=granted, device=laptop, pep=first, state="gone", wanted_at=begin, in_force_at=begin, gone_at=end),
        Enforcement(grant=granted, device=laptop, pep=second, state="in_force", wanted_at=begin, in_force_at=end),
    ]
    Enforcement.objects.bulk_create(rows)
    return [str(first), str(second)]


def said(moment):
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


@pytest.mark.parametrize("page", ["grant", "request"])
def test_each_gateway_says_since_when_and_when_it_was_confirmed_gone(page, browse, bob, granted, two_gateways, moments, url, words):
    address = url("grant_change", granted.pk) if page == "grant" else url("accessrequest_change", granted.request_id)
    text, (begin, _ending, end) = words(browse(bob).get(address)), moments
    first, second = two_gateways
    assert f"laptop · {first}: in force since {said(begin)}; gone, confirmed at {said(end)}" in text
    assert f"laptop · {second}: in force since {said(end)}" in text


def test_what_is_ending_says_since_when_it_was_in_force_too(browse, bob, granted, laptop, pep, moments, url, words):
    begin, ending, _end = moments
    Enforcement.objects.filter(grant=granted).delete()
    Enforcement.objects.create(grant=granted, device=laptop, pep=pep, state="ending", wanted_at=begin, in_force_at=begin, ending_at=ending)
    text = words(browse(bob).get(url("grant_change", granted.pk)))
    assert f"in force since {said(begin)}; ending since {said(ending)}, not confirmed yet" in text


def test_a_request_leads_to_the_access_that_came_of_it(browse, bob, asked, foreign, granted, url):
    client = browse(bob)
    assert f'href="{url("grant_change", granted.pk)}"' in client.get(url("accessrequest_change", granted.request_id)).content.decode()


def test_one_that_waits_has_no_line_for_what_came_of_it(browse, bob, asked, url, words):
    text = words(browse(bob).get(url("accessrequest_change", asked.pk)))
    assert ("What came of it" in text, "as read back" in text, "Who must agree" in text) == (False, False, True)


def test_whoever_asked_reads_the_same_of_each_gateway(browse, alice, granted, two_gateways, moments, words):
    text, (begin, _ending, end) = words(browse(alice).get(reverse("request", args=[granted.request_id]))), moments
    first, second = two_gateways
    for at, joint in (
        (begin, f"In force for laptop, as gateway {first} confirms"),
        (end, f"In force for laptop, as gateway {second} confirms"),
        (end, f"Gone for laptop, as gateway {first} confirms"),
    ):
        assert joint in text
        assert f":{at:%M:%S} UTC" in text.partition(joint)[2][:60]
