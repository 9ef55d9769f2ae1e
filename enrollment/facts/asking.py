"""What `may_ask` needs: the terms that apply, what is left of the rolling total, and whether anybody could agree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from enrollment.facts.answering import active_members, stages_of
from enrollment.facts.deciding import device_facts
from enrollment.models import AccessRequest, Device, Grant, PolicyVersion, Resource, User
from enrollment.values import Asking


def asking(
    user: User,
    resource: Resource,
    now: datetime,
    *,
    devices: Sequence[Device] = (),
    seconds: int | None = None,
    starts_at: datetime | None = None,
) -> Asking:
    """Read what matters to whether this person could ask for this now, under the current terms."""
    current = resource.policy.current
    versions = [current] if current else []
    return _asking(user, resource, versions, now, devices=devices, seconds=seconds, starts_at=starts_at)


def asking_again(request: AccessRequest, now: datetime, *, devices: Sequence[Device], seconds: int) -> Asking:
    """Read the same for an open request: the terms it was asked under and today's, the strictest of each."""
    versions = {version.pk: version for version in (request.policy_version, request.resource.policy.current) if version}
    return _asking(request.requester, request.resource, list(versions.values()), now, devices=devices, seconds=seconds, starts_at=None)


def longest_seconds(request: AccessRequest) -> int:
    """Return the longest grant that this request can still become."""
    current = request.resource.policy.current
    return min([request.seconds, request.policy_version.longest_grant, *([current.longest_grant] if current else [])])


def used_seconds(user: User, resource: Resource, window: int, now: datetime) -> int:
    """Return the seconds granted within the window, what is still to come included, minus what was cut off by a revoke."""
    since = now - timedelta(seconds=window)
    grants = Grant.objects.filter(user=user, resource=resource, ends_at__gt=since).filter(Q(ended_at=None) | Q(ended_at__gt=since))
    spent = 0.0
    for starts_at, ends_at, ended_at in grants.values_list("starts_at", "ends_at", "ended_at"):
        end = min(ends_at, ended_at) if ended_at else ends_at
        spent += max(0.0, (end - max(starts_at, since)).total_seconds())
    return int(-(-spent // 1))


def _asking(
    user: User,
    resource: Resource,
    versions: Sequence[PolicyVersion],
    now: datetime,
    *,
    devices: Sequence[Device],
    seconds: int | None,
    starts_at: datetime | None,
) -> Asking:
    groups = frozenset(user.memberships.values_list("group_id", flat=True))
    retired = resource.retired_at is not None
    if not versions:
        return Asking(user.pk, user.is_active, groups, retired, has_terms=False)
    used = {version: used_seconds(user, resource, version.rolling_window, now) for version in versions}
    strictest = min(versions, key=lambda version: version.rolling_total - used[version])
    return Asking(
        user_id=user.pk,
        user_is_active=user.is_active,
        user_groups=groups,
        resource_is_retired=retired,
        has_terms=True,
        requesters=tuple(frozenset(version.requesters.values_list("pk", flat=True)) for version in versions),
        can_be_approved=_can_be_approved(user, versions),
        longest_grant=min(version.longest_grant for version in versions),
        time_to_answer=min(version.time_to_answer for version in versions),
        rolling_total=strictest.rolling_total,
        rolling_window=strictest.rolling_window,
        used_seconds=used[strictest],
        seconds=seconds,
        starts_at=starts_at,
        devices=tuple(device_facts(device) for device in devices),
    )


def _can_be_approved(requester: User, versions: Sequence[PolicyVersion]) -> bool:
    """Each stage needs enough active members besides the requester, and nobody answers in two stages."""
    stages = stages_of(versions)
    members = [set(active_members(stage.group_id).exclude(pk=requester.pk).values_list("pk", flat=True)) for stage in stages]
    enough = all(len(people) >= stage.need for stage, people in zip(stages, members, strict=True))
    return bool(stages) and enough and len(set().union(*members)) >= sum(stage.need for stage in stages)
