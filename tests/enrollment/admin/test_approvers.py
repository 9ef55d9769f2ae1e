"""How approvers answer: the numbers of a small history, for auditors, and as a file."""

import csv
import io
import json
import re

import pytest

from enrollment import lifecycle
from enrollment.models import AuditEvent, User
from tests import factories
from tests.factories import later

DAY = "?first=2026-03-02&last=2026-03-02"
MINUTE = 60


@pytest.fixture
def history(alice, bob, erin, pep, laptop):
    """Of one day: bob's yes, then gina's in the next stage; bob's no; erin's yes in his stead; an emergency. And a yes of the day after."""
    gina = factories.a_person("gina", groups=["employees", "owners"])
    staged = factories.a_policy("staged", stages=[(factories.APPROVERS, 1), ("owners", 1)])
    loud = factories.a_policy("loud", break_glass_longest=3600)
    ledger, wiki, mail = (
        factories.a_resource(slug, pep=pep, policy=policy, number=number)
        for number, (slug, policy) in enumerate([("ledger", staged), ("wiki", factories.a_policy()), ("mail", loud)], 20)
    )
    first = factories.a_request(alice, ledger, [laptop])
    lifecycle.approve(first, reviewer=bob, now=later(10 * MINUTE))
    lifecycle.approve(first, reviewer=gina, seconds=1800, now=later(15 * MINUTE))
    lifecycle.deny(factories.a_request(alice, wiki, [laptop]), reviewer=bob, comment="not today", now=later(20 * MINUTE))
    factories.a_delegation(bob, delegate=erin)
    lifecycle.approve(factories.a_request(alice, wiki, [laptop], now=later(1200)), reviewer=erin, now=later(50 * MINUTE))
    taken = factories.an_emergency(alice, mail, [laptop])
    lifecycle.review_break_glass(taken, reviewer=bob, justified=False, comment="nothing was down", now=later(hours=2))
    factories.a_grant(alice, mail, [laptop], reviewer=bob, now=later(days=1))


def rows(client, url, query=DAY):
    text = client.post(url("review_approvers") + query, {"as": "jsonl"}).getvalue().decode()
    return {row["name"]: row for row in map(json.loads, text.splitlines())}


COUNTS = ("answers", "approved", "shortened", "denied", "as_stand_in", "by_stand_ins", "emergencies", "not_justified")
TIMES = ("median_seconds", "longest_seconds", "longest_review_seconds")


@pytest.mark.parametrize(
    ("name", "counts", "times"),
    [
        ("Bob", (2, 1, 0, 1, 0, 1, 1, 1), (900, 1200, 7200)),
        ("Gina", (1, 1, 1, 0, 0, 0, 0, 0), (300, 300, None)),  # since bob's yes, not since the question
        ("Erin", (1, 1, 0, 0, 1, 0, 0, 0), (1800, 1800, None)),
    ],
)
def test_each_approver_has_the_numbers_of_what_they_answered(name, counts, times, history, browse, carol, url):
    row = rows(browse(carol), url)[name]
    assert (tuple(row[each] for each in COUNTS), tuple(row[each] for each in TIMES)) == (counts, times)


def test_the_page_says_the_same_and_days_and_resource_choose(history, browse, carol, url, words):
    client = browse(carol)
    page = words(client.get(url("review_approvers") + DAY))
    assert "Bob &lt;bob@example.com&gt; 2 1 0 1 15 min 20 min 0 1 1 1 2 h " in page
    assert rows(client, url, "?first=2026-03-03&last=")["Bob"]["answers"] == 1
    assert list(rows(client, url, f"{DAY}&resource=wiki")) == ["Bob", "Erin"]
    assert "This is before the first day." in words(client.get(url("review_approvers") + "?first=2026-03-03&last=2026-03-02"))
    assert "Nobody answered anything" in words(client.get(url("review_approvers") + "?last=2001-01-01"))


def test_taking_it_is_an_event_and_no_formula_is_in_it(history, browse, carol, url):
    User.objects.filter(name="Bob").update(name="=1+1")
    response = browse(carol).post(url("review_approvers") + DAY, {"as": "csv"})
    cells = [cell for row in csv.reader(io.StringIO(response.getvalue().decode("utf-8-sig"), newline="")) for cell in row]
    assert "'=1+1" in cells
    assert [cell for cell in cells if re.match(r"\s*[=+\-@]", cell)] == []
    told = AuditEvent.objects.get(verb="audit.exported")
    assert told.data == {"what": "approvers", "as": "csv", "filter": DAY[1:], "rows": 3}


def test_every_single_answer_is_in_the_file_of_the_list(history, browse, carol, url):
    text = browse(carol).post(url("review_export"), {"as": "jsonl"}).getvalue().decode()
    found = [(row["reviewer"], row["in_the_stead_of"], row["group"], row["took_seconds"]) for row in map(json.loads, text.splitlines())]
    assert found[:4] == [
        ("Bob", None, factories.APPROVERS, 600),
        ("Gina", None, "owners", 300),
        ("Bob", None, factories.APPROVERS, 1200),
        ("Erin", "Bob", factories.APPROVERS, 1800),
    ]


def test_an_approver_takes_neither(history, browse, bob, url):
    assert [browse(bob).post(url(f"review_{page}"), {"as": "csv"}).status_code for page in ("approvers", "export")] == [403, 403]
