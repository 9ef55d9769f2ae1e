"""The terms that apply: those that were asked under, and today's. Read for many policies at once.

A group that several versions name must agree once, with the most that any of them needs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from enrollment.facts.seats import voices
from enrollment.models import AccessRequest, Grant, LatestMoment, PolicyVersion, Resource, Stage, User

Steps = dict[int, list[Stage]]


def stages_by_version(versions: Iterable[int]) -> Steps:
    """Return each version's stages with their groups, in one query."""
    found: Steps = defaultdict(list)
    for stage in Stage.objects.filter(version__in=set(versions)).select_related("group", "version"):
        found[stage.version_id].append(stage)
    return found


def together(stages: Iterable[Stage]) -> list[Stage]:
    """Return each group once, the oldest terms first, with the most that any of them needs."""
    found: dict[int, Stage] = {}
    for stage in sorted(stages, key=lambda stage: (stage.version.number, stage.position, stage.pk)):
        known = found.setdefault(stage.group_id, stage)
        if stage.need > known.need:
            found[stage.group_id] = stage
    return list(found.values())


def steps_of(requests: Sequence[AccessRequest]) -> Steps:
    """Return for each request what must agree: under the terms it was asked under, and under today's."""
    today = current_versions(request.resource.policy_id for request in requests)
    versions = {
        request.pk: {request.policy_version_id, *(version.pk for version in [today.get(request.resource.policy_id)] if version)}
        for request in requests
    }
    stages = stages_by_version(set().union(*versions.values()))
    return {pk: together([stage for version in mine for stage in stages.get(version, [])]) for pk, mine in versions.items()}


def current_versions(policies: Iterable[int]) -> dict[int, PolicyVersion]:
    """Return the newest version of each policy that has one."""
    newest = PolicyVersion.objects.filter(policy__in=set(policies)).filter(~Exists(_newer("policy", "number")))
    return {version.policy_id: version for version in newest}


def stages_of_member(user: User) -> QuerySet[Stage]:
    """Find the stages, of any version, that name a group of this person."""
    return Stage.objects.filter(group__memberships__user=user)


def has_a_say(user: User, now: datetime, *, version: str = "policy_version", policy: str = "resource__policy") -> Q:
    """Find rows in which a group of theirs, or of somebody they stand in for now, is named by the terms of then, or by today's."""
    mine = Stage.objects.filter(group__in=voices(user, now).values("group"))
    return Q(**{f"{version}__in": mine.values("version")}) | Q(**{f"{policy}__in": of_today(mine).values("version__policy")})


def of_today(stages: QuerySet[Stage]) -> QuerySet[Stage]:
    """Keep the stages of current terms."""
    return stages.filter(~Exists(_newer("version__policy", "version__number")))


def may_come_to_need(user: User) -> QuerySet[Resource]:
    """Find what this person may ask for under today's terms, or has been granted: who would agree, and for how long, does not matter."""
    today = PolicyVersion.objects.filter(~Exists(_newer("policy", "number")))
    theirs = today.filter(Q(requesters=None) | Q(requesters__memberships__user=user))
    granted = Grant.objects.filter(user=user, state__in=Grant.OPEN)
    return Resource.objects.filter(Q(policy__in=theirs.values("policy")) | Q(pk__in=granted.values("resource")), retired_at=None)


def time_is_in_doubt() -> bool:
    """Return whether the clock went back, and nobody has said yet which time is right."""
    return LatestMoment.objects.filter(doubted_since__isnull=False).exists()


def _newer(policy: str, number: str) -> QuerySet[PolicyVersion]:
    return PolicyVersion.objects.filter(policy=OuterRef(policy), number__gt=OuterRef(number))
