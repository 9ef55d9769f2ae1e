"""The audit log and the grants as files: CSV for people with spreadsheets, JSON Lines for programs.

Whoever takes such a file along takes names along, so taking it is an event itself. The
event is written before the first row goes out: a file that breaks off was begun all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, Model, QuerySet

from enrollment import audit, cells
from enrollment.chain import COLUMNS
from enrollment.models import AuditEvent, Grant, User

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


def grant_row(grant: Grant) -> Row:
    """Return a grant with what was asked, who has it, and how it ended."""
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
    }


GRANTS = Export(
    "grants",
    (
        "grant",
        "user",
        "email",
        "resource",
        "devices",
        "state",
        "starts_at",
        "ends_at",
        "ended_at",
        "ended_by",
        "end_reason",
        "request",
        "reason",
        "ticket",
        "policy",
        "is_break_glass",
        "review_due",
    ),
    lambda rows: rows.select_related("user", "resource", "ended_by", "request", "policy_version__policy").prefetch_related("devices"),
    grant_row,
)
EVENTS = Export("audit", (*COLUMNS, "hash"), lambda rows: rows, audit.row_of)


def begin(export: Export, rows: QuerySet[Any], *, actor: User | None, kind: str, chosen: str, now: datetime) -> Iterator[str]:
    """Write down who takes what, then return the text to send: the rows there are now, oldest first. `chosen` is the filter."""
    last = rows.aggregate(last=Max("pk"))["last"] or 0
    fixed = rows.filter(pk__lte=last)
    count = fixed.count()
    data = {"what": export.name, "as": kind, "filter": chosen[:1000], "rows": count}
    audit.append("audit.exported", actor=actor, subject=_subject(actor), data=data, now=now)
    found = export.read(fixed).order_by("pk").iterator(chunk_size=CHUNK)
    return written(map(export.row, found), export.columns, kind)


def written(rows: Iterable[Row], columns: tuple[str, ...], kind: str) -> Iterator[str]:
    """Yield the lines of a file."""
    if kind == "csv":
        yield cells.BEGINNING + cells.line(columns)
    for row in rows:
        yield cells.line(map(_flat, (row[name] for name in columns))) if kind == "csv" else json.dumps(row, sort_keys=True) + "\n"


def _flat(value: object) -> object:
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if isinstance(value, dict | list | tuple) else value


def _subject(actor: User | None) -> Model:
    """Return what the event is about: whoever takes the file, or the end of the log where that is the system."""
    return actor or AuditEvent.objects.order_by("-seq").first() or AuditEvent(seq=0, verb="nothing")
