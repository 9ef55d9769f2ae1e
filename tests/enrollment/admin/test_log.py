"""The audit log in the admin: read, never written; verified on demand."""

import html
import json
import re
from urllib.parse import urlencode

import pytest
from django.db import connection

from enrollment import lifecycle
from enrollment.models import AuditEvent, AuditHead
from tests import factories
from tests.factories import later


def test_an_auditor_reads_and_searches(browse, carol, asked, url, words):
    client = browse(carol)
    assert "request.made" in words(client.get(url("auditevent_changelist"), {"q": "Alice"}))
    event = AuditEvent.objects.get(verb="request.made")
    assert "quarterly report" in words(client.get(url("auditevent_change", event.pk)))


def test_a_sound_chain_says_up_to_where(browse, carol, asked, url, words):
    seq = AuditHead.objects.get().seq
    assert f"Verified up to event {seq}:" in words(browse(carol).post(url("auditevent_verify")))


def test_a_changed_event_is_named(browse, carol, asked, url, words):
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TRIGGER IF EXISTS audit_no_update" + (" ON enrollment_auditevent" if connection.vendor == "postgresql" else "")
        )
    AuditEvent.objects.filter(verb="request.made").update(actor="Erin")
    page = words(browse(carol).post(url("auditevent_verify")))
    assert "was changed after it was written." in page
    assert "Verified up to" not in page


def test_looking_at_the_page_verifies_nothing_yet(browse, carol, asked, url, words):
    assert "Verify now" in browse(carol).get(url("auditevent_verify")).content.decode()


def test_an_approver_does_not_read_the_log(browse, bob, asked, url):
    assert browse(bob).get(url("auditevent_verify")).status_code == 403


@pytest.fixture
def days(alice, bob, laptop, fileshare):
    """Asked on the second of March, denied on the fourth."""
    asked = factories.a_request(alice, fileshare, [laptop], now=later(hours=14, minutes=59))
    lifecycle.deny(asked, reviewer=bob, comment="no", now=later(hours=15))  # midnight
    return asked


@pytest.mark.parametrize(
    ("query", "verbs"),
    [
        ({"first": "2026-03-02", "last": "2026-03-02"}, {"request.made"}),
        ({"first": "2026-03-03"}, {"request.reviewed", "request.denied"}),
        ({"last": "2026-03-03", "verb": "request.made"}, {"request.made"}),
        ({"last": "2001-01-01"}, set()),
        ({"first": "2026-03-03", "last": "2026-03-02"}, set()),
        ({"first": "yesterday"}, set()),
        ({"last": "2026-02-30"}, set()),
    ],
)
def test_days_choose_what_is_listed_and_what_is_taken(query, verbs, browse, carol, days, url):
    client, only = browse(carol), {"subject_type": "accessrequest", **query}
    found = client.get(url("auditevent_changelist"), only).context["cl"].result_list
    assert {event.verb for event in found} == verbs
    text = client.post(f"{url('auditevent_export')}?{urlencode(only)}", {"as": "jsonl"}).getvalue().decode()
    assert {json.loads(line)["verb"] for line in text.splitlines()} == verbs


def test_days_that_are_none_say_why_nothing_is_listed(browse, carol, days, url, words):
    client = browse(carol)
    for query in ({"first": "2026-03-03", "last": "2026-03-02"}, {"first": "2026-03-33"}):
        page = words(client.get(url("auditevent_changelist"), query))
        assert "This is before the first day." in page or "Enter a valid date." in page


def test_days_are_kept_while_something_else_is_chosen_and_the_other_way_round(browse, carol, days, url, words):
    client, asked = browse(carol), {"first": "2026-03-02", "last": "2026-03-04", "verb": "request.made", "q": "Alice"}
    page = client.get(url("auditevent_changelist"), asked).content.decode()
    assert '<input type="hidden" name="verb" value="request.made">' in page
    assert '<input type="hidden" name="q" value="Alice">' in page
    assert [page.count(f'id="{where}_first"') for where in ("days", "folded")] == [1, 1]  # beside the list, and above
    assert re.search(r'href="\?[^"]*first=2026-03-02[^"]*verb=request.denied', page)
    assert "days: 2026-03-02 - 2026-03-04" in words(client.get(url("auditevent_export"), asked))


def test_an_address_finds_what_its_owner_did_and_what_became_of_theirs(browse, carol, erin, days, url):
    factories.a_device(erin, "hers")
    client = browse(carol)

    def found(query):
        return {(event.verb, event.actor) for event in client.get(url("auditevent_changelist"), {"q": query}).context["cl"].result_list}

    mine = {("request.made", "Alice"), ("request.denied", "Bob"), ("device.enrolled", "Alice")}
    assert mine <= found("alice@example.com")
    assert mine <= found("ALICE@")
    assert ("device.enrolled", "Erin") not in found("alice@example.com")
    assert found("nobody@example.com") == set()


def test_events_of_one_minute_are_told_apart(browse, carol, days, url, words):
    assert "2026-03-02 23:59:00 UTC" in words(browse(carol).get(url("auditevent_changelist")))
    event = AuditEvent.objects.get(verb="request.made")
    assert "2026-03-02 23:59:00 UTC" in words(browse(carol).get(url("auditevent_change", event.pk)))


def test_a_persons_page_leads_to_all_that_is_theirs(browse, carol, alice, erin, granted, laptop, url):
    factories.a_device(erin, "hers")
    client = browse(carol)
    page = client.get(url("user_change", alice.pk)).content.decode()
    links = [html.unescape(link) for link in re.findall(rf'href="([^"]+(?:owner|requester|user)={alice.pk}[^"]*)"', page)]
    assert len(links) == 4
    listed = [[str(row) for row in client.get(link).context["cl"].result_list] for link in links[:3]]
    assert listed == [["laptop"], ["Alice: Fileshare"], [str(granted)]]
    assert [reach.user for reach in client.get(links[3]).context["found"].reaches] == ["Alice"]
