"""The form by which somebody asks: what it offers, what it leaves out, and what it says will happen."""

import re
from datetime import datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from enrollment import facts
from enrollment.durations import LONGEST, MOST, offered
from enrollment.models import AccessRequest
from tests import factories
from tests.factories import APPROVERS, HOUR, NOW


@pytest.fixture
def now():
    """Pages ask the clock themselves, so everything here happens now."""
    return timezone.now()


def page_of(client, resource):
    return client.get(reverse("request-new", args=[resource.slug])).text


def ask(client, resource, device, **values):
    sent = {"devices": [device.pk], "duration": "3600", "minutes": "", "reason": "quarterly report", "ticket": "", **values}
    return client.post(reverse("request-new", args=[resource.slug]), sent)


def lengths(page):
    return re.findall(r'name="duration" value="(\w+)"', page)


@settings(max_examples=200, deadline=None, database=None)
@given(st.integers(1, LONGEST))
def test_lengths_are_few_and_rise_to_the_longest_that_is_allowed(longest):
    found = offered(longest)
    assert found[-1] == longest == max(found)
    assert len(found) <= MOST
    assert list(found) == sorted(set(found))


def test_what_is_left_of_the_rolling_total_bounds_what_is_offered(as_alice, alice, laptop, bob, pep, now):
    policy = factories.a_policy("tight", longest_grant=8 * HOUR, rolling_total=10 * HOUR, now=now)
    tight = factories.a_resource("tight", pep=pep, policy=policy, now=now)
    assert lengths(page_of(as_alice, tight))[-2:] == ["28800", "custom"]
    factories.a_grant(alice, tight, [laptop], reviewer=bob, seconds=8 * HOUR, now=now)
    page = page_of(as_alice, tight)
    assert lengths(page)[-2:] == [str(2 * HOUR), "custom"]
    assert "you have 2 h left" in page
    assert "From 1 to 120, which is 2 h." in page
    ask(as_alice, tight, factories.a_device(alice, "other", now=now), duration=str(2 * HOUR))
    assert AccessRequest.objects.order_by("pk").last().seconds == 2 * HOUR


def test_less_than_a_minute_is_offered_as_it_is(as_alice, laptop, bob, pep, now):
    policy = factories.a_policy("blink", longest_grant=30, now=now)
    assert lengths(page_of(as_alice, factories.a_resource("blink", pep=pep, policy=policy, now=now))) == ["30"]


def test_minutes_that_are_hidden_do_not_count_whatever_stands_in_them(as_alice, fileshare, laptop):
    ask(as_alice, fileshare, laptop, minutes="-5")
    assert AccessRequest.objects.get().seconds == HOUR


def test_neither_does_a_start_once_it_is_to_begin_at_once(as_alice, fileshare, laptop):
    ask(as_alice, fileshare, laptop, begins="now", starts_at="2001-01-01T09:00")
    assert AccessRequest.objects.get().starts_at is None


def test_a_start_is_kept_as_it_was_typed_in_utc(as_alice, fileshare, laptop, now):
    start = (now + timedelta(days=2)).replace(second=0, microsecond=0)
    ask(as_alice, fileshare, laptop, begins="later", starts_at=f"{start:%Y-%m-%dT%H:%M}")
    assert AccessRequest.objects.get().starts_at == start


def test_what_was_chosen_is_kept_and_its_end_is_shown_where_something_else_is_wrong(as_alice, fileshare, laptop, now):
    start = (now + timedelta(days=2)).replace(second=0, microsecond=0)
    typed = {"begins": "later", "starts_at": f"{start:%Y-%m-%dT%H:%M}", "duration": "custom", "minutes": "90", "reason": ""}
    page = ask(as_alice, fileshare, laptop, **typed).text
    [shown] = re.findall(r'it would end at <time datetime="([^"]+)"', page)
    assert datetime.fromisoformat(shown) == start + timedelta(minutes=90)
    assert re.search(r'name="begins" value="later"[^>]* checked', page)
    assert re.search(rf'name="starts_at" value="{typed["starts_at"]}"', page)
    assert re.search(r'name="minutes" value="90"', page)


def test_the_only_device_is_ticked_and_of_several_those_of_the_last_request(as_alice, alice, fileshare, laptop, pep, now):
    def ticked():
        return {int(pk) for pk in re.findall(r'name="devices" value="(\d+)"[^>]* checked', page_of(as_alice, other))}

    other = factories.a_resource("other", pep=pep, number=30, now=now)
    assert ticked() == {laptop.pk}
    phone = factories.a_device(alice, "phone", now=now)
    assert ticked() == set()
    factories.a_request(alice, fileshare, [phone], now=now)
    assert ticked() == {phone.pk}


def test_each_step_is_named_with_its_people_where_they_are_few(as_alice, laptop, bob, pep, now):
    for number in range(6):
        factories.a_person(f"sam {number}", groups=["second"], now=now)
    policy = factories.a_policy("two steps", stages=[(APPROVERS, 1), ("second", 2)], now=now)
    page = page_of(as_alice, factories.a_resource("twice", pep=pep, policy=policy, now=now))
    answer = " ".join(re.search(r"Who answers:([^<]+)<", page)[1].split())
    assert answer == "one of lychgate-approvers: Bob; then 2 of second (6 people)"


def test_whoever_asks_and_their_stand_in_are_not_among_those_who_answer(alice, bob, carol, erin, dave):
    brenda, gina = (factories.a_person(name, groups=[APPROVERS]) for name in ("brenda", "gina"))
    policy = factories.a_policy()
    factories.a_delegation(bob, delegate=alice)
    factories.a_delegation(brenda, delegate=erin)
    factories.a_delegation(gina, delegate=erin)  # who stands in for brenda too
    factories.a_delegation(gina, delegate=carol)
    factories.a_delegation(gina, delegate=dave, ends_at=NOW + timedelta(hours=1))

    def people(requester, now=NOW):
        return facts.answerers([policy.pk], requester, now)[policy.pk][0].people

    assert people(alice) == ("Bob", "Brenda", "Gina", "Carol", "Dave", "Erin")
    assert people(bob) == ("Brenda", "Gina", "Carol", "Dave", "Erin")
    assert people(brenda, NOW + timedelta(hours=1)) == ("Bob", "Gina", "Alice", "Carol")
