"""A clock that goes back revives nothing, and one that was ahead ends nothing for long: by the latest moment seen, and by hand.

To the portal, a latest moment that lies ahead is a clock that went back by so much, so that is how it is moved here.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from enforcement import turns
from enforcement.models import PepStatus
from enforcement.tasks import sweep_due_peps
from enrollment import clock, facts, lifecycle
from enrollment.models import AccessRequest, AuditEvent, LatestMoment, Notice
from enrollment.policy import decide
from tests import factories

SECOND, MINUTE, HOUR, YEAR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=365)
pytestmark = pytest.mark.django_db


def real():
    return datetime.now(UTC)


def go_back(by):
    """Let the clock have been ahead by so much, and keep nothing in mind of this process's own pace."""
    clock.PACE.seen = None
    LatestMoment.objects.update_or_create(pk=clock.ROW, defaults={"seen_at": real() + by, "doubted_since": None})


def seen():
    return LatestMoment.objects.get(pk=clock.ROW).seen_at


def in_doubt():
    clock.tick()
    return facts.time_is_in_doubt()


def command(*arguments):
    out = StringIO()
    call_command("clock", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def now():
    return real()


@pytest.fixture
def granted(alice, bob, fileshare, laptop, now):
    """Alice may reach the fileshare for ten minutes from now."""
    return factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=now, seconds=600)


@pytest.fixture
def asked(alice, fileshare, laptop, now):
    return factories.a_request(alice, fileshare, [laptop], now=now)


def test_it_is_what_the_clock_says():
    before = real()
    assert before - SECOND <= clock.now() <= real() + SECOND
    assert clock.now().tzinfo is UTC


def test_asking_changes_nothing_and_ticking_keeps_the_moment():
    clock.now()
    assert not LatestMoment.objects.exists()
    first, kept = clock.tick(), seen()
    second = clock.tick()
    assert (first, second) == (kept, seen())
    assert second > first


def test_asking_takes_one_query_and_so_does_ticking():
    clock.tick()
    for ask in (clock.now, clock.tick):
        with CaptureQueriesContext(connection) as queries:
            ask()
        assert len(queries) == 1


def test_it_is_never_earlier_than_it_was():
    go_back(MINUTE)
    latest = seen()
    assert clock.now() == latest
    assert clock.tick() >= latest
    assert not facts.time_is_in_doubt()


def test_after_a_small_step_time_runs_at_half_speed_until_the_clock_has_caught_up():
    go_back(timedelta(seconds=0.2))
    start, began = clock.tick(), time.monotonic()
    time.sleep(0.1)
    passed = clock.tick() - start
    assert timedelta(seconds=0.05) <= passed <= timedelta(seconds=(time.monotonic() - began) / 2 + 0.001)
    time.sleep(0.4)
    assert clock.tick() - real() < timedelta(seconds=0.01)


def test_after_a_large_step_time_runs_on_as_before():
    go_back(HOUR)
    start, began = clock.tick(), time.monotonic()
    time.sleep(0.2)
    assert timedelta(seconds=0.2) <= clock.tick() - start <= timedelta(seconds=time.monotonic() - began)
    assert clock.now() == seen()


@pytest.mark.parametrize(("by", "doubted"), [(clock.LEAD - MINUTE, False), (clock.LEAD + MINUTE, True)])
def test_a_large_step_puts_the_clock_in_doubt(by, doubted):
    go_back(by)
    assert in_doubt() == doubted


def test_the_doubt_is_told_once_to_admins_and_to_the_log(alice, bob, dave):
    Notice.objects.all().delete()
    go_back(HOUR)
    for _again in range(3):
        clock.tick()
    assert list(Notice.objects.values_list("to", "subject")) == [("dave@example.com", "The portal's clock went back")]
    event = AuditEvent.objects.get(verb="clock.doubted")
    assert 3590 <= event.data["behind_seconds"] <= 3600


def test_the_doubt_ends_by_itself_where_the_clock_catches_up(dave):
    go_back(HOUR)
    assert in_doubt()
    LatestMoment.objects.update(seen_at=real() - SECOND)  # the hour has passed
    assert not in_doubt()
    assert AuditEvent.objects.first().verb == "clock.caught_up"


def test_what_had_ended_is_over_on_every_page_and_for_every_decision(client, alice, granted, laptop, fileshare):
    go_back(HOUR)
    assert decide(facts.facts_of(laptop, fileshare, real()), real())
    assert not decide(facts.facts_of(laptop, fileshare, clock.now()), clock.now())
    client.force_login(alice)
    page = client.get(reverse("request", args=[granted.request_id]))
    assert "Time was up" in page.text
    assert "You have it until" not in client.get(reverse("resources")).text
    assert "Nobody, on" in _out("who", "fileshare")
    assert "No." in _out("why", "laptop", "fileshare")


