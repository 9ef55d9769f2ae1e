"""The auditor's page: who could reach what at a moment, as authorised and as enforced."""

import csv
import html
import io
import json
import re
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from enrollment import audit, lifecycle
from enrollment.models import AuditEvent, Device, User
from tests.factories import HOUR, a_delegation, a_grant, a_person, a_policy, a_resource, an_emergency, later

HALF_PAST = "2026-03-02T09:30:00Z"


@pytest.fixture
def look(browse, carol, url, words):
    def told(**asked):
        return words(browse(carol).get(url("auditevent_reach"), asked)).replace(" ,", ",").replace(" ;", ";")

    return told


@pytest.fixture
def grant(alice, bob, fileshare, laptop, pep):
    """One that a PEP held since a minute after nine, and that was revoked at twenty past but gone at forty past only."""
    grant = a_grant(alice, fileshare, [laptop], reviewer=bob, seconds=HOUR)
    held = {"generation": 1, "digest": "", "in_force": [[grant.pk, laptop.pk, ""]], "gone": []}
    audit.append("pep.enforced", actor=None, subject=pep, data=held, now=later(60))
    lifecycle.revoke(grant, actor=bob, reason="", now=later(1200))
    audit.append("pep.enforced", actor=None, subject=pep, data={**held, "in_force": [], "gone": [[grant.pk, laptop.pk]]}, now=later(2400))
    return grant


def test_it_says_what_was_authorised_and_what_was_enforced(look, grant):
    page = look(resource="fileshare", at="2026-03-02T10:10:00+01:00")
    assert "Alice, laptop" in page
    assert "Authorised until 2026-03-02 10:00:00 UTC" in page
    assert "In force on pep-1 since 2026-03-02 09:01:00 UTC; gone on 2026-03-02 09:40:00 UTC" in page


def test_what_was_held_though_it_was_not_allowed_any_more_stands_out(look, grant):
    page = look(resource="fileshare", at=HALF_PAST)
    assert "Not authorised" in page
    assert "In force on pep-1" in page


def test_before_the_receipt_it_was_in_force_nowhere(look, grant):
    assert "In force nowhere" in look(resource="fileshare", at="2026-03-02T09:00:30Z")


def test_it_answers_for_one_person(look, grant):
    assert "fileshare" in look(user="alice@example.com", at="2026-03-02T09:10:00Z")
    assert "They could reach nothing." in look(user="Carol", at=HALF_PAST)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"resource": "fileshare", "at": "yesterday"}, "is no instant"),
        ({"resource": "fileshare", "at": "9999-03-02T09:30"}, "That has not happened yet: it is "),
        (
            {"resource": "fileshare", "at": "1999-03-02T09:30:00Z"},
            "The audit log begins on 2026-03-02 at 09:00:00 UTC:",
        ),
        ({"resource": "fileshare", "at": "9999-12-31T23:59:59-12:00"}, "is beyond the calendar"),
        ({"resource": "nothing"}, "Select a valid choice"),
        ({"resource": "\0"}, "Null characters are not allowed"),
        ({"user": "nobody"}, "There is nobody called that."),
        ({"user": "9" * 100}, "There is nobody called that."),
        ({"user": "a\0b"}, "Null characters are not allowed"),
        ({"at": HALF_PAST}, "Choose a resource, or somebody."),
    ],
)
def test_what_cannot_be_answered_is_refused_at_its_field_and_kept(look, fileshare, asked, sentence):
    assert sentence in look(**asked)


@pytest.mark.parametrize("at", ["2026-03-02T09:10", "2026-03-02T09:10:00", "2026-03-02T10:10:00+01:00"])
def test_what_a_form_sends_is_utc_and_an_address_may_name_a_zone(at, look, grant):
    assert "Fileshare: 2026-03-02 09:10:00 UTC" in look(resource="fileshare", at=at)


