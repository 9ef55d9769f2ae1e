"""Who would answer, under today's terms: each step by its group, and by name where they are few. Read for many policies at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from enrollment.facts.terms import current_versions, stages_by_version
from enrollment.models import Delegation, Membership, User
from enrollment.values import Step

People = dict[int, str]  # by their number


def answerers(policies: Iterable[int], requester: User, now: datetime) -> dict[int, tuple[Step, ...]]:
    """Return the steps of each policy that has terms, in order; whoever asks is never among the people."""
    current = current_versions(policies)
    stages = stages_by_version(version.pk for version in current.values())
    people = _people((stage.group_id for steps in stages.values() for stage in steps), requester, now)
    return {
        policy: tuple(Step(stage.group.name, stage.need, tuple(people[stage.group_id].values())) for stage in stages.get(version.pk, ()))
        for policy, version in current.items()
    }


def _people(groups: Iterable[int], requester: User, now: datetime) -> Mapping[int, People]:
    """Return who could answer for each group: its active members, and then those who stand in for one of them now."""
    found: dict[int, People] = defaultdict(dict)
    members = Membership.objects.filter(group__in=set(groups), user__is_active=True).exclude(user=requester)
    for seat in members.select_related("user").order_by("user__name", "user_id"):
        found[seat.group_id][seat.user_id] = str(seat.user)
    live = Delegation.objects.live(now)
    lent = live.exclude(delegate=requester).exclude(delegate__in=live.filter(delegator=requester).values("delegate"))
    for each in lent.filter(delegator__in=members.order_by().values("user")).select_related("delegate").order_by("delegate__name", "pk"):
        for names in [names for names in found.values() if each.delegator_id in names]:
            names.setdefault(each.delegate_id, str(each.delegate))
    return found
