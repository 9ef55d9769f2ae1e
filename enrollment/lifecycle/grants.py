"""End a grant before its time. Never gated: not by policy, eligibility, or what became of anybody or anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from enrollment import audit, facts, notices
from enrollment.lifecycle.outcomes import conflict_over_grant, refuse_if
from enrollment.lifecycle.reach import devices_of, peps_of_resource
from enrollment.lifecycle.withdrawals import tell_withdrawn, withdraw
from enrollment.lifecycle.words import TEXT_LENGTH
from enrollment.models import AccessRequest, Grant, User
from enrollment.sentences import say
from enrollment.signals import nudge


@dataclass(frozen=True)
class Ended:
    """What ended with one grant: itself, what was to follow it, and the requests that were to extend one of these."""

    grants: Mapping[Grant, str]  # each with the state that it was in
    withdrawn: list[AccessRequest]


def revoke(grant: Grant, *, actor: User | None, reason: str, now: datetime) -> None:
    """End it for good, with whatever was to follow it without a gap. Other grants for the same resource stay."""
    refuse_if(
        actor is not None and not facts.may_revoke(actor, grant, now),
        say("Only its owner, an approver of the resource or an admin may end this."),
    )
    reason = "".join(letter for letter in reason if letter.isprintable() or letter in "\n\t")[:TEXT_LENGTH]  # a reason never stops a revoke
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=grant.user_id)  # as approving does, so that no extension slips in behind this
        ended = end_with_what_follows(grant, actor=actor, reason=reason, now=now)
        if ended is None:
            raise conflict_over_grant(grant)
        tell_ended(ended, actor=actor, now=now)
    notices.tell_owner_of_revoke(grant, reason, actor=actor)


def end_with_what_follows(grant: Grant, *, actor: User | None, reason: str, now: datetime) -> Ended | None:
    """Write the rows of a revoke; None: the grant had ended. The caller holds its owner's row and tells afterwards."""
    ended = end_for_good([grant], actor=actor, reason=reason, now=now)
    if not ended:
        return None
    ended |= end_for_good(facts.ends_with(grant), actor=actor, reason=reason, now=now)
    asked = AccessRequest.objects.filter(extends__in=list(ended), state=AccessRequest.State.PENDING)
    return Ended(ended, withdraw(asked, now=now))


def tell_ended(ended: Ended, *, actor: User | None, now: datetime) -> None:
    """Write the events of a revoke, and nudge."""
    tell_revoked(ended.grants, actor=actor, now=now)
    tell_withdrawn(ended.withdrawn, actor=actor, why=say("the grant it was to extend was revoked"), now=now)
    nudge(peps_of_resource(next(iter(ended.grants)).resource), devices=devices_of(list(ended.grants)))


def end_for_good(grants: Iterable[Grant], *, actor: User | None, reason: str, now: datetime) -> dict[Grant, str]:
    """Move those that are open to REVOKED; return which, and the state that each was in. The caller tells, after all rows."""
    ended = {}
    for grant in grants:
        open_still = Grant.objects.filter(pk=grant.pk, state__in=Grant.OPEN)
        was = open_still.select_for_update(no_key=True).values_list("state", flat=True).first()  # time may have moved the one in hand on
        if was and open_still.update(state=Grant.State.REVOKED, ended_at=now, ended_by=actor, end_reason=reason) == 1:
            grant.state, grant.ended_at, grant.ended_by, grant.end_reason = Grant.State.REVOKED, now, actor, reason
            ended[grant] = was
    return ended


def tell_revoked(ended: Mapping[Grant, str], *, actor: User | None, now: datetime) -> None:
    """Write down what `end_for_good` did."""
    for grant, was in ended.items():
        data = {"grant": grant.pk, "from": was, "to": Grant.State.REVOKED, "reason": grant.end_reason}
        audit.append("grant.revoked", actor=actor, subject=grant, data=data, now=now)