def test_the_instant_is_one_to_choose_and_the_page_says_where_the_log_begins(browse, carol, grant, url, words):
    page = browse(carol).get(url("auditevent_reach"), {"resource": "fileshare", "at": "2026-03-02T10:10:00+01:00"})
    assert 'type="datetime-local" name="at" value="2026-03-02T09:10:00"' in page.content.decode()
    assert "The audit log begins on 2026-03-02 at 09:00:00 UTC." in words(page)


def test_part_of_a_name_or_an_address_is_enough_and_several_are_offered(browse, carol, grant, url):
    alicia = a_person("alicia")
    client, asked = browse(carol), {"user": "LIC", "at": HALF_PAST, "resource": "fileshare"}
    page = client.get(url("auditevent_reach"), asked)
    assert "Several people match." in page.content.decode()
    links = re.findall(r'<a href="([^"]+)">(Ali\w+) &lt;', page.content.decode())
    assert [name for _link, name in links] == ["Alice", "Alicia"]
    chosen = client.get(url("auditevent_reach") + html.unescape(links[1][0])).context["found"]
    assert (chosen.user, chosen.resource.slug, chosen.at) == (alicia, "fileshare", later(1800))
    assert client.get(url("auditevent_reach"), {"user": "alicia@", "at": HALF_PAST}).context["found"].user == alicia


@pytest.fixture
def by_right(alice, bob, erin, pep, laptop, fileshare):
    """What bob approved, what erin approved in his stead, and what nobody approved: found justified, and not looked at yet."""
    quick = a_policy("quick", break_glass_longest=HOUR)
    slugs = ("mail", "wiki", "books")
    mail, wiki, books = (a_resource(slug, pep=pep, policy=quick, number=number) for number, slug in enumerate(slugs, 30))
    a_grant(alice, fileshare, [laptop], reviewer=bob)
    a_delegation(bob, delegate=erin)
    a_grant(alice, books, [laptop], reviewer=erin)
    taken = an_emergency(alice, mail, [laptop])
    lifecycle.review_break_glass(taken, reviewer=bob, justified=True, comment="", now=later(60))
    return taken, an_emergency(alice, wiki, [laptop])


def test_it_says_by_what_right_and_of_an_emergency_that_nobody_approved(look, by_right):
    page = look(user="alice@example.com", at="2026-03-02T09:10:00Z")
    said = {part.split(" (")[0].strip(): part for part in page.split("Alice, laptop, ")[1:]}
    assert "approved by Bob at 2026-03-02 09:00:00 UTC" in said["Fileshare"]
    assert "approved by Erin in the stead of Bob at " in said["Books"]
    assert "emergency access, approved by nobody; found justified by Bob at 2026-03-02 09:01:00 UTC" in said["Mail"]
    assert "emergency access, approved by nobody, not reviewed yet" in said["Wiki"]
    assert "approved by Bob" not in said["Mail"] + said["Wiki"]


def test_it_leads_to_the_grant_the_request_the_person_and_the_device(browse, carol, grant, laptop, alice, url):
    page = browse(carol).get(url("auditevent_reach"), {"resource": "fileshare", "at": HALF_PAST}).content.decode()
    for name, row in (("grant", grant), ("accessrequest", grant.request), ("user", alice), ("device", laptop)):
        assert f'href="{url(f"{name}_change", row.pk)}"' in page


def take(client, url, kind, **asked):
    response = client.post(f"{url('auditevent_reach')}?{urlencode(asked)}", {"as": kind})
    return response, response.getvalue().decode("utf-8-sig") if response.streaming else ""


