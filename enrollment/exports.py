"""The audit log, requests, grants and answers, and reports, as files: CSV for people with spreadsheets, JSON Lines for programs.

Whoever takes such a file along takes names along, so taking it is an event itself. The
event is written before the first row goes out: a file that breaks off was begun all the same.
In CSV an instant is written as every spreadsheet reads it, in UTC and under a heading that
says so; JSON Lines has it exactly.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.db.models import Max, Model, QuerySet

from enrollment import audit, cells, facts
from enrollment.approvers import Approver
from enrollment.chain import COLUMNS
from enrollment.facts import Reach
from enrollment.models import AccessRequest, AuditEvent, Grant, Review, User
from enrollment.sentences import SEVERAL

Row = Mapping[str, Any]
FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}
CHUNK = 2000
INSTANTS = frozenset(  # columns of this name hold instants, or lists of them
    {
        *("answer_by", "answered_at", "asked_at", "at", "authorised_until", "closed_at", "cut_off_at", "ended_at", "ends_at", "gone_at"),
        *("heard_at", "in_force_at", "in_force_since", "starts_at", "turn_at", "unsure_since"),
    }
)


@dataclass(frozen=True)
class Export:
    """What one kind of row looks like in a file."""

    name: str
    columns: tuple[str, ...]
    read: Callable[[QuerySet[Any]], QuerySet[Any]]
    row: Callable[[Any], Row]


@dataclass(frozen=True)
class Report:
    """What a report looks like in a file."""

    name: str
    columns: tuple[str, ...]


def request_row(asked: Any) -> Row:  # noqa: ANN401 - an AccessRequest, with what REQUESTS reads along
    """Return a request with what became of it, and who answered."""
    grant = getattr(asked, "grant", None)
    return {
        "request": asked.pk,
        "user": str(asked.requester),
        "email": asked.requester.email,
        "resource": asked.resource.slug,
        "devices": [device.name for device in asked.devices.all()],
        "state": asked.state,
        "seconds": asked.seconds,
        "starts_at": audit.plain(asked.starts_at),
        "reason": asked.reason,
        "ticket": asked.ticket,
        "asked_at": audit.plain(asked.created_at),
        "answer_by": audit.plain(asked.answer_by),
        "closed_at": audit.plain(asked.closed_at),
        "closed_by": addressed(asked.closed_by) if asked.closed_by else None,
        **answers(asked),
        "policy": str(asked.policy_version),
        "is_break_glass": asked.is_break_glass,
        "extends": asked.extends_id,
        "grant": grant.pk if grant else None,
    }


def answers(asked: AccessRequest) -> Row:
    """Return who said what. Whoever reviews emergency access after the fact has approved nothing."""
    found: dict[str, list[str]] = {"approve": [], "deny": [], "justified": [], "not_justified": []}
    for review in asked.reviews.all():
        stead = f" in the stead of {addressed(review.on_behalf_of)}" if review.on_behalf_of else ""
        found[finding(review)].append(f"{addressed(review.reviewer)}{stead}")
    return {
        "approved_by": found["approve"],
        "denied_by": found["deny"],
        "found_justified_by": found["justified"],
        "found_not_justified_by": found["not_justified"],
    }


def addressed(user: User) -> str:
    """Name somebody so that nobody else of that name is meant."""
    return f"{user} <{user.email}>" if user.email else str(user)


def grant_row(grant: Any) -> Row:  # noqa: ANN401 - enforcement's rows are read through the relation, not imported
    """Return a grant with what was asked, who has it, how it ended, and whether a device was heard meanwhile."""
    rows, cut = grant.enforcements.all(), facts.cut_of(grant) if grant.state != Grant.State.REVOKED else None
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
        "cut_off_at": audit.plain(cut.at) if cut else None,
        "cut_off_why": audit.plain(cut.why) if cut else None,
        "request": grant.request_id,
        "reason": grant.request.reason,
        "ticket": grant.request.ticket,
        **answers(grant.request),
        "policy": str(grant.policy_version),
        "is_break_glass": grant.is_break_glass,
        "review_due": grant.review_due,
        "in_force_at": audit.plain(min((row.in_force_at for row in rows if row.in_force_at), default=None)),
        "heard_at": audit.plain(max((row.heard_at for row in rows if row.heard_at), default=None)),
    }


def finding(review: Review) -> str:
    """Name what was answered: whoever reviewed emergency access has approved nothing, and denied nothing."""
    if not review.is_of_emergency:
        return str(review.verdict)
    return "justified" if review.verdict == Review.Verdict.APPROVE else "not_justified"


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
        "verdict": finding(review),
        "at_most_seconds": review.seconds,
        "comment": review.comment,
        "asked_at": audit.plain(review.request.created_at),
        "turn_at": audit.plain(review.turn_at),
        "answered_at": audit.plain(review.created_at),
        "took_seconds": int((review.created_at - review.turn_at).total_seconds()),
        "is_break_glass": review.request.is_break_glass,
    }


def reach_row(reach: Reach, grants: Sequence[Grant]) -> Row:
    """Return what one device could reach, where it was held, and by what right: `grants` are those that there are rows of."""
    said = [answers(grant.request) for grant in grants]
    return {
        "user": reach.user,
        "user_id": reach.user_id,
        "device": reach.device,
        "device_id": reach.device_id,
        "resource": reach.resource,
        "resource_id": reach.resource_id,
        "authorised_until": audit.plain(reach.until),
        "in_force_on": [each.pep for each in reach.held],
        "in_force_since": [audit.plain(each.since) for each in reach.held],
        "unsure_since": [audit.plain(each.unsure_since) for each in reach.held],
        "gone_at": [audit.plain(each.gone_at) for each in reach.held],
        "grants": list(reach.grants),
        "requests": [grant.request_id for grant in grants],
        **{name: list(dict.fromkeys(who for each in said for who in each[name])) for name in ANSWERS},
        "is_break_glass": bool(reach.break_glass),
    }


ANSWERS = ("approved_by", "denied_by", "found_justified_by", "found_not_justified_by")
GRANTS = Export(
    "grants",
    (
        *("grant", "user", "email", "resource", "devices", "state", "starts_at", "ends_at", "ended_at", "ended_by", "end_reason"),
        *("cut_off_at", "cut_off_why", "request", "reason", "ticket", *ANSWERS, "policy", "is_break_glass", "review_due"),
        *("in_force_at", "heard_at"),
    ),
    lambda rows: rows.select_related("user", "resource", "ended_by", "request", "policy_version__policy").prefetch_related(
        "devices", "enforcements", "request__reviews__reviewer", "request__reviews__on_behalf_of"
    ),
    grant_row,
)
REQUESTS = Export(
    "requests",
    (
        *("request", "user", "email", "resource", "devices", "state", "seconds", "starts_at", "reason", "ticket", "asked_at", "answer_by"),
        *("closed_at", "closed_by", *ANSWERS, "policy", "is_break_glass", "extends", "grant"),
    ),
    lambda rows: (
        rows.select_related("requester", "resource", "policy_version__policy", "closed_by", "grant")
        .prefetch_related(None)
        .prefetch_related("devices", "reviews__reviewer", "reviews__on_behalf_of")
    ),
    request_row,
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
APPROVERS = Report("approvers", (*(each.name for each in fields(Approver)), "group", "lapsed"))
REACH = Report(
    "reach",
    (
        *("at", "user", "user_id", "device", "device_id", "resource", "resource_id", "authorised_until"),
        *("in_force_on", "in_force_since", "unsure_since", "gone_at", "grants", "requests", *ANSWERS, "is_break_glass"),
    ),
)
EVENTS = Export("audit", (*COLUMNS, "hash"), lambda rows: rows, audit.row_of)


def begin(export: Export, rows: QuerySet[Any], *, actor: User | None, kind: str, chosen: str, now: datetime) -> Iterator[str]:
    """Write down who takes what, then return the text to send: the rows there are now, oldest first. `chosen` is the filter."""
    last = rows.aggregate(last=Max("pk"))["last"] or 0
    fixed = rows.filter(pk__lte=last)
    _tell(export.name, fixed.count(), actor=actor, kind=kind, chosen=chosen, now=now)
    found = export.read(fixed).order_by("pk").iterator(chunk_size=CHUNK)
    return written(map(export.row, found), export.columns, kind)


def begin_report(report: Report, rows: Iterable[Row], count: int, *, actor: User, kind: str, chosen: str, now: datetime) -> Iterator[str]:
    """Do the same for a report that was added up already, with its number of rows."""
    _tell(report.name, count, actor=actor, kind=kind, chosen=chosen, now=now)
    return written(rows, report.columns, kind)


def written(rows: Iterable[Row], columns: tuple[str, ...], kind: str) -> Iterator[str]:
    """Yield the lines of a file."""
    if kind == "csv":
        yield cells.BEGINNING + cells.line(f"{name}_utc" if name in INSTANTS else name for name in columns)
    for row in rows:
        yield cells.line(_flat(name, row[name]) for name in columns) if kind == "csv" else json.dumps(row, sort_keys=True) + "\n"


def _tell(name: str, count: int, *, actor: User | None, kind: str, chosen: str, now: datetime) -> None:
    data = {"what": name, "as": kind, "filter": chosen[:1000], "rows": count}
    audit.append("audit.exported", actor=actor, subject=_subject(actor), data=data, now=now)


def _flat(name: str, value: object) -> object:
    """Return what a cell holds: of several values a list that people read, of an instant what spreadsheets take for one."""
    if isinstance(value, list | tuple):
        return SEVERAL.join(str(_flat(name, each) or "-") for each in value)
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True, ensure_ascii=False)
    return f"{value[:10]} {value[11:19]}" if name in INSTANTS and isinstance(value, str) else value


def _subject(actor: User | None) -> Model:
    """Return what the event is about: whoever takes the file, or the end of the log where that is the system."""
    return actor or AuditEvent.objects.order_by("-seq").first() or AuditEvent(seq=0, verb="nothing")
