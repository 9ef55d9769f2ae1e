"""One pass over one PEP: take the turn, read the facts, ask, write down what its kernel held.

Nothing here trusts an earlier pass, a message or a clock alone: running it twice is the
same as once, a pass that fails leaves a due date and a sentence, and a pass that was
overtaken writes nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection, transaction

from enforcement import record, rows, turns, ways
from enforcement.desired import Desired, compile_state
from enforcement.models import Enforcement
from enforcement.pep.state import StateError, digest, to_json
from enforcement.receipts import Hello
from enforcement.transport import Answer, TransportError, ask
from enforcement.turns import Turn
from enrollment import audit, facts
from enrollment.models import Device, Pep
from enrollment.sentences import kept, say
from enrollment.values import PepFacts

CONTRADICTION = kept("What is wanted contradicts itself: {error}")
ANOTHER_DOCUMENT = kept("{pep} answered about another document")
TOO_SLOW = kept("this pass over {pep} took too long: the next one starts anew")
LONGEST_LEASE = 90 * 86400  # as the agent has it: more would have the whole document refused

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a pass went: an empty error means that the PEP holds all that is wanted, and nothing else."""

    error: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """What one pass is about: read in one snapshot, after the turn was taken. `scope` None: everything."""

    pep: Pep
    desired: Desired
    rows: list[Enforcement]
    witness: tuple[int, str]  # the end of the audit log then
    touched: Mapping[int, int] = field(default_factory=dict)  # the device, by the row that asked for a look at it
    scope: tuple[str, ...] | None = None  # the addresses of these devices


@dataclass(frozen=True, slots=True)
class Elapsed:
    """A clock that starts with the `now` it is given, so that one pass asks for the time once."""

    began: datetime
    since: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return self.began + timedelta(seconds=time.monotonic() - self.since)


def reconcile(pep_id: int, now: datetime) -> Outcome | None:
    """Do one pass if the PEP is due and nobody is at it; None says that there was nothing to do."""
    turn = turns.take(pep_id, now)
    if turn is None:
        return None
    clock = Elapsed(now)
    try:
        reading = read(turn, now)
    except StateError as error:
        return Outcome(*record.unread(turn, say(CONTRADICTION, error=str(error)), clock.now()))
    try:
        answer = ask(reading.pep.name, ways.to(reading.pep), lambda hello: document(turn, reading, hello, clock.now()))
        _insist_on(reading, answer)
    except TransportError as error:
        log.warning("%s", error)
        return Outcome(*record.unreached(turn, reading.pep, reading.desired, reading.rows, str(error), clock.now(), agent=error.agent))
    return Outcome(*record.reached(turn, reading.pep, reading.desired, reading.rows, answer, clock.now(), served=reading.touched))


def _insist_on(reading: Reading, answer: Answer) -> None:
    if answer.receipt.document != digest(reading.desired.state):
        raise TransportError(say(ANOTHER_DOCUMENT, pep=reading.pep.name))


def read(turn: Turn, now: datetime) -> Reading:
    """Read what is wanted, and open its rows, in one snapshot."""
    with _snapshot():
        pep, touched = Pep.objects.get(pk=turn.pep_id), turns.touched(turn.pep_id)
        devices = None if turn.is_whole else frozenset(touched.values())
        desired = want(pep, now, devices)
        opened = rows.open_rows(pep, desired, now, devices)
        return Reading(pep, desired, opened, audit.end(), touched, None if devices is None else _addresses(devices))


def want(pep: Pep, now: datetime, devices: Iterable[int] | None = None) -> Desired:
    """Return what the PEP must hold, of these devices or of all. One that is switched off must hold nothing."""
    return compile_state(facts.for_pep(pep, now, devices) if pep.is_enabled else PepFacts(), now)


def _addresses(devices: Iterable[int]) -> tuple[str, ...]:
    """Return the addresses that are these devices' still: one that rests is, one that went to another device is not."""
    kept = Device.objects.filter(pk__in=list(devices), address_freed_at=None).order_by("pk")
    return tuple(address for device in kept for address in device.addresses)


def document(turn: Turn, reading: Reading, hello: Hello, now: datetime) -> Mapping[str, object]:
    """Return the request that carries the turn's generation. A turn that has run out carries nothing any more."""
    if now >= turn.busy_until:
        raise TransportError(say(TOO_SLOW, pep=reading.pep.name))
    return {
        "verb": "apply",
        "version": 1,
        "pep": reading.pep.name,
        "generation": turn.generation,
        "nonce": hello.nonce,
        "sent_at": now.timestamp(),
        "lease": min(reading.pep.lease_seconds, LONGEST_LEASE),
        "scope": None if reading.scope is None else {"devices": list(reading.scope), "resources": []},
        "state": to_json(reading.desired.state),
        "witness": list(reading.witness),
    }


@contextmanager
def _snapshot() -> Iterator[None]:
    nested = connection.in_atomic_block  # then the transaction around us decides
    with transaction.atomic():
        if connection.vendor == "postgresql" and not nested:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
