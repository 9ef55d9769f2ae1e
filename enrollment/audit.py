"""The audit log: append, verify. Each event seals the one before it.

An event is written in the transaction of what it tells, or neither happens. The chain's
end is one row that an append takes first, so events have no gaps and no two orders.
Take it last in a transaction: everybody waits for it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, connection, models, transaction
from django.utils.translation import override

from enrollment import chain
from enrollment.chain import GENESIS, Witness
from enrollment.models import AuditCheck, AuditEvent, AuditHead, User
from enrollment.sentences import kept, say

TRIGGERS = frozenset({"audit_append", "audit_no_update", "audit_no_delete", "review_of_the_request"})
MORE_TRIGGERS = {"postgresql": frozenset({"audit_no_truncate"}), "sqlite": frozenset({"review_of_the_request_still"})}
SYSTEM = "the system"
NO_TRIGGER = kept("The trigger {name} is missing or switched off: the table is not protected.")
NO_END = kept("Events {first} to {last} are missing from the end.")

log = logging.getLogger("lychgate.audit")  # whoever ships it elsewhere has witnesses


@transaction.atomic
def append(verb: str, *, actor: User | None, subject: models.Model, data: Mapping[str, Any], now: datetime) -> AuditEvent:
    """Add one event at the end of the chain. `actor` None is the system itself."""
    head, _new = AuditHead.objects.select_for_update(no_key=True).get_or_create(pk=1, defaults={"seq": 0, "hash": GENESIS})
    with override(None):  # history is in English, in whichever language somebody works
        who, what = str(actor)[:200] if actor else SYSTEM, str(subject)[:200]
    event = AuditEvent(
        seq=head.seq + 1,
        at=now.astimezone(UTC),
        verb=verb,
        actor_id=actor.pk if actor else None,
        actor=who,
        subject_type=str(subject._meta.model_name),
        subject_id=subject.pk,
        subject=what,
        data=plain(data),
        previous=head.hash,
    )
    event.hash = seal(event)
    event.save(force_insert=True)
    AuditHead.objects.filter(pk=1).update(seq=event.seq, hash=event.hash)
    # ids only: what people typed has no place in a line that other programs read
    said = partial(log.info, "%d %s %s %s %s", event.seq, event.hash, event.verb, event.subject_type, event.subject_id)
    transaction.on_commit(said, robust=True)
    return event


def end() -> tuple[int, str]:
    """Return number and seal of the last event: whoever keeps them elsewhere is a witness."""
    head = AuditHead.objects.filter(pk=1).first()
    return (head.seq, head.hash) if head else (0, GENESIS)


def seal(event: AuditEvent) -> str:
    """Return what seals this event as it is now."""
    return chain.seal(row_of(event))


def verify(witnesses: Iterable[tuple[int, str] | Witness] = ()) -> list[str]:
    """Return every problem in words; none means that the chain holds.

    A witness is a (seq, hash) kept outside the database: it shows a tail that was cut off
    together with the head, or a database restored from yesterday.
    """
    lacking = (TRIGGERS | MORE_TRIGGERS[connection.vendor]) - _triggers()
    problems = [say(NO_TRIGGER, name=name) for name in sorted(lacking)]
    events = AuditEvent.objects.order_by("seq").iterator(chunk_size=2000)
    done = chain.check(map(row_of, events), (Witness(*each) for each in witnesses))
    return [*problems, *done.problems, *_head_problems(done.seq, done.hash)]


def verify_and_note(witnesses: Sequence[Witness], warnings: Sequence[str], *, by: str, now: datetime) -> AuditCheck:
    """Verify, and note what came of it for whoever looks. `warnings`: who could not be asked for a witness.

    Where the note cannot be kept, as in a database that may only be read, the answer is the same.
    """
    seq, last = end()
    problems = verify(witnesses)
    check = AuditCheck(at=now, by=by[:200], seq=seq, hash=last, witnesses=len(witnesses), problems=problems, warnings=list(warnings))
    try:
        with transaction.atomic():
            check.save()
    except DatabaseError:
        log.warning("what came of verifying the log could not be noted", exc_info=True)
    return check


def row_of(event: AuditEvent) -> dict[str, Any]:
    """Return an event as an export has it."""
    return {column: plain(getattr(event, column)) for column in (*chain.COLUMNS, "hash")}


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
        return [say("The head of the chain is missing.")] if seq else []
    if head.seq > seq:
        return [say(NO_END, first=seq + 1, last=head.seq)]
    return [] if (head.seq, head.hash) == (seq, last) else [say("The head of the chain does not match the last event.")]


def _triggers() -> set[str]:
    """Return the triggers that fire here: on PostgreSQL one may also be kept for replicas alone, or stand on another table."""
    postgresql = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
        " AND tgrelid IN ('enrollment_auditevent'::regclass, 'enrollment_review'::regclass)"
    )
    with connection.cursor() as cursor:
        cursor.execute(postgresql if connection.vendor == "postgresql" else "SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return {name for (name,) in cursor.fetchall()}
