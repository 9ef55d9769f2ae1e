"""Home: what matters today, what runs or waits first, and what came to nothing with who and why."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from enforcement.models import Enforcement
from enrollment import lifecycle
from enrollment.models import AccessRequest
from tests import factories


@pytest.fixture
def now():
    """Pages ask the clock themselves, so everything here happens now."""
    return timezone.now()


@pytest.fixture
def ask(alice, bob, laptop, pep, now):
    """Ask for a resource of this name, with a number for its address."""
    policy = factories.a_policy(now=now)

    def asked(name, number):
        resource = factories.a_resource(name, pep=pep, policy=policy, number=number, now=now)
        return factories.a_request(alice, resource, [laptop], now=now)

    return asked


def cards(client):
    """Return each card of my access: its name, its badge, and all it says."""
    page = client.get(reverse("home")).text
    section = re.search(r'<section id="live".*?</section>', page, re.DOTALL)[0]
    found = [" ".join(re.sub(r"<[^>]+>", " ", card).split()) for card in re.findall(r"<article>(.*?)</article>", section, re.DOTALL)]
    return {words.split()[0]: words for words in found}


def test_what_was_cut_says_by_whom_and_why_until_it_is_confirmed_and_after(as_alice, ask, bob, laptop, pep, now):
    grant = lifecycle.approve(ask("one", 21), reviewer=bob, now=now)
    Enforcement.objects.create(grant=grant, device=laptop, pep=pep, state="in_force", wanted_at=now, in_force_at=now, until=grant.ends_at)
    assert re.search(r"In force on pep-1 since [^.]*:\d\d:\d\d UTC \.", cards(as_alice)["One"])
    lifecycle.revoke(grant, actor=bob, reason="The project is over.", now=now)
    said = cards(as_alice)["One"]
    assert re.search(r"Ended by Bob at .+ UTC , and being taken away on pep-1\. Not confirmed yet\.", said)
    assert "The project is over." in said
    Enforcement.objects.update(state="gone", gone_at=now)
    said = cards(as_alice)["One"]
    assert re.search(r"Ended by Bob at .+ Confirmed gone from pep-1\.", said)
    assert "The project is over." in said


def test_what_somebody_ended_themselves_is_not_told_to_them_as_by_another(as_alice, ask, alice, bob, now):
    lifecycle.revoke(lifecycle.approve(ask("one", 21), reviewer=bob, now=now), actor=alice, reason="ended by its owner", now=now)
    assert "Ended by" not in cards(as_alice)["One"]
    assert "ended by its owner" not in cards(as_alice)["One"]


def test_what_came_to_nothing_is_there_for_a_day_with_who_and_why(as_alice, ask, bob, now):
    lifecycle.deny(ask("no", 21), reviewer=bob, comment="Use the copy.", now=now)
    ask("late", 22)
    AccessRequest.objects.filter(state="pending").update(created_at=now - timedelta(days=1), answer_by=now - timedelta(hours=1))
    found = cards(as_alice)
    assert re.search(r"Denied by Bob at .+ Use the copy\.", found["No"])
    assert "Nobody had answered by" in found["Late"]
    long_ago = now - timedelta(days=1, hours=1)
    AccessRequest.objects.filter(state="denied").update(created_at=long_ago, closed_at=long_ago)
    AccessRequest.objects.filter(state="pending").update(created_at=long_ago - timedelta(days=1), answer_by=long_ago)
    assert cards(as_alice) == {}


def test_what_runs_or_waits_comes_before_what_is_over(as_alice, ask, bob, now):
    ask("waits", 21)
    lifecycle.deny(ask("no", 22), reviewer=bob, comment="Not now.", now=now)
    lifecycle.approve(ask("runs", 23), reviewer=bob, now=now)
    later = ask("later", 24)
    AccessRequest.objects.filter(pk=later.pk).update(starts_at=now + timedelta(hours=2))
    lifecycle.approve(later, reviewer=bob, now=now)
    ask("waits2", 25)
    assert list(cards(as_alice)) == ["Runs", "Later", "Waits2", "Waits", "No"]


@pytest.mark.parametrize(("language", "words"), [("en", "Ended by the portal at"), ("de", "Beendet durch das Portal")])
def test_what_the_portal_itself_ended_is_said_in_a_sentence(client, ask, alice, bob, now, language, words):
    lifecycle.revoke(lifecycle.approve(ask("One", 11), reviewer=bob, now=now), actor=None, reason="", now=now)
    client.force_login(alice)
    assert words in client.get("/", headers={"accept-language": language}).text


def test_an_open_page_looks_again_while_others_can_change_what_it_says_and_shows_what_they_did(as_alice, ask, alice, bob, laptop, pep, now):
    asked = ask("one", 21)
    pages = [reverse("home"), reverse("request", args=[asked.pk])]
    found = [live(as_alice, pages)]
    grant = lifecycle.approve(asked, reviewer=bob, now=now)
    Enforcement.objects.create(grant=grant, device=laptop, pep=pep, state="in_force", wanted_at=now, in_force_at=now, until=grant.ends_at)
    found.append(live(as_alice, pages))
    factories.a_grant(alice, asked.resource, [laptop], reviewer=bob, extends=grant, now=now)
    found.append(live(as_alice, pages))
    lifecycle.suspend_device(laptop, actor=None, reason="", now=now)
    found.append(live(as_alice, pages))
    Enforcement.objects.update(state="gone", gone_at=now)
    found.append(live(as_alice, pages))
    lifecycle.revoke(grant, actor=bob, reason="over", now=now)
    found.append(live(as_alice, pages))
    for page in range(len(pages)):
        assert [each[page][0] for each in found] == ["5", "15", "15", ("3", "2")[page], "15", ""]
        assert len({each[page][1] for each in found}) == len(found)


def live(client, pages):
    """Return of each page in how many seconds it looks again, and what it compares then."""
    marks = [re.search(r'id="live" data-state="([^"]*)" (?:data-refresh="(\d+)")?', client.get(page).text) for page in pages]
    return [(mark[2] or "", mark[1]) for mark in marks]
