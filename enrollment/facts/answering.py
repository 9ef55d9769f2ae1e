"""What `may_review` needs: which stage waits, and who belongs to its group at this moment."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from enrollment.models import AccessRequest, Grant, Membership, PolicyVersion, Resource, Review, Stage, User
from enrollment.values import Reviewing


def reviewing(user: User, request: AccessRequest, now: datetime) -> Reviewing:
    """Read whether this person may answer this request now. Judged by the group's id and the person's id, never by names."""
    stage = stage_that_waits(request)
    groups = [stage.group_id] if stage else [each.group_id for each in stages_of(versions_for(request))]
    fresh = User.objects.filter(pk=user.pk, is_active=True)
    return Reviewing(
        user_is_active=fresh.exists(),
        is_requester=request.requester_id == user.pk,
        is_in_group=Membership.objects.filter(user=user, group__in=groups).exists(),
    )


def stage_that_waits(request: AccessRequest) -> Stage | None:
    """Return the first stage without enough yeses from people who are still active; None when all have them."""
    yes = Review.objects.filter(request=request, verdict=Review.Verdict.APPROVE, reviewer__is_active=True)
    for stage in stages_of(versions_for(request)):
        if yes.filter(stage__group=stage.group_id).count() < stage.need:
            return stage
    return None


def stages_of(versions: Iterable[PolicyVersion]) -> list[Stage]:
    """Return what must agree under all these versions: each group once, with the most that any of them needs."""
    found: dict[int, Stage] = {}
    for stage in Stage.objects.filter(version__in=list(versions)).select_related("group").order_by("version__number", "position"):
        known = found.setdefault(stage.group_id, stage)
        if stage.need > known.need:
            found[stage.group_id] = stage
    return list(found.values())


def versions_for(request: AccessRequest) -> list[PolicyVersion]:
    """Return the terms that the request was asked under, and today's where they differ."""
    both = {version.pk: version for version in (request.policy_version, request.resource.policy.current) if version}
    return list(both.values())


def terms_of_grant(request: AccessRequest) -> PolicyVersion:
    """Return what the grant stays bound to: of the terms of then and today, those with the shorter session, else those for fewer people."""
    return min(versions_for(request), key=lambda version: (version.session_length or math.inf, not version.requesters.exists()))


def approvers_of(what: Resource | AccessRequest) -> QuerySet[User]:
    """Return who could answer now: for a request, in the stage that waits; for a resource, in any stage."""
    if isinstance(what, Resource):
        current = what.policy.current
        groups = [stage.group_id for stage in stages_of([current] if current else [])]
        return active_members(*groups)
    stage = stage_that_waits(what)
    members = active_members(*([stage.group_id] if stage else []))
    return members.exclude(pk=what.requester_id).exclude(reviews__request=what)


def active_members(*groups: int) -> QuerySet[User]:
    return User.objects.filter(Exists(Membership.objects.filter(user=OuterRef("pk"), group__in=groups)), is_active=True).order_by(
        "name", "pk"
    )


def may_revoke(actor: User, grant: Grant) -> bool:
    """Its owner, an admin, or whoever may approve the resource today or might have when it was given."""
    if actor.pk == grant.user_id or actor.is_admin:
        return True
    current = grant.resource.policy.current
    versions = [grant.policy_version, grant.request.policy_version, *([current] if current else [])]
    groups = [stage.group_id for stage in stages_of(versions)]
    return Membership.objects.filter(user=actor, group__in=groups).exists()


def may_answer_something(user: User) -> bool:
    """Return whether a stage of current terms, or of a request that waits, names a group of this person."""
    newer = PolicyVersion.objects.filter(policy=OuterRef("version__policy"), number__gt=OuterRef("version__number"))
    waiting = AccessRequest.objects.filter(policy_version=OuterRef("version"), state=AccessRequest.State.PENDING)
    stages = Stage.objects.filter(group__memberships__user=user)
    return stages.filter(Q(~Exists(newer)) | Q(Exists(waiting))).exists()
