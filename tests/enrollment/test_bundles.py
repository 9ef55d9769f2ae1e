"""Several resources at once: ticked in the catalogue, asked for by one form, and a request for each, or none."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from enrollment import lifecycle
from enrollment.models import AccessRequest, AuditEvent, Notice, Resource
from enrollment.views.resources import A_PAGE
from tests import factories
from tests.factories import HOUR


@pytest.fixture
def now():
    """Pages ask the clock themselves, so everything here happens now."""
    return timezone.now()


@pytest.fixture
def wiki(pep, bob, now):
    policy = factories.a_policy("short", longest_grant=2 * HOUR, now=now)
    return factories.a_resource("wiki", pep=pep, policy=policy, number=30, now=now)


@pytest.fixture
def payroll(pep, now):
    """Nobody could approve it."""
    return factories.a_resource("payroll", pep=pep, policy=factories.a_policy("empty", stages=[("nobody", 1)], now=now), number=31, now=now)


@pytest.fixture
def fileshare_now(alice, bob, fileshare, laptop, now):
    return factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=now)


def address(*resources):
    return f"{reverse('bundle-new')}?{'&'.join(f'resource={each.pk}' for each in resources)}"


def ask(client, device, named, ticked=None, **values):
    sent = {"devices": [device.pk], "duration": "3600", "minutes": "", "reason": "quarterly report", "ticket": "OPS-7", **values}
    return client.post(address(*named), {**sent, "resource": [each.pk for each in (named if ticked is None else ticked)]})


def ticked_on(page):
    return {int(pk) for pk in re.findall(r'name="resource" value="(\d+)"[^>]* checked', page)}


def test_one_form_makes_a_request_for_each(as_alice, fileshare, wiki, laptop):
    answer = ask(as_alice, laptop, [fileshare, wiki])
    assert answer.url == reverse("requests")
    made = AccessRequest.objects.order_by("resource__slug")
    assert [(each.resource.slug, each.seconds, each.reason, each.ticket, each.state) for each in made] == [
        (slug, HOUR, "quarterly report", "OPS-7", "pending") for slug in ("fileshare", "wiki")
    ]
    assert [list(each.devices.all()) for each in made] == [[laptop]] * 2


def test_where_one_is_refused_none_is_sent_and_it_says_why_beside_it(as_alice, alice, fileshare, wiki, laptop, now):
    factories.a_request(alice, wiki, [laptop], now=now)
    told, mailed = AuditEvent.objects.count(), Notice.objects.count()
    page = ask(as_alice, laptop, [fileshare, wiki], reason="what I typed").text
    assert (AccessRequest.objects.count(), AuditEvent.objects.count(), Notice.objects.count()) == (1, told, mailed)
    [(beside, said)] = re.findall(r'id="refused-(\d+)"><ul><li>([^<]+)<', page)
    assert (int(beside), said) == (wiki.pk, "You have asked for this with laptop already; that request waits for an answer.")
    assert "Nothing was sent" in page
    assert "what I typed" in page
    assert ticked_on(page) == {fileshare.pk, wiki.pk}
    assert ask(as_alice, laptop, [fileshare, wiki], [fileshare], reason="what I typed").status_code == 302
    assert AccessRequest.objects.get(resource=fileshare).reason == "what I typed"


def test_the_shortest_of_the_longest_times_holds_and_is_named(as_alice, fileshare, wiki, laptop):
    page = as_alice.get(address(fileshare, wiki)).text
    assert "At most 2 h for all of them: Wiki allows no more." in page
    assert re.findall(r'name="duration" value="(\w+)"', page)[-2:] == [str(2 * HOUR), "custom"]
    assert "At most 2 h" in ask(as_alice, laptop, [fileshare, wiki], duration="custom", minutes="121").text
    assert not AccessRequest.objects.exists()
    ask(as_alice, laptop, [fileshare, wiki], [fileshare], duration="custom", minutes="121")
    assert AccessRequest.objects.get().seconds == 121 * 60


def test_what_cannot_be_asked_for_is_there_with_its_reason_and_cannot_be_ticked(as_alice, fileshare, payroll, laptop):
    page = as_alice.get(address(fileshare, payroll)).text
    assert "Payroll: you cannot ask now" in page
    assert ticked_on(page) == {fileshare.pk}
    refused = ask(as_alice, laptop, [fileshare, payroll]).text
    assert "Choose from what can be asked for now." in refused
    assert not AccessRequest.objects.exists()


def test_none_ticked_too_many_and_only_one(as_alice, fileshare, wiki, laptop, pep, now):
    assert "Choose at least one resource." in ask(as_alice, laptop, [fileshare, wiki], []).text
    assert "You have not chosen any" in as_alice.get(reverse("bundle-new")).text
    assert as_alice.get(address(fileshare)).url == reverse("request-new", args=["fileshare"])
    many = [factories.a_resource(f"r{each}", pep=pep, policy=wiki.policy, number=50 + each, now=now) for each in range(11)]
    assert "You chose 11 resources. At most 10" in ask(as_alice, laptop, many).text
    with pytest.raises(lifecycle.Refused, match="10 resources at once at most"):
        lifecycle.request_bundle(None, resources=many, devices=[laptop], seconds=60, reason="all", now=now)
    assert not AccessRequest.objects.exists()


@pytest.mark.parametrize("number", ["x", "-1", "9" * 30, "1' OR 1", "\0", "٣", "987654"])
def test_a_number_of_nothing_is_nothing_chosen(as_alice, fileshare, number):
    assert "You have not chosen any" in as_alice.get(reverse("bundle-new"), {"resource": number}).text
    assert as_alice.get(reverse("resources"), {"resource": number}).status_code == 200


def test_what_is_ticked_stays_so_while_one_searches_and_turns_pages(as_alice, bob, pep, wiki, now):
    for each in range(A_PAGE):
        factories.a_resource(f"r{each}", pep=pep, policy=wiki.policy, number=50 + each, now=now)
    mine = Resource.objects.get(slug="r3")
    for query in ({"q": "wiki"}, {"page": "2"}, {"q": "nothing like it"}, {}):
        assert ticked_on(as_alice.get(reverse("resources"), {**query, "resource": [mine.pk]}).text) == {mine.pk}
    assert 'name="page" value="2"' in as_alice.get(reverse("resources")).text


def test_only_what_may_be_asked_for_anew_can_be_ticked(as_alice, fileshare_now, wiki, payroll, laptop, pep, now):
    factories.a_request(laptop.owner, wiki, [laptop], now=now)
    free = factories.a_resource("free", pep=pep, policy=wiki.policy, number=40, now=now)
    page = as_alice.get(reverse("resources")).text
    assert re.findall(r'name="resource" value="(\d+)"', page) == [str(free.pk)]
    assert "You asked. It waits for lychgate-approvers: Bob." in page
    assert re.search(r"<dt>Who answers</dt>\s*<dd>nobody</dd>", page)
