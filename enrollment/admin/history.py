"""What the audit log says of one row, and of what belongs to it: newest first, a page at a time.

A page begins below a number, not at a place in the list: what happens meanwhile moves
nothing, and the last page costs no more than the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db import models
from django.db.models import Q
from django.urls import reverse

from enrollment.admin.asked import LONGEST_NUMBER
from enrollment.models import AuditEvent
from enrollment.sentences import spoken

PER_PAGE = 50
LONGEST_GIST = 300  # characters; the event's own page has all
IDS = frozenset({"request", "grant", "user", "device", "resource", "policy"})  # of rows that the event is about


class Subject(NamedTuple):
    """What events are about."""

    kind: str
    pk: int
    words: str

    @property
    def link(self) -> str:
        """Return the address of the audit log's own list of them, with its filters and its export."""
        query = urlencode({"subject_type": self.kind, "subject_id": self.pk})
        return f"{reverse('admin:enrollment_auditevent_changelist')}?{query}"


@dataclass(frozen=True)
class Told:
    """One event, for a line of the page."""

    event: AuditEvent

    @property
    def gist(self) -> str:
        return gist(self.event.data)


@dataclass(frozen=True)
class Page:
    """Some of the events; `older` is below which number the next page begins, None on the last."""

    events: Sequence[Told]
    older: int | None
    is_newest: bool


def subject_of(row: models.Model) -> Subject:
    words = f"{spoken(str(row._meta.verbose_name))}: {spoken(str(row))}"
    return Subject(str(row._meta.model_name), row.pk, words)


def page_of(subjects: Iterable[Subject], more: Q, before: int | None) -> Page:
    """Read one page, by the index of what events are about. One query."""
    about = reduce(or_, (Q(subject_type=each.kind, subject_id=each.pk) for each in subjects), more)
    newest_first = AuditEvent.objects.filter(about, *([Q(seq__lt=before)] if before else [])).order_by("-seq")
    found = list(newest_first[: PER_PAGE + 1])
    older = found[PER_PAGE - 1].seq if len(found) > PER_PAGE else None
    return Page([Told(event) for event in found[:PER_PAGE]], older, before is None)


def number_in(address: Mapping[str, Any]) -> int | None:
    """Return below which number an address wants the page to begin; None for the newest, and for what is no number."""
    text = str(address.get("before", ""))
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else None


def gist(data: Mapping[str, Any]) -> str:
    """Return what an event says in a line: what became of what, and each plain value. In English, as it was written."""
    parts = [f"{data['from']} → {data['to']}"] if data.get("from") and data.get("to") else []
    parts += [f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in data.items() if _is_plain(name, value)]
    line = "; ".join(parts)
    return line if len(line) <= LONGEST_GIST else line[: LONGEST_GIST - 1] + "…"


def _is_plain(name: str, value: object) -> bool:
    if name in IDS or name in {"from", "to"} or value in (None, "", [], False):
        return False
    return isinstance(value, str | int) or (isinstance(value, list) and all(isinstance(each, str) for each in value))


def _plain(value: object) -> str:
    if value is True:
        return "yes"
    return ", ".join(value) if isinstance(value, list) else str(value)
