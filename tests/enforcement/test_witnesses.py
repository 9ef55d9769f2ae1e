"""Where the audit log ended is kept on the PEPs, and a log that no longer fits what they saw is found out."""

import json
from contextlib import suppress
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from enforcement.models import PepStatus
from enforcement.tasks import verify_log
from enforcement.transport import ask_for_witnesses
from enrollment import audit
from enrollment.models import AuditCheck, AuditEvent, AuditHead
from tests import factories
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
    assert ask_for_witnesses("pep-1", world.gateway.agent_argv) == (before,)


def test_a_pass_with_nothing_new_moves_nothing(world, witnessed):
    seen = ask_for_witnesses("pep-1", world.gateway.agent_argv)
    assert seen[-1] == witnessed
    world.reconcile()
    assert (ask_for_witnesses("pep-1", world.gateway.agent_argv), audit.end()) == (seen, witnessed)


def test_what_the_worker_finds_each_day_is_noted_with_who_agreed(world, witnessed):
    verify_log()
    cut_off(witnessed[0] - 4)
    verify_log()
    broken, sound = AuditCheck.objects.all()
    assert (sound.seq, sound.problems, sound.warnings, sound.by) == (witnessed[0], [], [], audit.SYSTEM)
    assert sound.witnesses >= 1
    assert broken.problems[-1] == f"Event {witnessed[0]}, which pep-1 saw, is missing."


def test_a_database_restored_from_yesterday_becomes_visible_by_itself(world, witnessed):
    cut_off(witnessed[0] - 4)
    outcome = world.reconcile()
    assert f"alarm: the audit log once reached event {witnessed[0]}" in outcome.error
    assert (len(alarms()), PepStatus.objects.filter(error__contains="alarm: ").count()) == (1, 1)


def test_an_alarm_is_one_event_however_often_it_is_heard(world, witnessed):
    cut_off(witnessed[0] - 4)
    [world.reconcile() for _ in range(3)]
    assert len(alarms()) == 1


def rewrite():
    """Change an event and seal the rest of the chain anew, so that it holds by itself."""
    append_only.lift(connection)
    previous = audit.GENESIS
    for event in AuditEvent.objects.order_by("seq"):
        event.actor, event.previous = event.actor.replace("Bob", "Erin"), previous
        previous = event.hash = audit.seal(event)
        event.save()
    AuditHead.objects.update(hash=previous)
    append_only.protect(connection)


def verified(*arguments):
    """Return what `audit verify` names, and what it says beside."""
    out = StringIO()
    with suppress(CommandError):
        call_command("audit", "verify", "--json", *arguments, stdout=out)
    return json.loads(out.getvalue())


class TestVerify:
    """Each way to falsify history is named: what the chain itself cannot show, by what the PEP saw."""

    def test_a_log_that_nobody_touched_agrees_with_the_pep(self, witnessed):
        told = verified()
        assert (told["ok"], told["warnings"], told["witnesses"] >= 2) == (True, [], True)

    def test_rewritten_and_sealed_anew(self, witnessed):
        rewrite()
        assert verified("--no-peps")["ok"]
        assert f"Event {witnessed[0]} is not the one that pep-1 saw." in verified()["problems"]

    def test_emptied(self, witnessed):
        cut_off(0)
        assert verified("--no-peps")["ok"]
        assert f"Event {witnessed[0]}, which pep-1 saw, is missing." in verified()["problems"]

    def test_its_tail_cut_off(self, witnessed):
        cut_off(witnessed[0] - 1)
        assert verified("--no-peps")["ok"]
        assert verified()["problems"] == [f"Event {witnessed[0]}, which pep-1 saw, is missing."]

    def test_unprotected(self, witnessed):
        append_only.lift(connection)
        problems = verified()["problems"]
        append_only.protect(connection)
        assert "The trigger audit_no_delete is missing or switched off: the table is not protected." in problems

    def test_restored_from_yesterday(self, world, witnessed):
        before = witnessed[0] - 3
        cut_off(before)
        world.reconcile()
        [factories.a_person(f"person {number}", now=timezone.now()) for number in range(5)]
        world.reconcile()  # the log is longer again than the PEP has seen it: no alarm any more, and still another log
        assert "alarm" not in world.status().error
        assert f"Event {witnessed[0]} is not the one that pep-1 saw." in verified()["problems"]

    def test_a_pep_that_cannot_be_asked_is_named_and_proves_nothing(self, witnessed, settings):
        settings.PEP_ARGV = {}
        told = verified()
        assert (told["ok"], told["warnings"][0].startswith("pep-1 could not be asked")) == (True, True)

    def test_a_pep_that_is_switched_off_is_not_asked(self, world, witnessed, settings):
        settings.PEP_ARGV = {}
        type(world.pep).objects.update(is_enabled=False)
        assert verified()["warnings"] == []

    def test_the_page_of_the_admin_asks_the_peps_too(self, witnessed, client):
        client.force_login(factories.a_person("carol"))
        page = client.post("/admin/enrollment/auditevent/verify/").content.decode()
        assert "witnesses outside the database agree" in page
        cut_off(witnessed[0] - 1)
        page = client.post("/admin/enrollment/auditevent/verify/").content.decode()
        assert f"Event {witnessed[0]}, which pep-1 saw, is missing." in page
