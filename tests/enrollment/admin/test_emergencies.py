"""Reviewing emergency access in the admin: found in the list, answered on a page that asks first, read by auditors."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from enrollment import lifecycle
from enrollment.models import Grant, Review
from tests import factories

WHY = {"comment": "nothing was down"}
VERBS = ("justified", "not_justified")


@pytest.fixture
def taken(pep, alice, bob, laptop, now):
    policy = factories.a_policy("servers", break_glass_longest=3600, now=now)
    servers = factories.a_resource("servers", pep=pep, policy=policy, number=30, now=now)
    return factories.an_emergency(alice, servers, [laptop], now=now)


@pytest.fixture
def unchanged(taken):
    def check():
        taken.refresh_from_db()
        assert (taken.review_due, taken.state, Review.objects.count()) == (True, Grant.State.ACTIVE, 0)

    return check


def test_an_approver_finds_it_justified(browse, bob, taken, url, told, words):
    response = browse(bob).post(url("grant_justified", taken.pk), {"comment": ""}, follow=True)
    assert "Your review is noted: justified." in told(response)[0]
    assert "yes: found justified by Bob on " in words(response)
    taken.refresh_from_db()
    assert (taken.review_due, taken.state) == (False, Grant.State.ACTIVE)


def test_an_approver_finds_it_not_justified_and_it_ends(browse, bob, taken, url, told):
    response = browse(bob).post(url("grant_not_justified", taken.pk), WHY, follow=True)
    assert "It is revoked" in told(response)[0]
    taken.refresh_from_db()
    assert (taken.review_due, taken.state, taken.ended_by, taken.end_reason) == (False, Grant.State.REVOKED, bob, WHY["comment"])


def test_of_what_had_ended_it_does_not_say_that_it_was_revoked(browse, alice, bob, taken, url, told):
    lifecycle.revoke(taken, actor=alice, reason="done", now=timezone.now())
    response = browse(bob).post(url("grant_not_justified", taken.pk), WHY, follow=True)
    assert "It had ended already." in told(response)[0]


@pytest.mark.parametrize("verb", VERBS)
def test_the_page_tells_everything_first_and_changes_nothing(browse, bob, taken, url, words, unchanged, verb):
    page = words(browse(bob).get(url(f"grant_{verb}", taken.pk)))
    for fact in (
        "Emergency access: Alice → Servers",
        "the mail is down",
        "30 min",
        "nobody approved it",
        "laptop",
        "192.168.89.30",
        "never",
    ):
        assert fact in page
    unchanged()


def test_a_no_needs_a_reason(browse, bob, taken, url, words, unchanged):
    assert "Say why: the person who took it reads it." in words(browse(bob).post(url("grant_not_justified", taken.pk), {"comment": " "}))
    unchanged()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("comment", ["turned \u202e around", "x" * 1001])
def test_a_bad_comment_is_refused_at_its_field(browse, bob, taken, url, unchanged, verb, comment):
    response = browse(bob).post(url(f"grant_{verb}", taken.pk), {"comment": comment})
    assert "comment" in response.context["form"].errors
    unchanged()


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("name", "status"), [("carol", 403), ("dave", 403), ("erin", 302), ("frank", 404)])
@pytest.mark.usefixtures("printers")
def test_others_do_not_review(request, browse, taken, url, unchanged, verb, name, status):
    client = browse(request.getfixturevalue(name))
    assert client.post(url(f"grant_{verb}", taken.pk), WHY).status_code == status
    client.post(url(f"grant_{verb}_many"), {"ids": taken.pk, **WHY})
    unchanged()


@pytest.fixture
def own(bob, pep, now):
    """What bob took; gina could review it."""
    factories.a_person("gina", groups=["employees", factories.APPROVERS])
    policy = factories.a_policy("servers", break_glass_longest=3600, now=now)
    servers = factories.a_resource("servers", pep=pep, policy=policy, number=30, now=now)
    return factories.an_emergency(bob, servers, [factories.a_device(bob, now=now)], now=now)


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_reviews_their_own_one_by_one_or_in_bulk(browse, bob, own, url, words, told, verb):
    client = browse(bob)
    assert "Nobody reviews emergency access of their own." in words(client.get(url(f"grant_{verb}", own.pk)))
    assert client.post(url(f"grant_{verb}", own.pk), WHY).status_code == 422
    response = client.post(url(f"grant_{verb}_many"), {"ids": own.pk, **WHY}, follow=True)
    assert "Nobody reviews emergency access of their own." in told(response)[0]
    own.refresh_from_db()
    assert own.review_due


@pytest.mark.parametrize("verb", VERBS)
def test_the_second_review_is_a_409_that_says_who_was_first(browse, bob, taken, url, words, everything, verb):
    gina = factories.a_person("gina", groups=["employees", factories.APPROVERS])
    browse(bob).post(url("grant_justified", taken.pk), {"comment": ""})
    client = browse(gina)
    before = everything()
    response = client.post(url(f"grant_{verb}", taken.pk), WHY)
    assert response.status_code == 409
    assert "The emergency access was reviewed by Bob on " in words(response)
    assert everything() == before


def test_a_stand_in_is_told_in_whose_stead_and_reviews(browse, bob, erin, taken, url, words, now):
    factories.a_delegation(bob, delegate=erin, now=now)
    client = browse(erin)
    assert "You answer in the stead of Bob." in words(client.get(url("grant_justified", taken.pk)))
    assert "by Erin in the stead of Bob" in words(client.post(url("grant_justified", taken.pk), {"comment": ""}, follow=True))


def test_the_list_shows_what_waits_for_its_review_when_it_is_over_too(browse, bob, carol, taken, granted, url, words, now):
    lifecycle.revoke(taken, actor=None, reason="", now=timezone.now())
    for person in (bob, carol):
        page = browse(person).get(url("grant_changelist") + "?standing=review")
        assert "EMERGENCY ACCESS, to be reviewed" in words(page)
        assert list(page.context["cl"].result_list) == [taken]


def test_an_approver_of_something_else_sees_none_of_it(browse, frank, printers, taken, url):
    page = browse(frank).get(url("grant_changelist") + "?standing=review")
    assert list(page.context["cl"].result_list) == []


def test_auditors_read_it_and_are_offered_nothing(browse, carol, taken, url, words):
    page = browse(carol).get(url("grant_change", taken.pk))
    assert "yes: nobody approved it, and it waits for its review" in words(page)
    assert "Find it" not in words(page)


def test_what_somebody_approved_offers_no_review(browse, bob, granted, url, words):
    page = words(browse(bob).get(url("grant_change", granted.pk)))
    assert "no: it was approved" in page
    assert "Find it" not in page


@pytest.mark.parametrize("verb", VERBS)
def test_pages_that_confirm_cost_the_same_for_many(browse, bob, pep, url, act, verb, now):
    policy = factories.a_policy("servers", break_glass_longest=3600, now=now)
    servers = factories.a_resource("servers", pep=pep, policy=policy, number=30, now=now)
    client, rows = browse(bob), []

    def more(count):
        for _each in range(count):
            person = factories.a_person(f"person {len(rows)}", now=now)
            rows.append(factories.an_emergency(person, servers, [factories.a_device(person, now=now)], now=now))

    def queries():
        act(client, "grant", verb, *rows)
        with CaptureQueriesContext(connection) as found:
            act(client, "grant", verb, *rows)
        return len(found)

    more(2)
    few = queries()
    more(8)
    assert queries() == few
