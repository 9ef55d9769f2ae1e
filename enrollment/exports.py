"""The audit log, the grants, the answers and who gave them as files: CSV for people with spreadsheets, JSON Lines for programs.

Whoever takes such a file along takes names along, so taking it is an event itself. The
event is written before the first row goes out: a file that breaks off was begun all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, Model, QuerySet

from enrollment import audit, cells
from enrollment.chain import COLUMNS
from enrollment.models import AuditEvent, Review, User

Row = Mapping[str, Any]
FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
CHUNK = 2000


@dataclass(frozen=True)
class Export:
    """What one kind of row looks like in a file."""

    name: str
    columns: tuple[str, ...]
    read: Callable[[QuerySet[Any]], QuerySet[Any]]
    row: Callable[[Any], Row]


def grant_row(grant: Any) -> Row:  # noqa: ANN401 - enforcement's rows are read through the relation, not imported
    """Return a grant with what was asked, who has it, how it ended, and whether a device was heard meanwhile."""
    rows = grant.enforcements.all()
    return {
        "grant": grant.pk,
        "user": str(grant.user),
        "email": grant.user.email,
        "resource": grant.resource.slug,
        "devices": [device.name for device in grant.devices.all()],
        "state": grant.state,
        "starts_at": audit.plain(grant.starts_at),
        "ends_at": audit.plain(grant.ends_at),
        "ended_at": audit.plain(grant.ended_at),
        "ended_by": str(grant.ended_by) if grant.ended_by else None,
        "end_reason": grant.end_reason,
        "request": grant.request_id,
        "reason": grant.request.reason,
        "ticket": grant.request.ticket,
        "policy": str(grant.policy_version),
        "is_break_glass": grant.is_break_glass,
        "review_due": grant.review_due,
        "in_force_at": audit.plain(min((row.in_force_at for row in rows if row.in_force_at), default=None)),
        "heard_at": audit.plain(max((row.heard_at for row in rows if row.heard_at), default=None)),
    }


def review_row(review: Any) -> Row:  # noqa: ANN401 - a Review of `with_turn`
    """Return an answer with what it was about, and how long it took from when it was that person's turn."""
    return {
        "review": review.pk,
        "request": review.request_id,
        "requester": str(review.requester),
        "resource": review.request.resource.slug,
        "reviewer": str(review.reviewer),
        "reviewer_email": review.reviewer.email,
        "in_the_stead_of": str(review.on_behalf_of) if review.on_behalf_of else None,
        "group": review.stage.group.name if review.stage else None,
        "verdict": review.verdict,
        "at_most_seconds": review.seconds,
        "comment": review.comment,
        "asked_at": audit.plain(review.request.created_at),
        "turn_at": audit.plain(review.turn_at),
        "answered_at": audit.plain(review.created_at),
        "took_seconds": int((review.created_at - review.turn_at).total_seconds()),
        "is_break_glass": review.request.is_break_glass,
    }


GRANTS = Export(
    "grants",
    (
        *("grant", "user", "email", "resource", "devices", "state", "starts_at", "ends_at", "ended_at", "ended_by", "end_reason"),
        *("request", "reason", "ticket", "policy", "is_break_glass", "review_due", "in_force_at", "heard_at"),
    ),
    lambda rows: rows.select_related("user", "resource", "ended_by", "request", "policy_version__policy").prefetch_related(
        "devices", "enforcements"
    ),
    grant_row,
)
REVIEWS = Export(
    "answers",
    (
        *("review", "request", "requester", "resource", "reviewer", "reviewer_email", "in_the_stead_of", "group", "verdict"),
        *("at_most_seconds", "comment", "asked_at", "turn_at", "answered_at", "took_seconds", "is_break_glass"),
    ),
    lambda rows: (
        Review.objects.filter(pk__in=rows.values("pk"))
        .with_turn()
        .select_related("requester", "request__resource", "reviewer", "on_behalf_of", "stage__group")
    ),
    review_row,
)
EVENTS = Export("audit", (*COLUMNS, "hash"), lambda rows: rows, audit.row_of)


def begin(export: Export, rows: QuerySet[Any], *, actor: User | None, kind: str, chosen: str, now: datetime) -> Iterator[str]:
    """Write down who takes what, then return the text to send: the rows there are now, oldest first. `chosen` is the filter."""
    last = rows.aggregate(last=Max("pk"))["last"] or 0
    fixed = rows.filter(pk__lte=last)
    _tell(export.name, fixed.count(), actor=actor, kind=kind, chosen=chosen, now=now)
    found = export.read(fixed).order_by("pk").iterator(chunk_size=CHUNK)
    return written(map(export.row, found), export.columns, kind)


def begin_report(name: str, rows: Sequence[Row], *, actor: User, kind: str, chosen: str, now: datetime) -> Iterator[str]:
    """Do the same for a report that was added up already. `rows` have the same columns, and there is one at least."""
    _tell(name, len(rows), actor=actor, kind=kind, chosen=chosen, now=now)
    return written(rows, tuple(rows[0]), kind)


def written(rows: Iterable[Row], columns: tuple[str, ...], kind: str) -> Iterator[str]:
    """Yield the lines of a file."""
    if kind == "csv":
        yield cells.BEGINNING + cells.line(columns)
    for row in rows:
        yield cells.line(map(_flat, (row[name] for name in columns))) if kind == "csv" else json.dumps(row, sort_keys=True) + "\n"


def _tell(name: str, count: int, *, actor: User | None, kind: str, chosen: str, now: datetime) -> None:
    data = {"what": name, "as": kind, "filter": chosen[:1000], "rows": count}
    audit.append("audit.exported", actor=actor, subject=_subject(actor), data=data, now=now)


def _flat(value: object) -> object:
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if isinstance(value, dict | list | tuple) else value


def _subject(actor: User | None) -> Model:
    """Return what the event is about: whoever takes the file, or the end of the log where that is the system."""
    return actor or AuditEvent.objects.order_by("-seq").first() or AuditEvent(seq=0, verb="nothing")
