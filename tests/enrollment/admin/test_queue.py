"""The queue, answered quickly: from the row to the confirm page, back to what still waits, and nothing offered that would be refused."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from enrollment import lifecycle
from tests import factories

FORM = re.compile(r'<form method="post"[^>]*novalidate')


@pytest.fixture
def later_one(erin, fileshare, now):
    return factories.a_request(erin, fileshare, [factories.a_device(erin, "erins")], now=now + timedelta(seconds=1))


def test_the_oldest_comes_first(browse, bob, later_one, laptop, fileshare, now, url, words):
    factories.a_request(laptop.owner, fileshare, [laptop], now=now - timedelta(minutes=5))
    page = words(browse(bob).get(url("accessrequest_changelist")))
    assert 0 < page.index("Alice: Fileshare") < page.index("Erin: Fileshare")


def test_each_row_leads_straight_to_its_confirm_pages(browse, bob, asked, own, url):
    page = browse(bob).get(url("accessrequest_changelist"), {"waiting": "pending"}).text
    for verb in ("approve", "deny"):
        assert f'href="{url(f"accessrequest_{verb}", asked.pk)}"' in page
        assert f'href="{url(f"accessrequest_{verb}", own.pk)}"' not in page


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_who_answered_is_back_where_the_next_one_waits(verb, browse, bob, asked, later_one, url, told, words):
    response = browse(bob).post(url(f"accessrequest_{verb}", asked.pk), {"at_most": "", "comment": "as agreed"}, follow=True)
    assert response.redirect_chain == [(url("accessrequest_changelist"), 302)]
    assert f'href="{url("accessrequest_change", asked.pk)}"' in told(response)[0]
    assert "Erin: Fileshare" in words(response)


def test_what_somebody_is_called_is_no_markup_in_the_message(browse, bob, alice, asked, url, told):
    alice.name = "<b>Alice</b>"
    alice.save()
    response = browse(bob).post(url("accessrequest_deny", asked.pk), {"comment": "no"}, follow=True)
    assert "&lt;b&gt;Alice" in told(response)[0]


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_what_could_only_be_refused_has_no_form(verb, browse, bob, asked, own, url, now):
    client = browse(bob)
    assert FORM.search(client.get(url(f"accessrequest_{verb}", asked.pk)).text)
    assert not FORM.search(client.get(url(f"accessrequest_{verb}", own.pk)).text)
    lifecycle.deny(asked, reviewer=bob, comment="no", now=now)
    closed = client.get(url(f"accessrequest_{verb}", asked.pk)).text
    assert ("It is no longer waiting for an answer." in closed, FORM.search(closed)) == (True, None)
    empty = client.post(url(f"accessrequest_{verb}", asked.pk), {"at_most": "nonsense", "comment": ""}).text
    assert not FORM.search(empty)


def test_several_of_which_one_can_be_answered_have_a_form(browse, bob, asked, own, act, url):
    client = browse(bob)
    assert FORM.search(act(client, "accessrequest", "approve", asked, own).text)
    assert not FORM.search(act(client, "accessrequest", "approve", own).text)


def test_who_has_a_say_elsewhere_is_not_offered_what_is_not_theirs(browse, carol, frank, foreign, asked, granted, url):
    """Carol audits and so sees all; standing in for frank she answers for printers alone."""
    factories.a_delegation(frank, delegate=carol, now=asked.created_at)
    client = browse(carol)
    assert url("grant_revoke", granted.pk) not in client.get(url("grant_change", granted.pk)).text
    assert url("accessrequest_deny", foreign.pk) in client.get(url("accessrequest_change", foreign.pk)).text


def test_a_request_of_somebody_elses_is_shown_to_an_auditor_without_buttons(browse, carol, frank, asked, foreign, url):
    factories.a_delegation(frank, delegate=carol, now=asked.created_at)
    page = browse(carol).get(url("accessrequest_change", asked.pk)).text
    assert url("accessrequest_approve", asked.pk) not in page


def test_an_extension_is_said_to_be_more(browse, bob, granted, fileshare, now, url, words):
    factories.a_request(granted.user, fileshare, list(granted.devices.all()), now=now, extends=granted)
    page = words(browse(bob).get(url("accessrequest_changelist")))
    assert ("1 h more" in page, "for 1 h" in page) == (True, False)


def test_the_queue_costs_the_same_for_many(browse, bob, asked, later_one, django_assert_num_queries, url, fileshare, now):

    client = browse(bob)
    client.get(url("accessrequest_changelist"))
    with CaptureQueriesContext(connection) as two:
        client.get(url("accessrequest_changelist"))
    for number in range(6):
        person = factories.a_person(f"person{number}")
        factories.a_request(person, fileshare, [factories.a_device(person, f"device{number}")], now=now)
    with django_assert_num_queries(len(two)):
        client.get(url("accessrequest_changelist"))
