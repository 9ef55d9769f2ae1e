"""How approvers answer: the numbers of a small history, for auditors, and as a file."""

import csv
import html
import io
import json
import re

import pytest

from enrollment import approvers, lifecycle
from enrollment.models import AccessRequest, AuditEvent, Grant, Resource, Review, User
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
    return {row["name"] or row["group"]: row for row in map(json.loads, text.splitlines())}


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
    assert response.streaming
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


@pytest.fixture
def lapses(alice, bob, pep, laptop, history):
    """Three that nobody answered in time: one of the first stage, one of the second after bob's yes, one of another resource."""
    ledger, wiki = Resource.objects.get(slug="ledger"), Resource.objects.get(slug="wiki")
    phone, tablet = (factories.a_device(alice, name) for name in ("phone", "tablet"))
    factories.a_request(alice, ledger, [phone])
    half = factories.a_request(alice, ledger, [tablet])
    lifecycle.approve(half, reviewer=bob, now=later(60))
    factories.a_request(alice, wiki, [phone])
    lifecycle.lapse_due(later(days=2))


def test_what_nobody_answered_in_time_is_counted_for_the_group_that_was_missing(lapses, browse, carol, url, words):
    page = words(browse(carol).get(url("review_approvers") + "?first=2026-03-04&last=2026-03-04"))
    assert (
        "2 requests that waited for oidc:lychgate-approvers 1 request that waited for owners; 1 of them after those before had agreed"
        in page
    )
    assert "Nobody answered anything in these days." in page
    assert "No request lapsed in these days." in words(browse(carol).get(url("review_approvers") + DAY))


def test_a_resource_chooses_among_them_too_and_the_list_of_them_is_one_step_away(lapses, browse, carol, url, words):
    client = browse(carol)
    page = words(client.get(url("review_approvers") + "?first=2026-03-04&last=2026-03-04&resource=wiki"))
    assert "1 request that waited for oidc:lychgate-approvers" in page
    assert "owners" not in page.partition("Not answered in time")[2]
    listed = client.get(url("accessrequest_changelist") + "?waiting=lapsed").context["cl"].queryset
    assert listed.count() == 3


def test_the_file_has_them_in_rows_of_their_own(lapses, browse, carol, url):
    found = rows(browse(carol), url, "?first=2026-03-02&last=2026-03-04")
    assert {name: row["lapsed"] for name, row in found.items()} == {
        "Bob": None,
        "Gina": None,
        "Erin": None,
        "oidc:lychgate-approvers": 2,
        "owners": 1,
    }
    assert found["owners"]["answers"] is None
    text = browse(carol).post(url("review_approvers") + "?first=2026-03-04&last=2026-03-04", {"as": "csv"}).getvalue().decode()
    assert [row["group"] for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))] == ["oidc:lychgate-approvers", "owners"]


def test_it_counts_lapses_in_as_many_queries_for_many_as_for_few(alice, bob, pep, laptop, django_assert_num_queries):
    wiki = factories.a_resource("wiki", pep=pep, policy=factories.a_policy(), number=20)
    for number in range(1, 4):
        factories.a_request(alice, wiki, [laptop], now=later(days=3 * number))
        lifecycle.lapse_due(later(days=3 * number + 2))
        with django_assert_num_queries(3):
            assert [each.lapsed for each in approvers.by_silence(AccessRequest.objects.all())] == [number]


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("approved", [("Alice: Wiki", "approved"), ("Alice: Ledger", "approved"), ("Alice: Ledger", "approved")]),
        ("denied", [("Alice: Wiki", "denied")]),
        ("justified", []),
        ("not_justified", [("Alice: Mail", "emergency access, found not justified")]),
        ("all", None),
    ],
)
def test_the_review_of_an_emergency_is_no_approval_and_no_denial(answer, found, history, browse, carol, url):
    Review.objects.filter(created_at__gte=later(days=1)).delete()
    listed = browse(carol).get(url("review_changelist"), {"answer": answer}).context["cl"]
    rows = [(str(row.request), listed.model_admin.found(row)) for row in listed.result_list]
    assert rows == found if found is not None else len(rows) == 5


def test_a_justified_emergency_is_no_approval_in_the_file_either(history, browse, bob, alice, carol, laptop, url):
    mail = Resource.objects.get(slug="mail")
    factories.an_emergency(alice, mail, [laptop], now=later(days=2))
    lifecycle.review_break_glass(Grant.objects.get(review_due=True), reviewer=bob, justified=True, comment="", now=later(days=2, hours=1))
    client = browse(carol)
    assert "emergency access, found justified" in client.get(url("review_changelist")).content.decode()
    text = client.post(url("review_export"), {"as": "jsonl"}).getvalue().decode()
    found = [(row["resource"], row["verdict"]) for row in map(json.loads, text.splitlines())]
    assert found[-3:] == [("mail", "not_justified"), ("mail", "approve"), ("mail", "justified")]


def test_many_approvers_come_in_pages_and_the_file_has_all(history, browse, carol, url, monkeypatch):
    monkeypatch.setattr("enrollment.admin.reviews.A_PAGE", 2)
    client = browse(carol)
    first = client.get(url("review_approvers") + DAY).content.decode()
    link = html.unescape(re.search(r'<a href="([^"]+)">Next page', first)[1])
    assert [row.name for row in client.get(url("review_approvers") + link).context["page"]] == ["Gina"]
    assert len(rows(client, url, f"{DAY}&page=2")) == 3
    assert AuditEvent.objects.get(verb="audit.exported").data["filter"] == DAY[1:]
