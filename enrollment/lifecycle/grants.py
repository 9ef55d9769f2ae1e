"""End a grant before its time. Never gated: not by policy, eligibility, or what became of anybody or anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from enrollment import audit, facts, notices
from enrollment.lifecycle.outcomes import conflict_over_grant, refuse_if
from enrollment.lifecycle.reach import devices_of, peps_of_resource
from enrollment.lifecycle.withdrawals import tell_withdrawn, withdraw
from enrollment.lifecycle.words import TEXT_LENGTH
from enrollment.models import AccessRequest, Grant, User
from enrollment.signals import nudge


@dataclass(frozen=True)
class Ended:
    """What ended with one grant: itself, what was to follow it, and the requests that were to extend one of these."""

    before: str
    grants: Sequence[Grant]
    withdrawn: list[AccessRequest]


def revoke(grant: Grant, *, actor: User | None, reason: str, now: datetime) -> None:
    """End it for good, with whatever was to follow it without a gap. Other grants for the same resource stay."""
    refuse_if(
        actor is not None and not facts.may_revoke(actor, grant, now),
        "Only its owner, an approver of the resource or an admin may end this.",
    )
    reason = "".join(letter for letter in reason if letter.isprintable() or letter in "\n\t")[:TEXT_LENGTH]  # a reason never stops a revoke
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=grant.user_id)  # as approving does, so that no extension slips in behind this
        ended = end_with_what_follows(grant, actor=actor, reason=reason, now=now)
        if ended is None:
            raise conflict_over_grant(grant)
        tell_ended(ended, actor=actor, now=now)
    notices.tell_owner(grant, "was revoked", reason, actor=actor)


def end_with_what_follows(grant: Grant, *, actor: User | None, reason: str, now: datetime) -> Ended | None:
    """Write the rows of a revoke; None: the grant had ended. The caller holds its owner's row and tells afterwards."""
    before = Grant.objects.select_for_update().get(pk=grant.pk).state  # the one in hand may not know that it has begun
    if not end_for_good(grant, actor=actor, reason=reason, now=now):
        return None
    following = [each for each in _following(grant) if end_for_good(each, actor=actor, reason=reason, now=now)]
    asked = AccessRequest.objects.filter(extends__in=[grant, *following], state=AccessRequest.State.PENDING)
    return Ended(before, (grant, *following), withdraw(asked, now=now))


def tell_ended(ended: Ended, *, actor: User | None, now: datetime) -> None:
    """Write the events of a revoke, and nudge."""
    first = ended.grants[0]
    for each in ended.grants:
        data = {
            "grant": each.pk,
            "from": ended.before if each is first else Grant.State.SCHEDULED,
            "to": Grant.State.REVOKED,
            "reason": each.end_reason,
        }
        audit.append("grant.revoked", actor=actor, subject=each, data=data, now=now)
    tell_withdrawn(ended.withdrawn, actor=actor, why="the grant it was to extend was revoked", now=now)
    nudge(peps_of_resource(first.resource), devices=devices_of(ended.grants))


def end_for_good(grant: Grant, *, actor: User | None, reason: str, now: datetime) -> bool:
    """Move an open grant to REVOKED. False: it had ended. Writes no event: the caller does, after all rows."""
    open_still = Grant.objects.filter(pk=grant.pk, state__in=Grant.OPEN)
    mine = open_still.update(state=Grant.State.REVOKED, ended_at=now, ended_by=actor, end_reason=reason) == 1
    if mine:
        grant.state, grant.ended_at, grant.ended_by, grant.end_reason = Grant.State.REVOKED, now, actor, reason
    return mine


def _following(grant: Grant) -> list[Grant]:
    """Return the extensions of this grant, and theirs, that have not begun."""
    found, waiting = [], [grant.pk]
    while waiting:
        next_ones = list(Grant.objects.filter(extends__in=waiting, state=Grant.State.SCHEDULED))
        found += next_ones
        waiting = [each.pk for each in next_ones]
    return found
