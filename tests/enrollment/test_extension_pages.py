"""More time, as pages show it: one true end wherever it is told, the next time begins there, and each request leads to the other."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from enforcement.models import Enforcement
from enrollment import facts, lifecycle
from enrollment.models import AccessRequest, Grant
from tests import factories

MINUTE = 60


@pytest.fixture
def now():
    """Pages ask the clock themselves, so everything here happens now."""
    return timezone.now()


@pytest.fixture
def grant(alice, bob, fileshare, laptop, pep, now):
    given = factories.a_grant(alice, fileshare, [laptop], reviewer=bob, seconds=15 * MINUTE, now=now)
    hold(given, pep, now)
    return given


def hold(grant, pep, now):
    for device in grant.devices.all():
        held = {"state": "in_force", "wanted_at": now, "in_force_at": now, "until": grant.ends_at}
        Enforcement.objects.create(grant=grant, device=device, pep=pep, **held)


@pytest.fixture
def more(alice, bob, fileshare, laptop, grant, now):
    return factories.a_grant(alice, fileshare, [laptop], reviewer=bob, seconds=20 * MINUTE, extends=grant, now=now)


def page_of(client, grant):
    return client.get(reverse("request", args=[grant.request_id])).text


def words(page):
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def at(moment):
    """The instant as pages mark it."""
    return f'datetime="{moment:%Y-%m-%dT%H:%M:%SZ}"'


def pass_by(by):
    """Let so much time pass over every grant."""
    for grant in Grant.objects.all():
        Grant.objects.filter(pk=grant.pk).update(starts_at=grant.starts_at - by, ends_at=grant.ends_at - by)


def test_the_end_that_is_told_is_that_of_the_extension(as_alice, grant, more):
    for name in ("home", "resources"):
        told = as_alice.get(reverse(name)).text
        assert at(more.ends_at) in told
    page = page_of(as_alice, grant)
    assert re.search(rf"It ends by itself at <time {at(more.ends_at)}.+ in <time {at(more.ends_at)}", page)
    assert f'<a href="/requests/{more.request_id}/">It was extended.</a>' in page


def test_the_timeline_tells_where_the_extension_begins_and_where_all_ends(as_alice, grant, more):
    timeline = re.search(r'<ol class="timeline">.*?</ol>', page_of(as_alice, grant), re.DOTALL)[0]
    assert re.search(
        rf'<a href="/requests/{more.request_id}/">The extension begins, without a gap</a>\s*<time {at(grant.ends_at)}', timeline
    )
    assert re.search(rf"It will end by itself[^<]*</em>\s*<time {at(more.ends_at)}", timeline)


def test_an_extension_for_other_devices_moves_no_end(as_alice, alice, bob, fileshare, grant, now):
    phone = factories.a_device(alice, "phone", kind="phone", now=now)
    factories.a_grant(alice, fileshare, [phone], reviewer=bob, seconds=20 * MINUTE, extends=grant, now=now)
    page = page_of(as_alice, grant)
    assert re.search(rf"It ends by itself at <time {at(grant.ends_at)}", page)
    assert "It was extended" not in page


def test_the_next_extension_begins_where_the_last_one_ends(as_alice, bob, fileshare, laptop, grant, more, now):
    ask = f"{reverse('request-new', args=[fileshare.slug])}?extends={grant.pk}"
    assert re.search(rf"The new time begins at <time {at(more.ends_at)}", as_alice.get(ask).text)
    as_alice.post(ask, {"devices": [laptop.pk], "duration": "3600", "reason": "still not done"})
    asked = AccessRequest.objects.latest("pk")
    assert asked.extends == more
    third = lifecycle.approve(asked, reviewer=bob, now=now)
    assert (third.starts_at, facts.end_of(grant, [laptop])) == (more.ends_at, third.ends_at)


def test_two_extensions_that_were_asked_for_one_grant_sell_no_time_twice(alice, bob, fileshare, laptop, grant, now):
    """The second was asked of a page from before the first was approved."""
    first = lifecycle.approve(
        factories.a_request(alice, fileshare, [laptop], seconds=20 * MINUTE, extends=grant, now=now), reviewer=bob, now=now
    )
    second = factories.a_request(alice, fileshare, [laptop], seconds=20 * MINUTE, extends=grant, now=now)
    assert lifecycle.approve(second, reviewer=bob, now=now).starts_at == first.ends_at


def test_what_was_extended_says_so_once_its_own_time_is_up(as_alice, grant, more):
    pass_by(timedelta(minutes=16))
    page = page_of(as_alice, grant)
    assert re.search(r"Time was up at .+ The extension goes on until", words(page))
    assert "Confirmed gone" not in page
    home = as_alice.get(reverse("home")).text
    assert f'<a href="/requests/{more.request_id}/">' in home
    assert f'<a href="/requests/{grant.request_id}/">' not in re.search(r"<h3>.*</h3>", home, re.DOTALL)[0]


def test_more_time_asked_for_late_is_still_an_extension_of_what_runs(as_alice, fileshare, grant, more):
    pass_by(timedelta(minutes=16))
    page = as_alice.get(f"{reverse('request-new', args=[fileshare.slug])}?extends={grant.pk}").text
    more.refresh_from_db()
    assert re.search(rf"The new time begins at <time {at(more.ends_at)}", page)


def test_each_leads_to_the_other(as_alice, grant, more):
    assert f'<dt>Extends</dt><dd><a href="/requests/{grant.request_id}/">' in page_of(as_alice, more)
    assert f'<dt>More time</dt><dd><a href="/requests/{more.request_id}/">20 min, approved</a>' in page_of(as_alice, grant)


def test_a_waiting_extension_is_called_so_and_says_what_it_extends(as_alice, fileshare, laptop, grant):
    ask = f"{reverse('request-new', args=[fileshare.slug])}?extends={grant.pk}"
    told = as_alice.post(ask, {"devices": [laptop.pk], "duration": "3600", "reason": "not done"}, follow=True).text
    assert "You have asked for more time for Fileshare." in told
    waits = AccessRequest.objects.latest("pk")
    for page in (told, as_alice.get(reverse("home")).text, as_alice.get(reverse("requests")).text):
        assert "More time for Fileshare" in page
        assert re.search(
            rf'It extends <a href="/requests/{grant.request_id}/">what you have</a>, which ends at <time {at(grant.ends_at)}', page
        )
    headings = re.findall(r'<h3><a href="/requests/(\d+)/">', as_alice.get(reverse("home")).text)
    assert headings == [str(grant.request_id), str(waits.pk)]


def test_more_time_is_offered_at_the_length_that_was_had(as_alice, fileshare, grant):
    page = as_alice.get(f"{reverse('request-new', args=[fileshare.slug])}?extends={grant.pk}").text
    assert re.search(r'value="900"[^>]* checked', page)
    assert re.search(rf"it would end at <time {at(grant.ends_at + timedelta(minutes=15))}", page)


def test_an_odd_length_is_offered_in_minutes(as_alice, alice, bob, fileshare, laptop, now):
    odd = factories.a_grant(alice, fileshare, [laptop], reviewer=bob, seconds=7 * MINUTE, now=now)
    page = as_alice.get(f"{reverse('request-new', args=[fileshare.slug])}?extends={odd.pk}").text
    assert re.search(r'value="custom"[^>]* checked', page)
    assert re.search(r'name="minutes" value="7"', page)
    assert re.search(rf"it would end at <time {at(odd.ends_at + timedelta(minutes=7))}", page)


def test_ending_it_names_what_ends_with_it_before_and_says_why_afterwards(as_alice, alice, fileshare, laptop, grant, more, now):
    asked = factories.a_request(alice, fileshare, [laptop], extends=more, now=now)
    page = page_of(as_alice, grant)
    assert re.search(rf"Its extension until <time {at(more.ends_at)}.+ ends as well\.", page)
    assert "request for more time is withdrawn" not in page
    assert "Your request for more time is withdrawn as well." in page_of(as_alice, more)
    told = as_alice.post(reverse("grant-end", args=[grant.pk]), follow=True).text
    assert "You have ended it. Below it says once every gateway has confirmed that it is gone." in told
    assert "You ended the access it was to extend, and this with it" in page_of(as_alice, more)
    assert "you ended the access it was to extend" in as_alice.get(reverse("request", args=[asked.pk])).text
