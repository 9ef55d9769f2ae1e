"""Who would answer a request, and who still can: each step by its group, with its people. Read for many at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

from enrollment.facts.answering import yeses_that_lack
from enrollment.facts.seats import taken_in
from enrollment.facts.terms import current_versions, stages_by_version
from enrollment.models import AccessRequest, Delegation, Membership, User
from enrollment.values import Step

People = dict[int, str]  # by their number
NOBODY: Collection[int] = frozenset()


def answerers(policies: Iterable[int], requester: User, now: datetime) -> dict[int, tuple[Step, ...]]:
    """Return the steps of each policy that has terms, in order; whoever asks is never among the people."""
    current = current_versions(policies)
    stages = stages_by_version(version.pk for version in current.values())
    people = _people((stage.group_id for steps in stages.values() for stage in steps), requester, now)()
    return {
        policy: tuple(Step(stage.group.name, stage.need, tuple(people[stage.group_id].values())) for stage in stages.get(version.pk, ()))
        for policy, version in current.items()
    }


def answerers_left(requests: Sequence[AccessRequest], requester: User, now: datetime) -> dict[int, tuple[Step, ...]]:
    """Return by its number which steps each of somebody's pending requests still waits for, with those who have no part in it yet."""
    missing = yeses_that_lack(requests)
    people = _people((stage.group_id for stages in missing.values() for stage, _count in stages), requester, now)
    taken = taken_in(requests)
    found = {}
    for request, stages in missing.items():
        left = people(taken[request])
        found[request] = tuple(Step(stage.group.name, count, tuple(left[stage.group_id].values())) for stage, count in stages)
    return found


def _people(groups: Iterable[int], requester: User, now: datetime) -> Callable[..., Mapping[int, People]]:
    """Read who could answer for each group: its active members, and then those who stand in for one of them now.

    Call what is returned, with those who have spoken in one request, or been spoken for: they and their stand-ins are left out.
    """
    members = Membership.objects.filter(group__in=set(groups), user__is_active=True).exclude(user=requester)
    seats = list(members.select_related("user").order_by("user__name", "user_id"))
    live = Delegation.objects.live(now)
    free = live.exclude(delegate=requester).exclude(delegate__in=live.filter(delegator=requester).values("delegate"))
    lent = list(free.filter(delegator__in=members.order_by().values("user")).select_related("delegate").order_by("delegate__name", "pk"))

    def but_for(gone: Collection[int] = NOBODY) -> Mapping[int, People]:
        found: dict[int, People] = defaultdict(dict)
        for seat in seats:
            if seat.user_id not in gone:
                found[seat.group_id][seat.user_id] = str(seat.user)
        for each in lent:
            if each.delegate_id not in gone:
                for names in [names for names in found.values() if each.delegator_id in names]:
                    names.setdefault(each.delegate_id, str(each.delegate))
        return found

    return but_for
