"""Whose turn a PEP is, and when the next one is due.

One conditional UPDATE takes the turn and draws the next generation, before the first
fact is read: single flight and order at once, on any database. A worker that stalls
with old facts holds an old generation, which neither the agent nor `finish` accepts.

A nudge marks the PEP due "at once" in the database, so neither a dead broker nor a pass
that is under way loses it: `finish` moves `due_at` only if nobody did meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from enforcement.models import PepStatus
from enrollment.models import Pep

AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)  # no clock's opinion: the nudge may come from another machine
MARGIN_SECONDS = 10  # for our own reading and writing, beside the PEP's time limit
LONGEST_BACKOFF_SECONDS = 60
SOONEST_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to tell one PEP what must hold, under a generation that nobody else has."""

    pep_id: int
    generation: int
    began: datetime
    busy_until: datetime


def ensure_statuses(now: datetime) -> None:
    """Give every PEP its row; a new one is due at once."""
    lacking = Pep.objects.filter(status=None).values_list("pk", flat=True)
    rows = [PepStatus(pep_id=pk, busy_until=AT_ONCE, due_at=AT_ONCE) for pk in lacking]
    PepStatus.objects.bulk_create(rows, ignore_conflicts=True)


def mark_due(pep_ids: Iterable[int]) -> None:
    """Make the PEPs due at once, also those whose turn somebody has just now. Unknown ids are nobody's."""
    ids = frozenset(pep_ids)
    known = PepStatus.objects.filter(pep_id__in=ids)
    if known.update(due_at=AT_ONCE) == len(ids):
        return
    rows = [PepStatus(pep_id=pk, busy_until=AT_ONCE, due_at=AT_ONCE) for pk in Pep.objects.filter(pk__in=ids).values_list("pk", flat=True)]
    PepStatus.objects.bulk_create(rows, ignore_conflicts=True)


def due(now: datetime) -> list[int]:
    """Return the PEPs whose turn is due and free, the longest waiting first."""
    ready = PepStatus.objects.filter(due_at__lte=now, busy_until__lte=now)
    return list(ready.order_by("due_at", "pk").values_list("pk", flat=True))


def take(pep_id: int, now: datetime) -> Turn | None:
    """Take the turn if it is due and free; None says that there is nothing to do, or that somebody is at it."""
    busy_until = now + timedelta(seconds=settings.PEP_TIMEOUT_SECONDS + MARGIN_SECONDS)
    free = PepStatus.objects.filter(pk=pep_id, due_at__lte=now, busy_until__lte=now)
    with transaction.atomic():
        if not free.update(generation=F("generation") + 1, busy_until=busy_until, due_at=busy_until):
            return None
        return Turn(pep_id, PepStatus.objects.values_list("generation", flat=True).get(pk=pep_id), now, busy_until)


def finish(turn: Turn, *, due_at: datetime, **outcome: object) -> tuple[bool, datetime]:
    """Give the turn back and write down how it went: (whether it was still ours, when the next one is due).

    False: somebody took a later turn meanwhile, and whatever this one saw is old. Call it
    inside the transaction that records the rest, first.
    """
    ours = PepStatus.objects.filter(pk=turn.pep_id, generation=turn.generation)
    if not ours.update(busy_until=AT_ONCE, **outcome):
        return False, due_at
    row: QuerySet[PepStatus] = PepStatus.objects.filter(pk=turn.pep_id)
    if row.filter(due_at=turn.busy_until).update(due_at=due_at):
        return True, due_at
    return True, AT_ONCE


def backoff(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row: 1, 2, 4 ... 60 seconds."""
    return timedelta(seconds=min(LONGEST_BACKOFF_SECONDS, 2 ** min(failures - 1, 10)))
