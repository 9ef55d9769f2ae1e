"""Calls that run at the same moment, each on a connection of its own, and what must hold of the log afterwards."""

import threading
import time
from contextlib import contextmanager, nullcontext

from django.db import connection, transaction

from enrollment import audit, lifecycle
from enrollment.models import AccessRequest, AuditEvent, AuditHead, Device, Grant, Resource, User

ANSWERS = (lifecycle.Conflict, lifecycle.Refused)
SUBJECTS = {model._meta.model_name: model for model in (AccessRequest, Device, Grant)}
FINAL = {
    "accessrequest": {"approved", "denied", "cancelled", "lapsed", "withdrawn"},
    "grant": {"expired", "revoked"},
    "device": {"retired"},
}


def at_once(*calls, lined_up=False, in_order=False):
    """Run the calls at the same moment; return what each returned or raised.

    Lined up, none ends before all have read what they decide by: they wait at the end of the
    log, which every verb takes last, or behind one that does. In order, they come there one after the other.
    """
    barrier, outcomes = threading.Barrier(1 if in_order else len(calls)), [None] * len(calls)

    def run(number, call):
        barrier.wait()
        try:
            outcomes[number] = call()
        except Exception as error:  # noqa: BLE001 - an outcome like others
            outcomes[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    with _end_of_the_log() if lined_up or in_order else nullcontext():
        for number, thread in enumerate(threads, 1):
            thread.start()
            if in_order or (lined_up and number == len(threads)):
                _wait_until_all_wait(threads[:number])
    for thread in threads:
        thread.join()
    return outcomes


@contextmanager
def _end_of_the_log():
    """Hold it: nobody commits meanwhile."""
    with transaction.atomic():
        AuditHead.objects.select_for_update().get()
        yield


def _wait_until_all_wait(threads, seconds=20):
    until = time.monotonic() + seconds
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # within a transaction, it would go on showing the first one
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
            if cursor.fetchone()[0] >= sum(thread.is_alive() for thread in threads):
                return
            assert time.monotonic() < until, "somebody neither ends nor waits"
            time.sleep(0.002)


def won(outcomes):
    """Return how many of the calls did what they were for: a sweep says how many rows it moved, a verb raises where it did not."""
    return sum(not isinstance(outcome, Exception) and outcome != 0 for outcome in outcomes)


def events_of(subject, *verbs):
    found = AuditEvent.objects.filter(subject_type=subject._meta.model_name, subject_id=subject.pk).order_by("seq")
    return list(found.filter(verb__in=verbs) if verbs else found)


def check_log():
    """The chain holds, each state in it follows from the one before, nothing ends twice, and the last one is what the row has."""
    assert audit.verify() == []
    states = {}
    for event in AuditEvent.objects.filter(data__has_key="to").order_by("seq"):
        which = (event.subject_type, event.subject_id)
        before = states.get(which)
        assert before not in FINAL.get(event.subject_type, ()), f"{event} moves what had ended as {before}"
        assert event.data.get("from", before) == before or before is None, f"{event} says it was {event.data['from']}; it was {before}"
        states[which] = event.data["to"]
    for (kind, pk), state in states.items():
        if kind in SUBJECTS:
            assert SUBJECTS[kind].objects.get(pk=pk).state == state
    told = {pk for kind, pk in states if kind == "user" and states[kind, pk] == "disabled"}
    assert told == set(User.objects.filter(is_active=False).values_list("pk", flat=True))
    told = {pk for kind, pk in states if kind == "resource" and states[kind, pk] == "retired"}
    assert told == set(Resource.objects.exclude(retired_at=None).values_list("pk", flat=True))
