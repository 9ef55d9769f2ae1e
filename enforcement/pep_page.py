"""What the admin's page of one PEP says: how it is, what it lacks and why, and what was done to it by hand.

Read in a fixed number of queries, whatever the PEP holds; nothing here decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from enforcement.alarms import NO_END
from enforcement.fitness import why_skewed, why_too_old
from enforcement.models import Alarm, Drift, Enforcement, PepStatus, Receipt
from enrollment.durations import seconds_in_words
from enrollment.models import AuditEvent, Pep
from enrollment.moments import in_words
from enrollment.sentences import joined, recalled, say

MOST_ROWS = 50
MOST_DRIFTS = 10
State = Enforcement.State
OUTCOMES = {
    "applied": say("applied"),
    "unchanged": say("unchanged"),
    "removals only": say("removals only"),
    "refused": say("refused"),
}


@dataclass(frozen=True)
class PepPage:
    """All of it. `obstacles` are what somebody must look at, in words."""

    pep: Pep
    status: PepStatus
    obstacles: Sequence[str]
    alarms: Sequence[Alarm]
    receipt: Receipt | None
    outcome: str
    rows: Sequence[Enforcement]
    has_more_rows: bool
    drifts: Sequence[Drift]
    changed: AuditEvent | None
    changed_by: str
    clock: str
    lease: str
    lock_words: str


def page_of(status: PepStatus) -> PepPage:
    """Return what to show of a PEP."""
    pep = status.pep
    receipt = Receipt.objects.filter(pep=pep).first()
    rows = list(not_as_wanted(pep)[: MOST_ROWS + 1])
    changes = AuditEvent.objects.filter(subject_type="pep", subject_id=pep.pk, verb__in=("pep.added", "pep.changed"))
    changed = changes.order_by("-seq").first()
    return PepPage(
        pep=pep,
        status=status,
        obstacles=_obstacles(status),
        alarms=list(Alarm.objects.filter(pep=pep).exclude(since=None)),
        receipt=receipt,
        outcome=OUTCOMES.get(receipt.outcome, receipt.outcome) if receipt else "",
        rows=rows[:MOST_ROWS],
        has_more_rows=len(rows) > MOST_ROWS,
        drifts=list(Drift.objects.filter(pep=pep)[:MOST_DRIFTS]),
        changed=changed,
        changed_by=recalled(changed.actor) if changed else "",
        clock=_clock(status.skew_seconds),
        lease=_lease(status),
        lock_words=recalled(status.lock_words),
    )


def not_as_wanted(pep: Pep) -> QuerySet[Enforcement]:
    """Return what is wanted and not read to be in force, or was to end and is not read to be gone; the longest waiting first."""
    rows = Enforcement.objects.filter(pep=pep).exclude(state=State.GONE).exclude(state=State.IN_FORCE, error="")
    return rows.select_related("grant__user", "grant__resource", "device").order_by("wanted_at", "pk")


def _obstacles(status: PepStatus) -> tuple[str, ...]:
    reach: str = ""
    if status.unreached_since:
        reach = say(
            "Not reachable since {when}: {error}",
            when=in_words(status.unreached_since),
            error=recalled(status.error) if status.error else NO_END,
        )
    elif status.failing_since:
        reach = say(
            "It does not hold what is wanted since {when}: {error}", when=in_words(status.failing_since), error=recalled(status.error)
        )
    found = (reach or recalled(status.error), why_skewed(status.skew_seconds), why_too_old(status.pep.name, status.agent_version))
    return tuple(sentence for sentence in found if sentence)


def _clock(skew: float | None) -> str:
    if skew is None:
        return _("not compared yet")
    if abs(skew) < 1:
        return _("the same as the portal's, to a second")
    ahead_or_behind = _("%(off).1f s ahead of the portal's") if skew > 0 else _("%(off).1f s behind the portal's")
    return ahead_or_behind % {"off": abs(skew)}


def _lease(status: PepStatus) -> str:
    """Say how long a PEP that cannot be reached may keep access after a revoke: what it holds ends a lease after it was last renewed."""
    seconds = status.pep.lease_seconds
    if not seconds:
        return _("None: a PEP that cannot be reached keeps access after a revoke until its deadline.")
    words = say("A PEP that cannot be reached keeps access after a revoke for {lease} at most.", lease=seconds_in_words(seconds))
    if not status.unreached_since or not status.reached_at:
        return words
    end = status.reached_at + timedelta(seconds=seconds)
    return joined([words, say("What it holds now ends by {when}.", when=in_words(end))])
