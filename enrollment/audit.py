"""The audit log: append, verify, export. Each event seals the one before it.

An event is written in the transaction of what it tells, or neither happens. The chain's
end is one row that an append takes first, so events have no gaps and no two orders.
Take it last in a transaction: everybody waits for it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import connection, models, transaction

from enrollment.models import AuditEvent, AuditHead, User

GENESIS = "0" * 64
COLUMNS = ("seq", "at", "verb", "actor_id", "actor", "subject_type", "subject_id", "subject", "data", "previous")
TRIGGERS = frozenset({"audit_append", "audit_no_update", "audit_no_delete", "review_of_the_request"})
MORE_TRIGGERS = {"postgresql": frozenset({"audit_no_truncate"}), "sqlite": frozenset({"review_of_the_request_still"})}
SYSTEM = "the system"


@transaction.atomic
def append(verb: str, *, actor: User | None, subject: models.Model, data: Mapping[str, Any], now: datetime) -> AuditEvent:
    """Add one event at the end of the chain. `actor` None is the system itself."""
    head, _new = AuditHead.objects.select_for_update().get_or_create(pk=1, defaults={"seq": 0, "hash": GENESIS})
    event = AuditEvent(
        seq=head.seq + 1,
        at=now.astimezone(UTC),
        verb=verb,
        actor_id=actor.pk if actor else None,
        actor=str(actor)[:200] if actor else SYSTEM,
        subject_type=str(subject._meta.model_name),
        subject_id=subject.pk,
        subject=str(subject)[:200],
        data=plain(data),
        previous=head.hash,
    )
    event.hash = seal(event)
    event.save(force_insert=True)
    AuditHead.objects.filter(pk=1).update(seq=event.seq, hash=event.hash)
    return event


def end() -> tuple[int, str]:
    """Return number and seal of the last event: whoever keeps them elsewhere is a witness."""
    head = AuditHead.objects.filter(pk=1).first()
    return (head.seq, head.hash) if head else (0, GENESIS)


def seal(event: AuditEvent) -> str:
    """Return the SHA-256 over the canonical JSON of all columns but the hash; `previous` among them chains."""
    row = {column: plain(getattr(event, column)) for column in COLUMNS}
    return hashlib.sha256(json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()).hexdigest()


def verify(witnesses: Iterable[tuple[int, str]] = ()) -> list[str]:
    """Return every problem in words; none means that the chain holds.

    A witness is a (seq, hash) kept outside the database: it shows a tail that was cut off
    together with the head, or a database restored from yesterday.
    """
    lacking = (TRIGGERS | MORE_TRIGGERS[connection.vendor]) - _triggers()
    problems = [f"The trigger {name} is missing or switched off: the table is not protected." for name in sorted(lacking)]
    seq, previous, told = 0, GENESIS, set(witnesses)
    seen = dict(told)
    problems += [f"Witnesses disagree about event {number}: at most one is right." for number, seal in sorted(told) if seen[number] != seal]
    for event in AuditEvent.objects.order_by("seq").iterator(chunk_size=2000):
        if event.seq != seq + 1:
            problems.append(f"Events {seq + 1} to {event.seq - 1} are missing.")
        if event.previous != previous:
            problems.append(f"Event {event.seq} does not follow the event before it.")
        if event.hash != seal(event):
            problems.append(f"Event {event.seq} was changed after it was written.")
        if seen.pop(event.seq, event.hash) != event.hash:
            problems.append(f"Event {event.seq} is not the one that a witness saw.")
        seq, previous = event.seq, event.hash
    problems += [f"Event {missing}, which a witness saw, is missing." for missing in sorted(seen) if missing > seq]
    return problems + _head_problems(seq, previous)


def export(since: int = 1) -> Iterator[str]:
    """Yield the events from number `since` on, oldest first, one line of JSON each, with their hashes."""
    for event in AuditEvent.objects.filter(seq__gte=since).order_by("seq").iterator(chunk_size=2000):
        row = {column: plain(getattr(event, column)) for column in COLUMNS}
        yield json.dumps({**row, "hash": event.hash}, sort_keys=True, ensure_ascii=True)


def plain(value: object) -> Any:  # noqa: ANN401 - JSON has no better type
    """Turn a value into what JSON gives back unchanged on every database: a fraction becomes text, NUL a sign for itself."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, str):
        return str(value).replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    message = f"An audit event cannot hold a {type(value).__name__}."
    raise TypeError(message)


def instant(moment: datetime) -> str:
    """Print an instant so that it sorts as text and reads back exactly."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _head_problems(seq: int, last: str) -> list[str]:
    try:
        head = AuditHead.objects.get(pk=1)
    except ObjectDoesNotExist:
        return ["The head of the chain is missing."] if seq else []
    if head.seq > seq:
        return [f"Events {seq + 1} to {head.seq} are missing from the end."]
    return [] if (head.seq, head.hash) == (seq, last) else ["The head of the chain does not match the last event."]


def _triggers() -> set[str]:
    """Return the triggers that fire here: on PostgreSQL one may also be kept for replicas alone, or stand on another table."""
    postgresql = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
        " AND tgrelid IN ('enrollment_auditevent'::regclass, 'enrollment_review'::regclass)"
    )
    with connection.cursor() as cursor:
        cursor.execute(postgresql if connection.vendor == "postgresql" else "SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return {name for (name,) in cursor.fetchall()}