def _out(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_an_old_proof_of_identity_is_not_fresh_again(bob, erin, fileshare, now):
    factories.a_policy("policy of fileshare", session_length=600, now=now)
    phone = factories.a_device(erin, "phone", now=now)
    lifecycle.sign_in(erin, groups=None, name="Erin", email="erin@example.com", auth_time=now, now=now)
    factories.a_grant(erin, fileshare, [phone], reviewer=bob, now=now, seconds=7200)
    go_back(HOUR)
    assert "Sign in again" in decide(facts.facts_of(phone, fileshare, clock.now()), clock.now()).reasons[0]


def test_a_request_that_had_lapsed_is_answered_by_nobody(client, bob, asked):
    AccessRequest.objects.filter(pk=asked.pk).update(answer_by=real() + MINUTE)
    go_back(2 * MINUTE)
    client.force_login(bob)
    answer = client.post(reverse("admin:enrollment_accessrequest_approve", args=[asked.pk]), {})
    assert (answer.status_code, "Nobody answered in time" in answer.text) == (409, True)


def test_in_doubt_nothing_new_is_opened(client, bob, asked):
    go_back(HOUR)
    clock.tick()
    client.force_login(bob)
    answer = client.post(reverse("admin:enrollment_accessrequest_approve", args=[asked.pk]), {})
    assert (answer.status_code, "clock went back" in answer.text) == (422, True)
    asked.refresh_from_db()
    assert (asked.state, asked.reviews.count()) == ("pending", 0)


def test_in_doubt_everything_can_be_ended(alice, bob, dave, granted, asked, laptop):
    go_back(HOUR)
    assert in_doubt()
    at = clock.now()
    lifecycle.deny(asked, reviewer=bob, comment="no", now=at)
    lifecycle.revoke(granted, actor=alice, reason="", now=at)
    lifecycle.report_lost(laptop, actor=alice, reason="", now=at)
    lifecycle.disable_user(alice, actor=dave, now=at, leaves=True)
    granted.refresh_from_db()
    assert (granted.state, asked.state) == ("revoked", "denied")


def test_a_clock_that_was_a_year_ahead_holds_things_up_until_somebody_says_so(alice, bob, fileshare, laptop, dave, now):
    go_back(YEAR)
    assert in_doubt()
    assert "in_doubt" in command("--json")
    command("--trust")
    assert clock.now() <= real() + SECOND
    assert not in_doubt()
    grant = factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=clock.now(), seconds=600)
    assert decide(facts.facts_of(laptop, fileshare, clock.now()), clock.now())
    assert grant.ends_at < real() + timedelta(minutes=11)


def test_what_ended_by_a_clock_that_was_ahead_stays_ended_once_it_is_right(granted, asked, laptop, fileshare):
    go_back(YEAR)
    command("--trust")
    granted.refresh_from_db()
    asked.refresh_from_db()
    assert (granted.state, asked.state) == ("expired", "lapsed")
    assert not decide(facts.facts_of(laptop, fileshare, clock.now()), clock.now())


def test_a_process_that_still_counts_from_before_does_not_undo_that():
    go_back(YEAR)
    clock.tick()
    assert clock.PACE.seen > real() + YEAR / 2
    command("--trust")
    assert clock.tick() < real() + SECOND
    assert seen() < real() + SECOND


def test_what_a_process_counts_from_is_forgotten_where_the_moment_was_put_back():
    go_back(YEAR)
    clock.tick()
    LatestMoment.objects.update(seen_at=real() + SECOND, doubted_since=None)  # trusted elsewhere, and a small step back since
    assert clock.tick() < real() + 2 * SECOND


def test_two_processes_do_not_make_time_run_twice_as_fast():
    go_back(HOUR)
    start, began = clock.tick(), time.monotonic()
    for _turn in range(3):
        time.sleep(0.1)
        other = start + timedelta(seconds=time.monotonic() - began)
        LatestMoment.objects.update(seen_at=other)  # what another process, at the same pace, has just kept
        assert clock.tick() - start <= timedelta(seconds=time.monotonic() - began)


def test_trusting_a_clock_that_is_right_does_nothing():
    clock.tick()
    command("--trust")
    assert not AuditEvent.objects.filter(verb="clock.trusted").exists()
    assert "It is 20" in command()


def test_the_command_says_how_far_the_clock_is_behind():
    go_back(HOUR)
    clock.tick()
    answer = json.loads(command("--json"))
    assert 3590 <= answer["behind_seconds"] <= 3600
    assert answer["in_doubt"] is True
    assert "--trust" in command()


def test_a_pep_whose_turn_was_dated_by_a_clock_that_was_ahead_gets_its_turn_all_the_same(pep):
    PepStatus.objects.update_or_create(pep=pep, defaults={"due_at": real() + YEAR, "busy_until": real() + YEAR})
    assert turns.due(real()) == [pep.pk]
    assert turns.take(pep.pk, real()) is not None


def test_mail_that_was_dated_by_a_clock_that_was_ahead_goes_all_the_same(asked):
    from enrollment import notices  # noqa: PLC0415

    waiting = Notice.objects.count()
    Notice.objects.update(due_at=real() + YEAR)
    assert notices.send_due(real()) == waiting > 0


def test_the_sweep_keeps_the_moment_and_expires_by_it(granted, monkeypatch):
    from enforcement import tasks  # noqa: PLC0415

    monkeypatch.setattr(tasks.reconcile_pep, "apply_async", lambda *_, **__: None)
    go_back(HOUR)
    sweep_due_peps()
    granted.refresh_from_db()
    assert granted.state == "expired"
    assert facts.time_is_in_doubt()
