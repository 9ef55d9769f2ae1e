"""The history of a row in the admin: what the audit log says of it and of what belongs to it, for those who read the log."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from enrollment import audit, lifecycle
from enrollment.admin import history
from enrollment.models import AuditEvent, ResourcePort


@pytest.fixture
def verbs(words):
    """The verbs of the events on a page, in the order of the page."""
    return lambda response: re.findall(r"<strong>([a-z0-9_.]+)</strong>", response.content.decode())


def test_it_tells_of_a_request_its_answers_and_its_grant_newest_first(browse, carol, bob, granted, now, url, verbs):
    lifecycle.revoke(granted, actor=bob, reason="no longer needed", now=now)
    page = browse(carol).get(url("accessrequest_history", granted.request_id))
    assert verbs(page) == ["grant.revoked", "grant.made", "request.approved", "request.reviewed", "request.made"]


def test_the_grant_and_the_answer_have_the_same(browse, carol, granted, url, verbs):
    client = browse(carol)
    pages = [url("accessrequest_history", granted.request_id), url("grant_history", granted.pk)]
    pages.append(url("review_history", granted.request.reviews.get().pk))
    assert {tuple(verbs(client.get(page))) for page in pages} == {("grant.made", "request.approved", "request.reviewed", "request.made")}


def test_it_says_who_when_and_what_and_leads_to_each_event_and_to_the_list(browse, carol, bob, asked, now, url, words):
    lifecycle.deny(asked, reviewer=bob, comment="ask me tomorrow", now=now)
    client = browse(carol)
    page = client.get(url("accessrequest_history", asked.pk))
    assert f"{now:%Y-%m-%d %H:%M:%S} UTC request.denied by Bob · Alice: Fileshare pending → denied; reason: ask me tomorrow" in words(page)
    event = AuditEvent.objects.get(verb="request.denied")
    assert f'href="{url("auditevent_change", event.pk)}"' in page.content.decode()
    log = f"{url('auditevent_changelist')}?subject_type=accessrequest&amp;subject_id={asked.pk}"
    assert f'href="{log}"' in page.content.decode()
    assert "request.denied" in words(client.get(log.replace("&amp;", "&")))


def test_the_button_on_a_page_leads_there_for_those_who_read_the_log_alone(browse, bob, carol, asked, url):
    there = f'href="{url("accessrequest_history", asked.pk)}"'
    assert there in browse(carol).get(url("accessrequest_change", asked.pk)).content.decode()
    assert there not in browse(bob).get(url("accessrequest_change", asked.pk)).content.decode()


def test_an_approver_reads_none_not_even_of_what_they_may_answer(browse, bob, asked, foreign, url):
    client = browse(bob)
    assert [client.get(url("accessrequest_history", pk)).status_code for pk in (asked.pk, foreign.pk, 999)] == [403, 403, 403]


def test_a_port_that_was_closed_stays_in_the_history_of_its_resource(browse, carol, dave, fileshare, now, url, verbs):
    port = ResourcePort.objects.filter(resource=fileshare).first()
    lifecycle.estate_changed(port, actor=dave, verb="removed", now=now)
    port.delete()
    assert "resourceport.removed" in verbs(browse(carol).get(url("resource_history", fileshare.pk)))


def test_the_history_of_an_event_is_that_of_what_it_is_about(browse, carol, alice, asked, now, url, verbs):
    client = browse(carol)
    assert verbs(client.get(url("auditevent_history", AuditEvent.objects.get(verb="request.made").pk))) == ["request.made"]
    alone = audit.append("clock.doubted", actor=None, subject=ResourcePort(), data={}, now=now)
    assert verbs(client.get(url("auditevent_history", alone.pk))) == ["clock.doubted"]


def test_a_long_one_comes_in_pages_that_stay_as_they_are_while_more_happens(browse, carol, alice, asked, now, url, verbs):
    for number in range(history.PER_PAGE + 1):
        audit.append(f"test.number_{number}", actor=alice, subject=asked, data={}, now=now)
    client = browse(carol)
    first = client.get(url("accessrequest_history", asked.pk))
    assert len(verbs(first)) == history.PER_PAGE
    older = re.search(r'href="(\?before=\d+)">Older', first.content.decode())[1]
    audit.append("test.meanwhile", actor=alice, subject=asked, data={}, now=now)
    second = client.get(url("accessrequest_history", asked.pk) + older)
    assert verbs(second) == ["test.number_0", "request.made"]
    assert "Older" not in second.content.decode()
    assert 'href="?">Newest' in second.content.decode()


@pytest.mark.parametrize("before", ["", "0", "x", "-1", "9" * 19, "٣", "1"])
def test_whatever_an_address_asks_for_is_a_page(before, browse, carol, asked, url):
    assert browse(carol).get(url("accessrequest_history", asked.pk), {"before": before}).status_code == 200


def test_it_takes_as_many_queries_for_much_as_for_little(browse, carol, alice, granted, now, url):
    client, page = browse(carol), url("accessrequest_history", granted.request_id)

    def queries():
        with CaptureQueriesContext(connection) as found:
            client.get(page)
        return len(found)

    client.get(page)  # what is read once a process
    few = queries()
    for number in range(40):
        audit.append("test.more", actor=alice, subject=granted if number % 2 else granted.request, data={}, now=now)
    assert queries() == few


def test_it_is_read_by_the_index_in_its_order(granted):
    subject = history.subject_of(granted.request)
    with CaptureQueriesContext(connection) as found:
        history.page_of([subject], history.Q(), None)
    planned = AuditEvent.objects.filter(subject_type=subject.kind, subject_id=subject.pk).order_by("-seq")[: history.PER_PAGE + 1].explain()
    assert "ORDER BY" in found[0]["sql"]
    if connection.vendor == "sqlite":
        assert "audit_of_subject" in planned
        assert "TEMP B-TREE" not in planned


def test_events_stay_in_english_on_a_german_page(browse, carol, bob, asked, now, url, words):
    lifecycle.deny(asked, reviewer=bob, comment="nein", now=now)
    page = browse(carol).get(url("accessrequest_history", asked.pk), headers={"accept-language": "de"})
    assert "Geschichte: Alice: Fileshare" in words(page)
    assert re.search(r'<li lang="en">.*?request\.denied.*?pending → denied', page.content.decode(), re.DOTALL)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, ""),
        ({"request": 3, "from": None, "to": "pending", "break_glass": False, "ticket": "", "seconds": 60}, "seconds: 60"),
        ({"from": "pending", "to": "denied", "reason": "no"}, "pending → denied; reason: no"),
        ({"words": ["one", "two"], "devices": [{"id": 1}], "is_lost": True}, "words: one, two; is lost: yes"),
        ({"comment": "x" * 400}, "comment: " + "x" * 290 + "…"),
    ],
)
def test_a_line_says_what_became_of_what_and_each_plain_value(data, said):
    assert history.gist(data) == said
