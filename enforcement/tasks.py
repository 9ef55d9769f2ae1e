"""Celery's names for the work on PEPs: ids only on the wire, so a forged or repeated message does nothing new.

The nudge may be lost; the sweep may not: a nudge only makes things fast, `sweep_due_peps`
makes them true. Correctness never hangs on the broker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from celery import shared_task
from django.conf import settings
from django.db import transaction

from enforcement import alarms, delays, lock_down, turns, witnesses
from enforcement.reconcile import Elapsed, reconcile
from enrollment import audit, clock, lifecycle

log = logging.getLogger(__name__)

LARGEST_ID = 2**63
HOUSEKEEPING: tuple[Callable[..., object], ...] = (
    lifecycle.activate_due,
    lifecycle.expire_due,
    lifecycle.lapse_due,
    lifecycle.free_addresses,
    lifecycle.forget_logout_tokens,
    lifecycle.forget_handovers,
    lifecycle.forget_refresh_tokens,
    lifecycle.forget_sessions,
    lock_down.give_up,
    alarms.judge,
    delays.tell_owners,
)


@shared_task(ignore_result=True, acks_late=True)
def reconcile_pep(pep_id: int) -> None:
    """Make one PEP hold what is wanted. Late, twice or never is safe: it reads everything anew, and the sweep asks too."""
    if type(pep_id) is not int or not 0 < pep_id < LARGEST_ID:
        return
    elapsed = Elapsed(clock.tick())
    outcome = reconcile(pep_id, elapsed.began)
    if outcome:
        _come_back(pep_id, outcome.due_at, elapsed.now())


@shared_task(ignore_result=True, acks_late=True)
def sweep_due_peps() -> None:
    """Do what time alone makes due, then ask for every PEP that is due. Safe at any time, and any number of times."""
    now = clock.tick()
    for keep in HOUSEKEEPING:
        try:
            keep(now=now)
        except Exception:
            log.exception("the sweep goes on without %s", getattr(keep, "__name__", keep))
    turns.ensure_statuses(now)
    _ask_for(turns.due(now))
    _send(lock_down_pep, lock_down.asked())


@shared_task(ignore_result=True, acks_late=True)
def lock_down_pep(pep_id: int) -> None:
    """Try the lock-down that an admin has asked for. Late, twice or never is safe: it looks whether it is asked for."""
    if type(pep_id) is int and 0 < pep_id < LARGEST_ID:
        lock_down.attempt(pep_id, clock.tick())


@shared_task(ignore_result=True, acks_late=True)
def verify_log() -> None:
    """Read the whole audit log, and note whether it holds. Late, twice or never is safe: it reads only, and the note says when."""
    heard = witnesses.of_peps()
    audit.verify_and_note(heard.witnesses, heard.warnings, by=audit.SYSTEM, now=clock.now())


def nudge_lock_down(pep_id: int) -> None:
    """Have a worker try it once the transaction has ended."""
    transaction.on_commit(lambda: _send(lock_down_pep, [pep_id]))


def nudge_peps(*, pep_ids: Iterable[int], device_ids: Iterable[int] | None = None, **_: object) -> None:
    """Write down what is to be looked at, and tell the workers. A broker that is down costs time until the sweep, and nothing else."""
    ids = frozenset(pep_ids)
    if device_ids is None:
        turns.mark_due(ids)
    else:
        turns.touch(ids, device_ids)
    _ask_for(sorted(ids))


def _come_back(pep_id: int, due_at: datetime, now: datetime) -> None:
    """Ask for the next pass where it is due before the next sweep would look."""
    wait = max(0.0, (due_at - now).total_seconds())
    if wait < settings.SWEEP_SECONDS:
        _ask_for([pep_id], wait)


def _ask_for(pep_ids: Iterable[int], wait: float = 0.0) -> None:
    _send(reconcile_pep, pep_ids, wait)


def _send(task: Any, pep_ids: Iterable[int], wait: float = 0.0) -> None:  # noqa: ANN401 - celery's tasks have no type
    try:
        for pep_id in pep_ids:
            task.apply_async((pep_id,), countdown=wait, retry=False)
    except Exception as error:  # noqa: BLE001 - whatever the broker's client raises, what was decided stands
        log.warning("the broker took no message, the next sweep will see to it: %s", error)
