"""Emergency access on every page where it shows: at its fields, to whom it is offered, and what it says afterwards."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from enrollment import lifecycle
from enrollment.models import AccessRequest, Grant
from tests import factories
from tests.factories import HOUR


@pytest.fixture
def now():
    """Pages ask the clock themselves, so everything here happens now."""
    return timezone.now()


@pytest.fixture
def servers(pep, bob, now):
    policy = factories.a_policy("servers", break_glass_longest=HOUR, now=now)
    return factories.a_resource("servers", pep=pep, policy=policy, number=11, now=now)


@pytest.fixture
def taken(alice, laptop, servers, now):
    return factories.an_emergency(alice, servers, [laptop], now=now)


def said(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))


def take(client, resource, device, **values):
    sent = {"devices": [device.pk], "duration": "1800", "minutes": "", "reason": "the mail is down", "ticket": "", "sure": "on", **values}
    return client.post(reverse("emergency-new", args=[resource.slug]), sent)


def test_taking_it_gives_access_and_shows_that_nobody_approved_it(browse, alice, laptop, servers):
    client = browse(alice)
    answer = take(client, servers, laptop, ticket="INC-7")
    grant = Grant.objects.get(user=alice)
    assert grant.state == "active"
    assert answer.url == reverse("request", args=[grant.request_id])
    assert (grant.is_break_glass, grant.review_due, grant.request.seconds, grant.request.ticket) == (True, True, 1800, "INC-7")
    page = said(client.get(answer.url))
    assert "Emergency access: nobody approved it." in page
    assert "waits for its review" in page
    assert "You took emergency access for 30 min; nobody approved it" in page


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"sure": ""}, "sure"),
        ({"reason": "  "}, "reason"),
        ({"reason": "turned \u202e around"}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"ticket": "a\u202eb"}, "ticket"),
        ({"devices": []}, "devices"),
        ({"devices": ["99999999999999999999999"]}, "devices"),
        ({"duration": "7200"}, "duration"),
        ({"duration": ""}, "duration"),
        ({"duration": "custom", "minutes": "61"}, "minutes"),
        ({"duration": "custom", "minutes": "0"}, "minutes"),
        ({"duration": "custom", "minutes": "-1"}, "minutes"),
    ],
)
def test_a_bad_question_is_refused_at_its_field_and_keeps_what_was_typed(browse, alice, laptop, servers, values, field):
    page = take(browse(alice), servers, laptop, **{"ticket": "INC-7", **values})
    assert page.status_code == 200
    assert list(page.context["form"].errors) == [field]
    assert values.get("ticket", "INC-7") in page.text
    assert not Grant.objects.exists()


def test_the_device_of_somebody_else_is_no_choice(browse, erin, laptop, servers, now):
    factories.a_device(erin, now=now)
    page = take(browse(erin), servers, laptop)
    assert "Choose from your own devices." in page.text
    assert not Grant.objects.exists()


def test_what_the_verb_refuses_is_said_above_the_form(browse, alice, laptop, taken, servers):
    page = take(browse(alice), servers, laptop)
    assert "Earlier emergency access of yours waits for its review" in said(page)
    assert Grant.objects.count() == 1


def test_extra_fields_change_nothing(browse, alice, erin, bob, laptop, servers, now):
    extra = {"requester": erin.pk, "user": erin.pk, "review_due": "", "is_break_glass": "", "ends_at": "2030-01-01", "seconds": "86400"}
    take(browse(alice), servers, laptop, **extra, state="pending", closed_by=bob.pk)
    grant = Grant.objects.get()
    assert (grant.user, grant.review_due, grant.is_break_glass, grant.request.closed_by) == (alice, True, True, None)
    assert (grant.ends_at - grant.starts_at).total_seconds() == 1800


def test_looking_at_the_page_takes_nothing(browse, alice, laptop, servers):
    page = browse(alice).get(reverse("emergency-new", args=["servers"]))
    assert "for 1 h at most. Nobody approves it." in said(page)
    assert "One of them reviews it" in said(page)
    assert "csrfmiddlewaretoken" in page.text
    assert not AccessRequest.objects.exists()


def test_where_terms_know_none_the_page_says_so_and_takes_nothing(browse, alice, laptop, fileshare):
    client = browse(alice)
    page = client.get(reverse("emergency-new", args=["fileshare"]))
    assert "know no emergency access" in said(page)
    assert "Take emergency access now" not in page.text
    take(client, fileshare, laptop, duration="custom", minutes="1")
    assert not Grant.objects.exists()


def test_the_request_page_offers_it_only_where_the_terms_do(browse, alice, laptop, servers, fileshare):
    client = browse(alice)
    offered = [
        reverse("emergency-new", args=[slug]) in client.get(reverse("request-new", args=[slug])).text
        for slug in (servers.slug, "fileshare")
    ]
    assert offered == [True, False]


def test_it_is_offered_only_to_those_who_may(browse, alice, laptop, pep, bob, now):
    policy = factories.a_policy("guarded", break_glass_longest=HOUR, break_glass_by=["on call"], now=now)
    factories.a_resource("guarded", pep=pep, policy=policy, number=12, now=now)
    gina = factories.a_person("gina", groups=["employees", "on call"], now=now)
    offered = [
        reverse("emergency-new", args=["guarded"]) in browse(each).get(reverse("request-new", args=["guarded"])).text
        for each in (alice, gina)
    ]
    assert offered == [False, True]


def test_it_is_in_reach_where_asking_is_not(browse, alice, laptop, pep, bob, now):
    """Two must agree and there is only one: nobody can approve, and somebody can review."""
    policy = factories.a_policy("two", stages=[(factories.APPROVERS, 2)], break_glass_longest=HOUR, now=now)
    factories.a_resource("two", pep=pep, policy=policy, number=12, now=now)
    client, way = browse(alice), reverse("emergency-new", args=["two"])
    assert way in client.get(reverse("resources")).text
    assert way in client.get(reverse("request-new", args=["two"])).text


def test_it_is_in_reach_while_a_question_waits(browse, alice, laptop, servers, now):
    asked = factories.a_request(alice, servers, [laptop], now=now)
    assert reverse("emergency-new", args=["servers"]) in browse(alice).get(reverse("request", args=[asked.pk])).text


@pytest.mark.parametrize("place", ["home", "requests", "request"])
def test_pages_say_that_it_was_an_emergency(browse, alice, taken, place):
    page = browse(alice).get(reverse(place, args=[taken.request_id] if place == "request" else []))
    assert "Emergency access" in said(page)


@pytest.mark.parametrize("place", ["home", "requests", "request"])
@pytest.mark.parametrize("stands", ["applying", "nowhere", "held back"])
def test_no_page_says_that_it_was_approved(browse, alice, laptop, taken, servers, place, stands):
    if stands == "nowhere":
        servers.placements.all().delete()
    elif stands == "held back":
        lifecycle.suspend_device(laptop, actor=alice, reason="", now=timezone.now())
    page = said(browse(alice).get(reverse(place, args=[taken.request_id] if place == "request" else [])))
    assert "Approved" not in page


@pytest.mark.parametrize(("justified", "words"), [(True, "found justified by Bob"), (False, "found not justified by Bob")])
def test_its_page_says_what_the_review_found(browse, alice, bob, taken, justified, words, now):
    lifecycle.review_break_glass(taken, reviewer=bob, justified=justified, comment="so it goes", now=timezone.now())
    page = said(browse(alice).get(reverse("request", args=[taken.request_id])))
    assert words in page
    assert "so it goes" in page
    assert "waits for its review" not in page


def test_what_waits_for_its_review_stays_at_home_when_it_is_long_over(browse, alice, laptop, servers):
    factories.an_emergency(alice, servers, [laptop], now=factories.later(since=timezone.now(), days=-3))
    assert "waits for its review" in said(browse(alice).get(reverse("home")))


def test_home_tells_those_who_could_review_and_nobody_else(browse, alice, bob, carol, dave, erin, taken):
    told = {person.name: "waits for your review" in said(browse(person).get(reverse("home"))) for person in (alice, bob, carol, dave, erin)}
    assert told == {"Alice": False, "Bob": True, "Carol": False, "Dave": False, "Erin": False}


def test_erin_sees_nothing_of_it(browse, erin, taken):
    client = browse(erin)
    assert client.get(reverse("request", args=[taken.request_id])).status_code == 404
    assert "mail is down" not in client.get(reverse("home")).text + client.get(reverse("requests")).text
