"""What happened to a request stays on its page as it was: what was in force and gone again, what became of its devices, and reminders."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from enforcement.models import Enforcement
from enrollment import lifecycle
from tests import factories


@pytest.fixture
def now():
    """Pages ask the clock themselves, so everything here happened in the last hour."""
    return timezone.now() - timedelta(minutes=30)


@pytest.fixture
def phone(alice, now):
    return factories.a_device(alice, "phone", kind="phone", now=now)


@pytest.fixture
def asked(alice, fileshare, laptop, phone, now):
    return factories.a_request(alice, fileshare, [laptop, phone], now=now)


@pytest.fixture
def grant(asked, bob, now):
    return lifecycle.approve(asked, reviewer=bob, now=now)


@pytest.fixture
def minute(now):
    return lambda number: now + timedelta(minutes=number)


@pytest.fixture
def held(grant, pep, minute):
    """Write that the kernel holds it for this device since that minute; `past`: earlier times."""

    def hold(device, since, past=()):
        past = [[minute(begin).isoformat(), minute(end).isoformat() if end else ""] for begin, end in past]
        Enforcement.objects.create(
            grant=grant, device=device, pep=pep, state="in_force", wanted_at=minute(since), in_force_at=minute(since), past=past
        )

    return hold


def timeline(client, asked):
    """Return what the page says happened, in order, without the times."""
    page = client.get(reverse("request", args=[asked.pk])).text
    steps = re.findall(r"<li [^>]*>(.*?)</li>", re.search(r'<ol class="timeline">(.*?)</ol>', page, re.DOTALL)[1], re.DOTALL)
    return [" ".join(re.sub(r"<time.*?</time>|<[^>]+>", " ", step).split()) for step in steps]


def test_what_was_in_force_and_gone_stays_and_why_it_went_is_told(as_alice, asked, held, laptop, phone, alice, minute):
    held(phone, 1)
    held(laptop, 9, past=[(1, 4), (5, None)])
    lifecycle.suspend_device(laptop, actor=alice, reason="suspended by its owner", now=minute(3))
    lifecycle.resume_device(laptop, actor=alice, reason="", now=minute(8))
    assert timeline(as_alice, asked)[2:-1] == [
        "In force for laptop, as gateway pep-1 confirms",
        "In force for phone, as gateway pep-1 confirms",
        "You suspended laptop",
        "Gone for laptop, as gateway pep-1 confirms",
        "In force for laptop, as gateway pep-1 confirms",
        "You resumed laptop",
        "In force for laptop, as gateway pep-1 confirms",
    ]


def test_what_others_did_to_a_device_is_told_with_who_and_why_and_only_while_it_had_access(as_alice, asked, grant, laptop, dave, minute):
    lifecycle.suspend_device(laptop, actor=dave, reason="Seen at the airport.", now=minute(5))
    lifecycle.revoke(grant, actor=dave, reason="over", now=minute(6))
    lifecycle.resume_device(laptop, actor=dave, reason="", now=minute(7))
    told = timeline(as_alice, asked)
    assert "Dave suspended laptop Seen at the airport." in told
    assert not any("resumed" in each for each in told)


def test_since_is_said_for_each_device_where_they_did_not_begin_together(as_alice, asked, held, laptop, phone):
    held(phone, 1)
    held(laptop, 9)
    page = re.sub(r"<time[^>]*>|</time>", "", as_alice.get(reverse("request", args=[asked.pk])).text)
    assert re.search(r"In force on pep-1\. +laptop: since [^.]+ UTC\. phone: since [^.]+ UTC\.", page)
    Enforcement.objects.filter(device=laptop).update(in_force_at=Enforcement.objects.get(device=phone).in_force_at)
    page = as_alice.get(reverse("request", args=[asked.pk])).text
    assert "In force on pep-1 since" in page
    assert "phone: since" not in page


def test_a_reminder_is_told_each_time(as_alice, asked, alice, bob, minute):
    lifecycle.remind_approvers(asked, actor=alice, now=minute(5))
    assert timeline(as_alice, asked)[1] == "You had 1 person reminded"


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("device", "the device was retired"),
        ("resource", "the resource was retired"),
        ("bob", "Bob ended the access it was to extend"),
        ("alice", "you ended the access it was to extend"),
    ],
)
def test_what_was_withdrawn_says_for_what(request, as_alice, fileshare, laptop, minute, how, why):
    alice, bob, dave = (request.getfixturevalue(name) for name in ("alice", "bob", "dave"))
    first = factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=minute(0))
    more = factories.a_request(alice, fileshare, [laptop], extends=first, now=minute(1))
    ways = {
        "device": lambda: lifecycle.retire_device(laptop, actor=alice, reason="", now=minute(2)),
        "resource": lambda: lifecycle.retire_resource(fileshare, actor=dave, now=minute(2)),
        "bob": lambda: lifecycle.revoke(first, actor=bob, reason="no more", now=minute(2)),
        "alice": lambda: lifecycle.revoke(first, actor=alice, reason="", now=minute(2)),
    }
    ways[how]()
    assert timeline(as_alice, more)[-1] == f"Withdrawn: {why}"
    for page in (reverse("request", args=[more.pk]), reverse("home")):
        assert re.search(rf"Withdrawn at <time[^>]+>[^<]+</time>: {why}\.", as_alice.get(page).text)
