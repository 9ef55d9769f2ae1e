"""Let somebody answer in one's stead for a time, and end it.

What is lent is an approver's own seat, and only while the time runs: nothing is copied, so
there is nothing to take back when it is over. Ending early is never gated.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from enrollment import audit, facts, notices
from enrollment.lifecycle.outcomes import Refused, conflict_over_delegation, refuse_if
from enrollment.lifecycle.words import clean_text
from enrollment.models import Delegation, User
from enrollment.policy import may_delegate
from enrollment.sentences import say

LIVES, ENDED = "open", "ended"


@transaction.atomic
def delegate(delegator: User, *, delegate: User, starts_at: datetime, ends_at: datetime, reason: str, now: datetime) -> Delegation:
    """Let `delegate` answer what `delegator` may answer, from `starts_at` up to, not at, `ends_at`. Refused with every reason at once."""
    reason = clean_text(reason, "reason", required=True)
    refuse_if(starts_at.utcoffset() is None or ends_at.utcoffset() is None, say("Start and end need a time zone."))
    locked = User.objects.select_for_update(no_key=True).get(pk=delegator.pk)
    reasons = may_delegate(starts_at, ends_at, now)
    found = [
        (not locked.is_active, say("The account is disabled. Ask an admin.")),
        (not facts.may_answer_something(locked), say("Only somebody who may answer requests in their own right can let another stand in.")),
        (delegate.pk == delegator.pk, say("Choose somebody else: you cannot stand in for yourself.")),
        (
            not User.objects.filter(pk=delegate.pk, is_active=True).exists(),
            say("The account of {delegate} is disabled. Choose somebody else.", delegate=delegate),
        ),
    ]
    reasons += tuple(sentence for broken, sentence in found if broken)
    if reasons:
        raise Refused(*reasons)
    same = Delegation.objects.open(now).filter(delegator=delegator, delegate=delegate)
    refuse_if(
        same.filter(starts_at__lt=ends_at, ends_at__gt=starts_at).exists(),
        say("{delegate} stands in for you within that time already. End that delegation first, or choose another time.", delegate=delegate),
    )
    made = Delegation.objects.create(
        delegator=delegator, delegate=delegate, starts_at=starts_at, ends_at=ends_at, reason=reason, created_at=now
    )
    data = {**_about(made), "starts_at": starts_at, "ends_at": ends_at, "reason": reason, "from": None, "to": LIVES}
    notices.tell_delegate(made)
    audit.append("delegation.made", actor=delegator, subject=made, data=data, now=now)
    return made


@transaction.atomic
def end_delegation(delegation: Delegation, *, actor: User | None, now: datetime) -> None:
    """End it before its time, or before it begins. Either of the two may, or an admin; None is the system."""
    mine = actor is None or actor.is_admin or actor.pk in {delegation.delegator_id, delegation.delegate_id}
    refuse_if(not mine, say("Only the two people concerned or an admin may end a delegation."))
    if not end_early(delegation, actor=actor, now=now):
        raise conflict_over_delegation(delegation, now)
    tell_ended([delegation], actor=actor, why="", now=now)


def delegations_of(user: User, now: datetime) -> list[Delegation]:
    """Return what runs or is to begin, on either side."""
    given, held = Delegation.objects.open(now).filter(delegator=user), Delegation.objects.open(now).filter(delegate=user)
    return list((given | held).select_related("delegator", "delegate").order_by("pk"))


def end_early(delegation: Delegation, *, actor: User | None, now: datetime) -> bool:
    """Move an open delegation to its end. False: it had ended. Writes no event: the caller does, after all rows."""
    mine = Delegation.objects.open(now).filter(pk=delegation.pk).update(ended_at=now, ended_by=actor) == 1
    if mine:
        delegation.ended_at, delegation.ended_by = now, actor
    return mine


def tell_ended(delegations: list[Delegation], *, actor: User | None, why: str, now: datetime) -> None:
    """Write down, and tell the two people, that it ended early."""
    for each in delegations:
        notices.tell_delegation_ended(each, actor=actor)
    for each in delegations:
        data = {**_about(each), "from": LIVES, "to": ENDED, "reason": why}
        audit.append("delegation.ended", actor=actor, subject=each, data=data, now=now)


def hold_delegation(holder: int, reviewer: User, now: datetime) -> None:
    """Insist that the delegation still runs, and keep it from ending before this transaction has."""
    live = Delegation.objects.live(now).filter(delegator=holder, delegate=reviewer)
    if not live.select_for_update(no_key=True, of=("self",)).values_list("pk", flat=True):
        raise Refused(say("The delegation by which you would have answered has just ended."))


def _about(delegation: Delegation) -> dict[str, object]:
    return {
        "delegation": delegation.pk,
        "delegator": delegation.delegator_id,
        "delegator_name": str(delegation.delegator),
        "delegate": delegation.delegate_id,
        "delegate_name": str(delegation.delegate),
    }
