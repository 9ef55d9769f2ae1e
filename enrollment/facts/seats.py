"""With whose voice somebody answers at a moment: their own, or that of an approver in whose stead they stand.

A seat is one member's part in one request, whoever fills it. Only a member's own seat can
be lent, so what was lent does not pass on; and lending adds no seat, so whoever counts how
many could agree counts members alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from enrollment.models import AccessRequest, Delegation, Membership, Review, Stage, User
from enrollment.values import Reviewing

Taken = Mapping[int, frozenset[int]]  # by the request's number: who answered, or in whose stead somebody did


def voices(user: User, now: datetime) -> QuerySet[Membership]:
    """Find the memberships by which this person may answer now: their own, and those of whom they stand in for."""
    lenders = Delegation.objects.live(now).filter(delegate=user)
    return Membership.objects.filter(Q(user=user) | Q(user__in=lenders.values("delegator")))


def stands_in(user: User, now: datetime) -> bool:
    """Return whether somebody, who may answer something, has this person stand in for them now."""
    lent = voices(user, now).exclude(user=user)
    return Stage.objects.filter(group__in=lent.values("group")).exists()


def opens_admin(user: User, now: datetime) -> bool:
    """Return whether the admin is open to this person: by what they are, or for as long as they stand in for an approver."""
    return user.is_active and (user.is_staff or stands_in(user, now))


def has_a_voice(user: User, now: datetime) -> bool:
    """Return whether terms, of whatever time, name a group of theirs, or of somebody they stand in for."""
    return user.is_active and Stage.objects.filter(group__in=voices(user, now).values("group")).exists()


def active_members(*groups: int) -> QuerySet[User]:
    return User.objects.filter(Exists(Membership.objects.filter(user=OuterRef("pk"), group__in=groups)), is_active=True).order_by(
        "name", "pk"
    )


def members_and_stand_ins(groups: Iterable[int], now: datetime, request: AccessRequest | None = None) -> QuerySet[User]:
    """Find who can answer for these groups now; of a request, those whose seat is free and who have no part in it."""
    members, lent = active_members(*groups), Delegation.objects.live(now)
    seats, silent = members, User.objects.order_by("name", "pk")
    if request:
        silent = silent.exclude(pk__in={request.requester_id, *taken_in([request])[request.pk]})
        seats = members.filter(pk__in=silent.order_by().values("pk"))
        lent = lent.exclude(delegate__in=Delegation.objects.live(now).filter(delegator=request.requester_id).values("delegate"))
    deputies = lent.filter(delegator__in=seats.order_by().values("pk")).exclude(delegate__in=members.order_by().values("pk"))
    return silent.filter(Q(pk__in=seats.order_by().values("pk")) | Q(pk__in=deputies.values("delegate")))


def reviewing_in(user: User, named: Mapping[AccessRequest, Sequence[Stage]], now: datetime) -> dict[int, Reviewing]:
    """Read what `may_review` judges, by the request's number: whose seat in these stages, if any, this person would fill."""
    is_active = User.objects.filter(pk=user.pk, is_active=True).exists()
    holders: dict[int, list[int]] = defaultdict(list)
    for holder, group in voices(user, now).order_by("user_id").values_list("user_id", "group_id"):
        holders[group].append(holder)
    lenders = set(Delegation.objects.live(now).filter(delegate=user).values_list("delegator_id", flat=True))
    taken = taken_in(list(named))
    found = {}
    for request, stages in named.items():
        seats = {holder for stage in stages for holder in holders[stage.group_id]}
        is_member, lends, gone = user.pk in seats, request.requester_id in lenders, taken[request.pk]
        lent = [] if is_member or lends else sorted(seats, key=lambda each: (each in gone, each))
        found[request.pk] = Reviewing(
            user_is_active=is_active,
            is_requester=request.requester_id == user.pk,
            is_in_group=is_member,
            in_stead_of=lent[0] if lent else None,
            stands_in_for_requester=lends,
            seat_is_taken=not gone.isdisjoint({user.pk, *lent[:1]}),
        )
    return found


def taken_in(requests: Sequence[AccessRequest]) -> Taken:
    """Return who has spoken already, or somebody in their stead."""
    found: dict[int, set[int]] = defaultdict(set)
    said = Review.objects.filter(request__in=requests).order_by()
    for request, reviewer, holder in said.values_list("request_id", "reviewer_id", "on_behalf_of_id"):
        found[request] |= {reviewer} if holder is None else {reviewer, holder}
    return defaultdict(frozenset, {request: frozenset(people) for request, people in found.items()})
