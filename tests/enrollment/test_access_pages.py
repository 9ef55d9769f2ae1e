"""The catalogue, asking, my requests and their timelines, seen by alice and not by erin."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from enforcement.models import Enforcement
from enrollment import lifecycle
from enrollment.models import AccessRequest, Device, Grant
from tests import factories
from tests.enrollment.pages import without_token


@pytest.fixture
def now():
    """Pages ask the clock themselves, so everything here happens now."""
    return timezone.now()


@pytest.fixture
def asked(alice, laptop, fileshare, now):
    return factories.a_request(alice, fileshare, [laptop], now=now)


@pytest.fixture
def grant(asked, bob, now):
    return lifecycle.approve(asked, reviewer=bob, now=now)


def form(device, **values):
    return {"devices": [device.pk], "duration": "3600", "minutes": "", "reason": "quarterly report", "ticket": "", **values}


def ask(client, resource, device, **values):
    return client.post(reverse("request-new", args=[resource.slug]), form(device, **values))


def enforced(grant, pep, device, **fields):
    values = {"state": "in_force", "wanted_at": timezone.now(), "in_force_at": timezone.now(), "until": grant.ends_at, **fields}
    return Enforcement.objects.update_or_create(grant=grant, device=device, pep=pep, defaults=values)[0]


def test_asking_makes_a_request_and_shows_it(as_alice, alice, fileshare, laptop):
    answer = ask(as_alice, fileshare, laptop, ticket="OPS-7")
    request = AccessRequest.objects.get(requester=alice)
    assert answer.url == reverse("request", args=[request.pk])
    assert (request.seconds, request.ticket, list(request.devices.all())) == (3600, "OPS-7", [laptop])


def test_the_form_says_beforehand_who_answers_and_how_long_they_have(as_alice, fileshare, laptop):
    page = as_alice.get(reverse("request-new", args=[fileshare.slug]))
    assert re.search(r"Who answers:\s+one of lychgate-approvers: Bob\s+<", page.text)
    assert re.search(r"They have 1 d, until <time[^>]+>.+ UTC</time>\.", page.text)
    assert re.search(r"Approved now, it would end at <time[^>]+>.+ UTC</time>\.", page.text)


def test_when_nobody_can_approve_it_is_said_instead_of_the_form(as_alice, fileshare, laptop, bob, dave):
    lifecycle.disable_user(bob, actor=dave, now=timezone.now())
    page = as_alice.get(reverse("request-new", args=[fileshare.slug]))
    assert "Nobody can approve this" in page.text
    assert "Send the request" not in page.text
    assert "Nobody can approve this" in as_alice.get(reverse("resources")).text


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"devices": []}, "devices", "at least one"),
        ({"devices": ["x"]}, "devices", "own devices"),
        ({"duration": ""}, "duration", "how long"),
        ({"duration": "999999999"}, "duration", "at most 8 h"),
        ({"duration": "-3600"}, "duration", "at most 8 h"),
        ({"duration": "custom"}, "minutes", "how many minutes"),
        ({"duration": "custom", "minutes": "0"}, "minutes", "1"),
        ({"duration": "custom", "minutes": "-5"}, "minutes", "1"),
        ({"duration": "custom", "minutes": "481"}, "minutes", "At most 8 h"),
        ({"duration": "custom", "minutes": "1e309"}, "minutes", "whole number"),
        ({"duration": "custom", "minutes": "NaN"}, "minutes", "whole number"),
        ({"begins": "later"}, "starts_at", "Say when it begins"),
        ({"begins": "later", "starts_at": "2001-01-01T09:00"}, "starts_at", "The start has passed"),
        ({"begins": "later", "starts_at": "9999-12-31T23:59"}, "starts_at", "too far away"),
        ({"begins": "later", "starts_at": "noon"}, "starts_at", "valid date/time"),
        ({"begins": "never"}, "begins", "Choose one of these."),
        ({"reason": ""}, "reason", "Say why"),
        ({"reason": "a" * 1001}, "reason", "1000"),
        ({"ticket": "a" * 81}, "ticket", "80"),
    ],
)
def test_what_cannot_be_asked_is_said_beside_the_field(as_alice, fileshare, laptop, values, field, says):
    page = ask(as_alice, fileshare, laptop, **values)
    beside = re.search(rf'id="id_{field}_error">([^<]*)<', page.text)
    assert says in beside[1]
    assert not AccessRequest.objects.exists()


def test_a_minute_more_or_less_may_be_asked(as_alice, fileshare, laptop):
    ask(as_alice, fileshare, laptop, duration="custom", minutes="7")
    assert AccessRequest.objects.get().seconds == 420


def test_a_second_request_is_refused_with_the_words_of_the_verb(as_alice, asked, fileshare, laptop):
    beforehand = as_alice.get(reverse("request-new", args=[fileshare.slug]))
    assert re.search(rf'asked for this with laptop already .+ <a href="/requests/{asked.pk}/">That request waits', beforehand.text)
    page = ask(as_alice, fileshare, laptop)
    assert "You have asked for this with laptop already; that request waits for an answer" in page.text
    assert AccessRequest.objects.count() == 1


def test_a_device_of_somebody_else_cannot_be_named(as_alice, fileshare, laptop, erin):
    theirs = factories.a_device(erin, "hers")
    page = ask(as_alice, fileshare, theirs)
    assert "Choose from your own devices" in page.text
    assert not AccessRequest.objects.exists()


def test_a_form_takes_no_more_fields_than_it_shows(as_alice, fileshare, laptop, erin):
    ask(
        as_alice,
        fileshare,
        laptop,
        state="approved",
        requester=erin.pk,
        approved_by=erin.pk,
        policy_version=9,
        seconds=999999,
        is_break_glass=True,
    )
    request = AccessRequest.objects.get()
    assert (request.state, request.requester.name, request.seconds, request.is_break_glass) == ("pending", "Alice", 3600, False)


def test_a_request_says_whom_it_waits_for(as_alice, asked):
    page = as_alice.get(reverse("request", args=[asked.pk]))
    assert "Waiting for lychgate-approvers: Bob." in page.text
    assert "Cancel this request" in page.text


def test_approved_is_not_yet_in_force(as_alice, grant, asked, pep):
    page = as_alice.get(reverse("request", args=[asked.pk]))
    assert "Approved, and being applied on pep-1" in page.text
    assert "You cannot connect yet" in page.text


def test_in_force_is_said_only_after_the_kernel_was_read_back(as_alice, grant, asked, pep, laptop):
    enforced(grant, pep, laptop)
    assert "In force on pep-1 since" in as_alice.get(reverse("home")).text
    enforced(grant, pep, laptop, state="wanted", in_force_at=None, error="no answer within 15 s")
    page = as_alice.get(reverse("home"))
    assert "In force on" not in page.text
    assert "pep-1: no answer within 15 s" in page.text


def test_once_in_force_the_page_says_what_to_do_next_and_leads_to_the_check(as_alice, grant, asked, pep, laptop):
    there, check = reverse("request", args=[asked.pk]), f'href="{reverse("device", args=[laptop.pk])}#live"'
    assert check not in as_alice.get(there).text
    enforced(grant, pep, laptop)
    page = as_alice.get(there).text
    assert ("Switch the tunnel on" in page, check in page) == (True, True)


def test_an_open_page_looks_again_until_nothing_more_comes_of_it(as_alice, grant, asked, pep, laptop):
    there = reverse("request", args=[asked.pk])
    enforced(grant, pep, laptop)  # others may end it
    assert ['data-refresh="15"' in as_alice.get(page).text for page in (there, "/")] == [True, True]
    as_alice.post(reverse("grant-end", args=[grant.pk]))
    assert ['data-refresh="2"' in as_alice.get(there).text, 'data-refresh="3"' in as_alice.get("/").text] == [True, True]
    enforced(grant, pep, laptop, state="gone", gone_at=timezone.now())
    assert ["data-refresh" in as_alice.get(page).text for page in (there, "/")] == [False, False]


def test_time_up_is_said_even_if_no_worker_noticed(as_alice, grant, asked, pep, laptop, now):
    enforced(grant, pep, laptop)
    Grant.objects.filter(pk=grant.pk).update(starts_at=now - timedelta(hours=2), ends_at=now - timedelta(seconds=1))
    page = as_alice.get(reverse("request", args=[asked.pk]))
    assert "Time was up at" in page.text
    assert "Gateway pep-1 has not confirmed it yet" in page.text
    assert "In force on pep-1 since" not in page.text


def test_gone_is_said_only_once_confirmed(as_alice, grant, asked, pep, laptop):
    enforced(grant, pep, laptop)
    page = as_alice.post(reverse("grant-end", args=[grant.pk]), follow=True)
    assert "being taken away on pep-1. Not confirmed yet" in page.text
    assert "Even if the gateway cannot be reached, it ends there by itself at" in page.text
    enforced(grant, pep, laptop, state="gone", gone_at=timezone.now())
    page = as_alice.get(reverse("request", args=[asked.pk]))
    assert "Confirmed gone from pep-1" in page.text
    assert "You ended it" in page.text


def test_more_time_that_goes_with_what_it_was_to_extend_says_so(as_alice, grant, fileshare, laptop):
    as_alice.post(f"{reverse('request-new', args=[fileshare.slug])}?extends={grant.pk}", form(laptop))
    more = AccessRequest.objects.order_by("-pk").first()
    assert "If nobody answers by then" in as_alice.get(reverse("request", args=[more.pk])).text
    as_alice.post(reverse("grant-end", args=[grant.pk]))
    assert as_alice.get(reverse("request", args=[more.pk])).text.count("you ended the access it was to extend") == 2


def test_a_denied_request_says_who_and_why(as_alice, asked, bob, now):
    lifecycle.deny(asked, reviewer=bob, comment="Use the <b>copy</b>.", now=now)
    page = as_alice.get(reverse("request", args=[asked.pk]))
    assert "Bob denied" in page.text
    assert "Use the &lt;b&gt;copy&lt;/b&gt;." in page.text


def test_cancelling_or_ending_twice_leads_to_what_it_came_to(as_alice, asked, bob, fileshare, laptop, now):
    page = reverse("request", args=[asked.pk])
    for _twice in range(2):
        second = as_alice.post(reverse("request-cancel", args=[asked.pk]), follow=True)
    assert (second.redirect_chain, "You had cancelled it already." in second.text) == ([(page, 302)], True)
    mine = factories.a_grant(asked.requester, fileshare, [laptop], reviewer=bob, now=now)
    for _twice in range(2):
        second = as_alice.post(reverse("grant-end", args=[mine.pk]), follow=True)
    assert "You had ended it already." in second.text


def test_whoever_comes_too_late_reads_when_in_their_own_zone_and_is_led_back(as_alice, asked, bob, now):
    lifecycle.deny(asked, reviewer=bob, comment="no", now=now)
    page = reverse("request", args=[asked.pk])
    late = as_alice.post(reverse("request-cancel", args=[asked.pk]), headers={"referer": f"http://testserver{page}"})
    assert late.status_code == 409
    assert re.search(rf'denied by Bob on <time datetime="{now:%Y-%m-%dT%H:%M:%S}Z" data-local="whole">', late.text)
    assert f'<a role="button" href="{page}">Look again</a>' in late.text
    for elsewhere in ("https://evil.example/", "http://testserver//evil.example/", ""):
        odd = as_alice.post(reverse("request-cancel", args=[asked.pk]), headers={"referer": elsewhere})
        assert (odd.status_code, "evil" in odd.text) == (409, False)


def test_more_time_names_what_it_extends(as_alice, grant, fileshare, laptop):
    page = as_alice.get(reverse("request-new", args=[fileshare.slug]), {"extends": grant.pk})
    assert "where what you have now ends" in page.text
    as_alice.post(f"{reverse('request-new', args=[fileshare.slug])}?extends={grant.pk}", form(laptop))
    assert AccessRequest.objects.order_by("-pk").first().extends == grant


@pytest.mark.parametrize("number", ["x", "-1", "9" * 30, "1' OR 1", "\0", "٣"])
def test_an_extension_of_nothing_is_an_ordinary_request(as_alice, fileshare, laptop, number):
    page = as_alice.get(reverse("request-new", args=[fileshare.slug]), {"extends": number})
    assert (page.status_code, "What you have now" in page.text) == (200, False)


@pytest.mark.parametrize(
    ("words", "found"), [("file", True), ("FILE share", True), ("nothing", False), ("%", False), ("_", False), ("", True)]
)
def test_the_catalogue_is_searched_by_words(as_alice, fileshare, words, found):
    page = as_alice.get(reverse("resources"), {"q": words})
    assert (fileshare.name in page.text) == found


@pytest.mark.parametrize(
    "query", [{"q": "\0"}, {"q": "a" * 5000}, {"page": "x"}, {"page": "-1"}, {"_connector": "OR 1=1"}, {"o": "requester__name"}]
)
def test_odd_queries_are_answered_calmly(as_alice, fileshare, query):
    assert as_alice.get(reverse("resources"), query).status_code == 200
    assert as_alice.get(reverse("requests"), query).status_code == 200


def test_the_catalogue_says_what_one_has_and_until_when(as_alice, grant):
    assert "You have it until" in as_alice.get(reverse("resources")).text


def test_more_time_in_the_catalogue_extends_what_one_has(as_alice, grant):
    assert f"/resources/fileshare/request/?extends={grant.pk}" in as_alice.get(reverse("resources")).text


@pytest.mark.parametrize("name", ["request", "request-cancel"])
def test_erin_finds_nothing_where_alice_has_a_request(as_erin, asked, name):
    method = as_erin.get if name == "request" else as_erin.post
    theirs, nobodys = method(reverse(name, args=[asked.pk])), method(reverse(name, args=[987654]))
    assert theirs.status_code == nobodys.status_code == 404
    assert without_token(theirs) == without_token(nobodys)
    asked.refresh_from_db()
    assert asked.state == "pending"


def test_erin_cannot_end_what_alice_has(as_erin, grant):
    assert as_erin.post(reverse("grant-end", args=[grant.pk])).status_code == 404
    grant.refresh_from_db()
    assert grant.state == "active"


@pytest.mark.parametrize("name", ["home", "requests", "resources", "devices"])
def test_nothing_of_alices_is_on_a_page_of_erins(as_erin, grant, name):
    page = as_erin.get(reverse(name)).text
    assert "quarterly report" not in page
    assert "You have it until" not in page


@pytest.mark.parametrize("name", ["home", "requests", "devices"])
def test_a_longer_list_takes_no_more_queries(as_alice, alice, bob, pep, fileshare, laptop, now, name):
    as_alice.get(reverse(name))
    counts = []
    for number in range(2):
        for resource in (factories.a_resource(f"r{number}-{each}", pep=pep, number=50 + 10 * number + each, now=now) for each in range(3)):
            given = factories.a_grant(alice, resource, [laptop], reviewer=bob, now=now)
            enforced(given, pep, laptop)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            as_alice.get(reverse(name))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_reading_pages_changes_nothing(as_alice, grant, asked, laptop, fileshare):
    before = [list(model.objects.values()) for model in (AccessRequest, Device, Grant)]
    for name, args in [
        ("home", []),
        ("devices", []),
        ("device", [laptop.pk]),
        ("device-new", []),
        ("device-key", [laptop.pk]),
        ("resources", []),
    ]:
        as_alice.get(reverse(name, args=args))
    for name, args in [("request-new", [fileshare.slug]), ("requests", []), ("request", [asked.pk])]:
        as_alice.get(reverse(name, args=args))
    for name, args in [
        ("request-cancel", [asked.pk]),
        ("grant-end", [grant.pk]),
        ("device-retire", [laptop.pk]),
        ("device-lost", [laptop.pk]),
    ]:
        assert as_alice.get(reverse(name, args=args)).status_code == 405
    assert [list(model.objects.values()) for model in (AccessRequest, Device, Grant)] == before
