"""Where the audit log ended is kept on the PEPs, and a log that no longer fits what they saw is found out."""

import pytest
from django.db import connection

from enforcement.models import PepStatus
from enforcement.transport import ask_for_witnesses
from enrollment import audit
from enrollment.models import AuditEvent, AuditHead
from tests.conftest import append_only

pytestmark = [pytest.mark.django_db, pytest.mark.lab]


def cut_off(after):
    """Cut the log off, and its head with it, as whoever owns the database can."""
    append_only.lift(connection)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM enrollment_auditevent WHERE seq > %s", [after])
    last = AuditEvent.objects.filter(seq=after).first()
    AuditHead.objects.update(seq=after, hash=last.hash if last else audit.GENESIS)
    append_only.protect(connection)


def alarms():
    return list(AuditEvent.objects.filter(verb="pep.alarm").values_list("data", flat=True))


@pytest.fixture
def witnessed(world):
    """A PEP that holds a grant, and has seen the log up to where it ends now."""
    world.grant()
    world.reconcile()
    world.reconcile()
    return audit.end()


def test_the_grant_is_witnessed_before_it_is_in_force(world):
    world.grant()
    before = audit.end()
    world.reconcile()
    assert ask_for_witnesses("pep-1") == (before,)


def test_a_pass_with_nothing_new_moves_nothing(world, witnessed):
    seen = ask_for_witnesses("pep-1")
    assert seen[-1] == witnessed
    world.reconcile()
    assert (ask_for_witnesses("pep-1"), audit.end()) == (seen, witnessed)


def test_a_database_restored_from_yesterday_becomes_visible_by_itself(world, witnessed):
    cut_off(witnessed[0] - 4)
    outcome = world.reconcile()
    assert f"alarm: the audit log once reached event {witnessed[0]}" in outcome.error
    assert (len(alarms()), PepStatus.objects.filter(error__contains="alarm: ").count()) == (1, 1)


def test_an_alarm_is_one_event_however_often_it_is_heard(world, witnessed):
    cut_off(witnessed[0] - 4)
    [world.reconcile() for _ in range(3)]
    assert len(alarms()) == 1
