"""Whose turn a PEP is, and when the next one is due.

One conditional UPDATE takes the turn and draws the next generation, before the first
fact is read: single flight and order at once, on any database. A worker that stalls
with old facts holds an old generation, which neither the agent nor `finish` accepts.
A nudge marks the PEP due in the database, or writes down the devices it is about, so
neither a dead broker nor a pass under way loses it: `finish` ends only what its pass read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from enforcement.models import PepStatus, Touched
from enrollment.models import Pep

AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)  # no clock's opinion: the nudge may come from another machine
MARGIN_SECONDS = 10  # for our own reading and writing, beside the PEP's time limit
LONGEST_BACKOFF_SECONDS = 10  # with a sweep and a connection that times out: a PEP that is back holds what is wanted within 30 s
FURTHEST = timedelta(hours=1)  # above the longest turn, and the longest wait for one
MOST_TOUCHED = 500  # beyond that a look at everything costs no more


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to tell one PEP what must hold, under a generation that nobody else has: all of it, or for the devices touched."""

    pep_id: int
    generation: int
    began: datetime
    busy_until: datetime
    is_whole: bool = True


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


def touch(pep_ids: Iterable[int], device_ids: Iterable[int]) -> None:
    """Write down that these devices are to be looked at on these PEPs. Where that cannot be told apart, everything is."""
    peps, devices = frozenset(pep_ids), frozenset(device_ids)
    if PepStatus.objects.filter(pep_id__in=peps).count() < len(peps) or len(devices) > MOST_TOUCHED:
        mark_due(peps)
    else:
        Touched.objects.bulk_create(
            [Touched(pep_id=pep_id, device_id=device_id) for pep_id in sorted(peps) for device_id in sorted(devices)]
        )


def touched(pep_id: int) -> Mapping[int, int]:
    """Return the devices to be looked at, by the row that says so."""
    return dict(Touched.objects.filter(pep=pep_id).values_list("pk", "device_id"))


def due(now: datetime) -> list[int]:
    """Return the PEPs whose turn is due and free, the longest waiting first."""
    ready = PepStatus.objects.filter(_is_due(now) | Exists(_touched()), _is_free(now))
    return list(ready.order_by("due_at", "pk").values_list("pk", flat=True))


def take(pep_id: int, now: datetime) -> Turn | None:
    """Take the turn if it is due and free; None says that there is nothing to do, or that somebody is at it."""
    free = PepStatus.objects.filter(_is_free(now), pk=pep_id)
    busy_until = now + timedelta(seconds=settings.PEP_TIMEOUT_SECONDS + MARGIN_SECONDS)
    drawn: dict[str, object] = {"generation": F("generation") + 1, "busy_until": busy_until}
    with transaction.atomic():
        is_whole = bool(free.filter(_is_due(now)).update(**drawn, due_at=busy_until))
        if not is_whole and not free.filter(Exists(_touched())).update(**drawn):
            return None
        return Turn(pep_id, PepStatus.objects.values_list("generation", flat=True).get(pk=pep_id), now, busy_until, is_whole)


def finish(turn: Turn, *, due_at: datetime, served: Iterable[int] = (), **outcome: object) -> tuple[bool, datetime]:
    """Give the turn back and write down how it went: (whether it was still ours, when the next one is due).

    `served` are the rows of `touched` that need no further look. False: somebody took a
    later turn meanwhile, and whatever this one saw is old. Call it inside the transaction
    that records the rest, first.
    """
    ours = PepStatus.objects.filter(pk=turn.pep_id, generation=turn.generation)
    if not ours.update(busy_until=AT_ONCE, **outcome):
        return False, due_at
    Touched.objects.filter(pk__in=list(served)).delete()
    row: QuerySet[PepStatus] = PepStatus.objects.filter(pk=turn.pep_id)
    # a pass over some devices only leaves the one over everything where it was, or sooner
    mine = row.filter(due_at=turn.busy_until) if turn.is_whole else row.filter(due_at__gt=due_at)
    mine.update(due_at=due_at)
    if Touched.objects.filter(pep=turn.pep_id).exists():
        return True, AT_ONCE
    return True, row.values_list("due_at", flat=True).get()


def backoff(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row: 1, 2, 4, 8, 10, 10 ... seconds."""
    return timedelta(seconds=min(LONGEST_BACKOFF_SECONDS, 2 ** min(failures - 1, 10)))


def _is_due(now: datetime) -> Q:
    """Due; or due later than any pass says, which only a clock that was ahead can have written."""
    return Q(due_at__lte=now) | Q(due_at__gt=now + FURTHEST)


def _is_free(now: datetime) -> Q:
    """Nobody is at it; or until later than any turn lasts, as above."""
    return Q(busy_until__lte=now) | Q(busy_until__gt=now + FURTHEST)


def _touched() -> QuerySet[Touched]:
    return Touched.objects.filter(pep=OuterRef("pk"))
