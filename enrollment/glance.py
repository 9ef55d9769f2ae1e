"""What auditors and admins find above the admin's tables: whether the log holds, and what somebody should look at.

That the log was found to hold is a note in the same database, and no proof; it says when
that was, up to which event, and who outside agreed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, QuerySet

from enrollment import audit
from enrollment.models import AccessRequest, AuditCheck, Grant, Pep

# Read through enforcement's relations: something is wrong there now, or nothing was ever read there.
TROUBLED = Q(alarms__since__isnull=False) | Q(status__unreached_since__isnull=False) | Q(status__reached_at=None)


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many there are, and for how many seconds the oldest."""

    count: int
    oldest: float


@dataclass(frozen=True, slots=True)
class Glance:
    """All of it at one moment."""

    check: AuditCheck | None
    events_since: int
    emergencies: Waiting
    unused: Waiting
    pending: Waiting
    gateways: tuple[Pep, ...]  # with an alarm, or never heard from


def look(now: datetime) -> Glance:
    """Read it, in few queries."""
    check = AuditCheck.objects.first()
    pending = AccessRequest.objects.filter(state=AccessRequest.State.PENDING, answer_by__gt=now)
    emergencies, unused = Grant.objects.filter(review_due=True), Grant.objects.live(now).unheard()
    return Glance(
        check=check,
        events_since=max(0, audit.end()[0] - check.seq) if check else 0,
        emergencies=_waiting(emergencies, "starts_at", now),
        unused=_waiting(unused, "starts_at", now),
        pending=_waiting(pending, "created_at", now),
        gateways=tuple(Pep.objects.filter(is_enabled=True).filter(TROUBLED).distinct().select_related("status").order_by("name")),
    )


def _waiting(rows: QuerySet[Any], began: str, now: datetime) -> Waiting:
    found = rows.order_by().aggregate(count=Count("pk"), since=Min(began))
    return Waiting(found["count"], (now - found["since"]).total_seconds() if found["since"] else 0)
