"""What `may_ask` needs: the terms that apply, what is left of the rolling total, and whether anybody could agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Q

from enrollment.facts.deciding import device_facts
from enrollment.facts.terms import Steps, current_versions, stages_by_version, together
from enrollment.models import AccessRequest, Device, Grant, Membership, PolicyVersion, Resource, User
from enrollment.values import Asking

Terms = Mapping[int, Sequence[PolicyVersion]]  # by the resource's number
Spans = Sequence[tuple[datetime, datetime]]


def asking(
    user: User,
    resource: Resource,
    now: datetime,
    *,
    devices: Sequence[Device] = (),
    seconds: int | None = None,
    starts_at: datetime | None = None,
    ticket: str | None = None,
) -> Asking:
    """Read what matters to whether this person could ask for this now, under the current terms."""
    found = asking_all(user, [resource], now)[resource.pk]
    named = tuple(device_facts(device) for device in devices)
    return replace(found, devices=named, seconds=seconds, starts_at=starts_at, ticket=ticket)


def asking_all(user: User, resources: Sequence[Resource], now: datetime) -> dict[int, Asking]:
    """Read the same for many resources, by their number, in a constant number of queries."""
    current = current_versions(resource.policy_id for resource in resources)
    return _asking(user, resources, {each.pk: [current[each.policy_id]] for each in resources if each.policy_id in current}, now)


def asking_again(request: AccessRequest, now: datetime, *, devices: Sequence[Device], seconds: int) -> Asking:
    """Read the same for an open request: the terms it was asked under and today's, the strictest of each."""
    resource = request.resource
    versions = {version.pk: version for version in (request.policy_version, resource.policy.current) if version}
    found = _asking(request.requester, [resource], {resource.pk: list(versions.values())}, now)[resource.pk]
    return replace(found, devices=tuple(device_facts(device) for device in devices), seconds=seconds)


def longest_seconds(request: AccessRequest) -> int:
    """Return the longest grant that this request can still become."""
    current = request.resource.policy.current
    return min([request.seconds, request.policy_version.longest_grant, *([current.longest_grant] if current else [])])


def _asking(user: User, resources: Sequence[Resource], terms: Terms, now: datetime) -> dict[int, Asking]:
    versions = {version.pk for each in terms.values() for version in each}
    groups = frozenset(user.memberships.values_list("group_id", flat=True))
    requesters, stages = _requesters(versions), stages_by_version(versions)
    members = active_members_of_each(stage.group_id for each in stages.values() for stage in each)
    spans = _spans(user, terms, now)
    found = {}
    for resource in resources:
        plain = Asking(user.pk, user.is_active, groups, resource.retired_at is not None, has_terms=resource.pk in terms)
        found[resource.pk] = plain
        if resource.pk in terms:
            mine = terms[resource.pk]
            used = {version.pk: _used_seconds(spans[resource.pk], version.rolling_window, now) for version in mine}
            strictest = min(mine, key=lambda version: version.rolling_total - used[version.pk])
            found[resource.pk] = replace(
                plain,
                requesters=tuple(requesters[version.pk] for version in mine),
                can_be_approved=_can_be_approved(user, mine, stages, members),
                longest_grant=min(version.longest_grant for version in mine),
                time_to_answer=min(version.time_to_answer for version in mine),
                rolling_total=strictest.rolling_total,
                rolling_window=strictest.rolling_window,
                used_seconds=used[strictest.pk],
                ticket_shapes=tuple(version.ticket_shapes for version in mine if version.ticket_shapes),
            )
    return found


def _spans(user: User, terms: Terms, now: datetime) -> dict[int, Spans]:
    """Return when this person has or had each resource, up to a revoke; of the past, no more than the longest window reaches."""
    found: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    since = now - timedelta(seconds=max((version.rolling_window for each in terms.values() for version in each), default=0))
    grants = Grant.objects.filter(user=user, resource__in=list(terms), ends_at__gt=since).filter(Q(ended_at=None) | Q(ended_at__gt=since))
    for resource, starts_at, ends_at, ended_at in grants.values_list("resource_id", "starts_at", "ends_at", "ended_at"):
        found[resource].append((starts_at, min(ends_at, ended_at) if ended_at else ends_at))
    return defaultdict(list, found)


def _used_seconds(spans: Spans, window: int, now: datetime) -> int:
    """Return the seconds granted within the window, what is still to come included, minus what was cut off by a revoke."""
    since = now - timedelta(seconds=window)
    spent = sum(max(0.0, (end - max(start, since)).total_seconds()) for start, end in spans)
    return int(-(-spent // 1))


def _requesters(versions: Iterable[int]) -> dict[int, frozenset[int]]:
    """Return the groups that may ask under each version; none where everybody may."""
    found: dict[int, set[int]] = defaultdict(set)
    named = PolicyVersion.requesters.through.objects.filter(policyversion__in=set(versions))
    for version, group in named.values_list("policyversion_id", "group_id"):
        found[version].add(group)
    return defaultdict(frozenset, {version: frozenset(groups) for version, groups in found.items()})


def active_members_of_each(groups: Iterable[int]) -> dict[int, set[int]]:
    """Return who of each group could answer at all: stand-ins add nobody."""
    found: dict[int, set[int]] = defaultdict(set)
    for group, user in Membership.objects.filter(group__in=set(groups), user__is_active=True).values_list("group_id", "user_id"):
        found[group].add(user)
    return found


def _can_be_approved(requester: User, versions: Sequence[PolicyVersion], steps: Steps, members: Mapping[int, set[int]]) -> bool:
    """Each stage needs enough active members besides the requester, and nobody answers in two stages.

    Stand-ins do not count: they fill a member's seat and add none, and the requester's own stays empty.
    """
    stages = together([stage for version in versions for stage in steps.get(version.pk, [])])
    people = [members.get(stage.group_id, set()) - {requester.pk} for stage in stages]
    enough = all(len(these) >= stage.need for stage, these in zip(stages, people, strict=True))
    return bool(stages) and enough and len(set().union(*people)) >= sum(stage.need for stage in stages)
