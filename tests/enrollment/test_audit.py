"""The log: it only grows, and whoever tampers with it is found out."""

import json
from itertools import pairwise

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction

from enrollment import audit
from enrollment.models import AuditEvent, AuditHead
from tests.conftest import append_only
from tests.factories import NOW, a_grant, a_pep

COPY = (
    "SELECT 99, at, verb, actor_id, actor, subject_type, subject_id, subject, data, previous, 'x' FROM enrollment_auditevent WHERE seq = 2"
)


@pytest.fixture
def log(alice, bob, fileshare, laptop):
    """A log with a story in it."""
    a_grant(alice, fileshare, [laptop], reviewer=bob)
    return AuditEvent.objects.order_by("seq")


def by_hand(*statements):
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def unprotected(log):
    """What an intruder with the owner's rights makes of it first."""
    append_only.lift(connection)
    return log


def problems():
    """What verify says, but for the triggers that the test itself has lifted."""
    return [problem for problem in audit.verify() if "trigger" not in problem]


def test_a_log_that_nobody_touched_holds(log):
    assert log.count() > 5
    assert audit.verify() == []


def test_events_have_no_gaps(log):
    assert list(log.values_list("seq", flat=True)) == list(range(1, log.count() + 1))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE enrollment_auditevent SET actor = 'erin' WHERE seq = 2",
        "DELETE FROM enrollment_auditevent WHERE seq = 2",
        "DELETE FROM enrollment_auditevent",
        f"INSERT INTO enrollment_auditevent {COPY}",
    ],
)
def test_the_database_itself_refuses_to_change_history(log, statement):
    with pytest.raises(DatabaseError):
        by_hand(statement)
    assert audit.verify() == []


@pytest.mark.sqlite
def test_replacing_a_row_is_refused_too(log):
    with pytest.raises(DatabaseError, match="grows at its end"):
        by_hand("INSERT OR REPLACE INTO enrollment_auditevent SELECT * FROM enrollment_auditevent WHERE seq = 2")
    assert audit.verify() == []


@pytest.mark.postgresql
def test_emptying_the_table_is_refused_too(log):
    with pytest.raises(DatabaseError, match="append-only"):
        by_hand("TRUNCATE enrollment_auditevent")
    assert audit.verify() == []


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE enrollment_auditevent SET actor = 'erin' WHERE seq = 2", "Event 2 was changed after it was written."),
        ("UPDATE enrollment_auditevent SET at = '2026-03-02 09:00:01+00:00' WHERE seq = 3", "Event 3 was changed after it was written."),
        ("DELETE FROM enrollment_auditevent WHERE seq = 2", "Events 2 to 2 are missing."),
        ("DELETE FROM enrollment_auditevent WHERE seq > 3", "are missing from the end."),
        ("UPDATE enrollment_auditevent SET hash = 'x' WHERE seq = 2", "Event 3 does not follow the event before it."),
        ("DELETE FROM enrollment_audithead", "The head of the chain is missing."),
        ("UPDATE enrollment_audithead SET hash = 'x'", "The head of the chain does not match the last event."),
    ],
)
def test_what_an_intruder_did_is_named(unprotected, statement, problem):
    by_hand(statement)
    assert any(problem in found for found in problems())


def test_a_trigger_that_is_gone_is_named(unprotected):
    assert "The trigger audit_append is missing or switched off: the table is not protected." in audit.verify()


@pytest.mark.sqlite
def test_each_trigger_of_sqlite_is_looked_for(log):
    by_hand("DROP TRIGGER review_of_the_request_still")
    assert [problem for problem in audit.verify() if "review_of_the_request_still" in problem]


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("statements", "name"),
    [
        (["DROP TRIGGER audit_no_truncate ON enrollment_auditevent"], "audit_no_truncate"),
        (["ALTER TABLE enrollment_auditevent DISABLE TRIGGER audit_no_delete"], "audit_no_delete"),
        (["ALTER TABLE enrollment_auditevent ENABLE REPLICA TRIGGER audit_no_delete"], "audit_no_delete"),
        (
            [
                "DROP TRIGGER audit_no_update ON enrollment_auditevent",
                "CREATE TRIGGER audit_no_update BEFORE UPDATE ON auth_group FOR EACH ROW EXECUTE FUNCTION lychgate_audit_refuse()",
            ],
            "audit_no_update",
        ),
    ],
)
def test_a_trigger_of_postgresql_that_does_not_fire_is_named(log, statements, name):
    by_hand(*statements)
    assert [problem for problem in audit.verify() if name in problem]


def test_witnesses_that_disagree_are_named(log):
    """A list of witnesses that was added to after the chain was made anew hides nothing."""
    seal = log.get(seq=2).hash
    for witnesses in ([(2, "0" * 64), (2, seal)], [(2, seal), (2, "0" * 64)]):
        assert any("Witnesses disagree about event 2" in problem for problem in audit.verify(witnesses))


def test_a_tail_cut_off_with_its_head_is_found_by_a_witness(unprotected):
    last = unprotected.last()
    by_hand("DELETE FROM enrollment_auditevent WHERE seq = (SELECT MAX(seq) FROM enrollment_auditevent)")
    AuditHead.objects.update(seq=last.seq - 1, hash=last.previous)
    assert problems() == []
    assert f"Event {last.seq}, which a witness saw, is missing." in audit.verify([(last.seq, last.hash)])


def test_a_chain_made_anew_is_found_by_a_witness(log):
    assert "Event 2 is not the one that a witness saw." in audit.verify([(2, "0" * 64)])


def test_nothing_can_follow_a_gap(unprotected, now):
    AuditHead.objects.update(seq=99)
    append_only.protect(connection)
    with pytest.raises(DatabaseError), transaction.atomic():
        audit.append("odd", actor=None, subject=AuditHead.objects.get(), data={}, now=now)


def test_an_event_lives_and_dies_with_what_it_tells(log, pep, now):
    before = AuditEvent.objects.count()
    with transaction.atomic():
        audit.append("odd", actor=None, subject=pep, data={}, now=now)
        transaction.set_rollback(True)
    assert AuditEvent.objects.count() == before
    assert audit.verify() == []


def test_whatever_text_people_type_seals_and_reads_back(db, now):
    data = {"text": 'nul \x00, half \ud800, quote " and \u202e', "moment": now, "many": (1, True, None, 1.5)}
    event = audit.append("odd", actor=None, subject=a_pep(), data=data, now=now)
    event.refresh_from_db()
    assert audit.seal(event) == event.hash
    assert audit.verify() == []


def test_the_export_can_be_verified_by_anybody(log, capsys):
    call_command("audit", "export")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["seq"] for row in rows] == list(range(1, log.count()))  # the last one is about this export
    assert all(later["previous"] == earlier["hash"] for earlier, later in pairwise(rows))


def test_verify_says_that_it_holds(log, capsys):
    call_command("audit", "verify", "--no-peps", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["seq"], told["hash"]) == (True, log.last().seq, log.last().hash)


def test_verify_fails_where_it_does_not(unprotected):
    with pytest.raises(CommandError, match="trigger"):
        call_command("audit", "verify", "--no-peps")


def test_history_outlives_what_it_speaks_of(log):
    assert not [field for field in AuditEvent._meta.get_fields() if field.is_relation]
    assert NOW in set(log.values_list("at", flat=True))
