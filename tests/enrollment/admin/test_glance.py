"""What auditors find above the admin's tables: whether the log holds, and what somebody should look at."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from enforcement.models import Alarm, Enforcement, PepStatus
from enrollment import audit, lifecycle
from enrollment.models import AuditCheck, Grant
from tests import factories
from tests.conftest import append_only

INDEX = reverse("admin:index")
HOUR = timedelta(hours=1)


def verify(client, url):
    return client.post(url("auditevent_verify"))


def test_the_index_says_up_to_where_the_log_holds_who_looked_and_what_came_after(browse, carol, granted, url, words):
    client, seq = browse(carol), audit.end()[0]
    assert "It was not verified yet." in words(client.get(INDEX))
    verify(client, url)
    audit.append("made.up", actor=None, subject=carol, data={}, now=timezone.now())
    page = words(client.get(INDEX))
    assert f"It holds up to event {seq}. Verified by Carol, " in page
    assert "No witness outside was heard" in page
    assert "pep-1 could not be asked what it saw of the log" in page
    assert "1 event came after it." in page


def test_a_log_that_does_not_hold_says_so_until_it_is_found_to_hold(browse, carol, granted, url, words):
    append_only.lift(connection)
    verify(browse(carol), url)
    assert re.search(r"It does not hold\. The trigger \w+ is missing", words(browse(carol).get(INDEX)))
    append_only.protect(connection)
    verify(browse(carol), url)
    assert "It does not hold." not in words(browse(carol).get(INDEX))


@pytest.mark.sqlite
def test_where_the_note_cannot_be_kept_the_answer_is_the_same(granted):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON")
        try:
            check = audit.verify_and_note([], [], by="carol", now=timezone.now())
        finally:
            cursor.execute("PRAGMA query_only = OFF")
    assert (check.problems, check.seq, AuditCheck.objects.count()) == ([], audit.end()[0], 0)


@pytest.fixture
def emergency(erin, pep, bob, now):
    policy = factories.a_policy("servers", break_glass_longest=3600, now=now)
    servers = factories.a_resource("servers", pep=pep, policy=policy, number=30, now=now)
    taken = factories.an_emergency(erin, servers, [factories.a_device(erin)], now=now)
    Grant.objects.filter(pk=taken.pk).update(starts_at=now - HOUR)
    return taken


def test_it_counts_what_waits_what_is_unused_and_emergencies_to_review(browse, carol, granted, emergency, foreign, now, words):
    Enforcement.objects.create(
        grant=granted,
        device=granted.devices.get(),
        pep=granted.resource.placements.get().pep,
        state="in_force",
        wanted_at=now,
        in_force_at=now,
    )
    page = words(browse(carol).get(INDEX))
    assert re.search(r"Emergency access to review 1, the oldest taken 1 h( \d+ (min|s))* ago", page)
    assert re.search(r"Live and never used 1, the oldest for \d+ (s|min)", page)
    assert re.search(r"Waiting for an answer 1, the oldest for \d+ (s|min)", page)
    lifecycle.review_break_glass(
        emergency, reviewer=factories.a_person("gina", groups=[factories.APPROVERS]), justified=True, comment="", now=now
    )
    Enforcement.objects.update(heard_at=now)
    page = words(browse(carol).get(INDEX))
    assert "Emergency access to review none Live and never used none" in page


def test_it_names_the_gateways_that_somebody_should_look_at(browse, dave, pep, now, words):
    client, silent = browse(dave), factories.a_pep(2)
    assert "Gateways to look at pep-1 , pep-2" in words(client.get(INDEX))  # nothing was ever read there
    for each in (pep, silent):
        PepStatus.objects.create(pep=each, busy_until=now, due_at=now, reached_at=now)
    assert "Gateways to look at none" in words(client.get(INDEX))
    PepStatus.objects.filter(pep=silent).update(unreached_since=now)
    alarm = Alarm.objects.create(pep=pep, kind=Alarm.Kind.LACKING, since=now, seen_at=now)
    assert "Gateways to look at pep-1 , pep-2" in words(client.get(INDEX))
    Alarm.objects.filter(pk=alarm.pk).update(since=None)
    page = client.get(INDEX)
    assert "Gateways to look at pep-2" in words(page)
    assert reverse("admin:enforcement_pepstatus_change", args=[silent.pk]) in page.text
    silent.is_enabled = False
    silent.save()
    assert "Gateways to look at none" in words(client.get(INDEX))


def test_an_approver_finds_the_tables_alone(browse, bob, granted, words):
    page = words(browse(bob).get(INDEX))
    assert "Grants" in page
    assert "Audit log" not in page