def test_the_answer_is_a_file_and_taking_it_is_told(browse, carol, alice, by_right, url):
    client = browse(carol)
    response, text = take(client, url, "jsonl", user=alice.pk, at="2026-03-02T09:10:00.000000Z")
    rows = {row["resource"]: row for row in map(json.loads, text.splitlines())}
    assert response.streaming
    assert rows["books"]["approved_by"] == ["Erin <erin@example.com> in the stead of Bob <bob@example.com>"]
    assert [(rows[each]["is_break_glass"], rows[each]["approved_by"]) for each in ("mail", "wiki")] == [(True, []), (True, [])]
    assert [rows[each]["found_justified_by"] for each in ("mail", "wiki")] == [["Bob <bob@example.com>"], []]
    event = AuditEvent.objects.get(verb="audit.exported")
    assert (event.actor_id, event.data["what"], event.data["rows"]) == (carol.pk, "reach", 4)
    assert event.data["filter"] == f"user={alice.pk}&at=2026-03-02T09%3A10%3A00.000000Z"


def test_the_file_says_what_was_held_and_no_spreadsheet_runs_it(browse, carol, grant, laptop, url):
    Device.objects.filter(pk=laptop.pk).update(name="=1+1")
    User.objects.update(name="=2+2")
    response, text = take(browse(carol), url, "csv", resource="fileshare", at=HALF_PAST)
    row = next(csv.DictReader(io.StringIO(text, newline="")))
    assert re.fullmatch(r'attachment; filename="lychgate-reach-\d{8}T\d{6}Z\.csv"', response["Content-Disposition"])
    assert (row["at_utc"], row["authorised_until_utc"], row["in_force_on"]) == ("2026-03-02 09:30:00", "", "pep-1")
    assert (row["in_force_since_utc"], row["gone_at_utc"]) == ("2026-03-02 09:01:00", "2026-03-02 09:40:00")
    assert row["approved_by"] == "'=2+2 <bob@example.com>"


def test_that_nobody_could_is_worth_a_file_too(browse, carol, grant, url):
    text = take(browse(carol), url, "csv", resource="fileshare", at="2026-03-02T09:50:00Z")[1]
    assert text.count("\r\n") == 1
    assert AuditEvent.objects.get(verb="audit.exported").data["rows"] == 0


def test_what_cannot_be_answered_is_no_file(browse, carol, grant, url):
    response, _text = take(browse(carol), url, "csv", resource="fileshare", at="9999-01-01T00:00:00Z")
    assert "That has not happened yet" in response.content.decode()
    assert not AuditEvent.objects.filter(verb="audit.exported").exists()


def test_a_long_answer_comes_in_pages_and_its_file_has_all(browse, carol, by_right, url, monkeypatch):
    monkeypatch.setattr("enrollment.admin.reach.A_PAGE", 3)
    client, asked = browse(carol), {"user": "alice@example.com", "at": "2026-03-02T09:10:00Z"}
    first = client.get(url("auditevent_reach"), asked).content.decode()
    link = html.unescape(re.search(r'<a href="([^"]+)">Next page', first)[1])
    pages = [first, client.get(url("auditevent_reach") + link).content.decode()]
    assert [page.count("Authorised until") for page in pages] == [3, 1]
    assert len(take(client, url, "jsonl", **asked)[1].splitlines()) == 4


@pytest.fixture
def more(alice, bob, pep, laptop):
    def made():
        for number in range(40, 46):
            a_grant(alice, a_resource(f"res-{number}", pep=pep, number=number), [laptop], reviewer=bob)

    return made


def test_many_cost_as_many_queries_as_few(browse, carol, by_right, more, url, django_assert_num_queries):
    client, asked = browse(carol), {"user": "alice@example.com", "at": "2026-03-02T09:10:00Z"}
    with CaptureQueriesContext(connection) as few:
        assert len(client.get(url("auditevent_reach"), asked).context["page"]) == 4
    more()
    with django_assert_num_queries(len(few)):
        assert len(client.get(url("auditevent_reach"), asked).context["page"]) == 10


def test_looking_writes_nothing(look, grant):
    before = AuditEvent.objects.count()
    look(resource="fileshare", at=HALF_PAST)
    assert AuditEvent.objects.count() == before


def test_an_approver_does_not_see_it(browse, bob, fileshare, url):
    assert browse(bob).get(url("auditevent_reach")).status_code == 403
