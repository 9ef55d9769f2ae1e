"""Pending requests that nobody can answer any more: whoever could have has left, or had their say.

They are shown as such and lapse in time, like any that nobody answers; where a group gets
another member, or the terms another group, they can be answered again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from enrollment.facts.asking import active_members_of_each
from enrollment.facts.seats import taken_in
from enrollment.facts.terms import steps_of
from enrollment.models import AccessRequest, Review


def orphans(now: datetime) -> frozenset[int]:
    """Return the numbers of all requests that wait in vain."""
    pending = AccessRequest.objects.filter(state=AccessRequest.State.PENDING, answer_by__gt=now)
    return orphans_among(list(pending.select_related("resource")))


def orphans_among(requests: Sequence[AccessRequest]) -> frozenset[int]:
    """Return which of these pending requests too few people are left to agree to, in a constant number of queries.

    Each stage needs enough active members who have no part in the request yet, and nobody fills
    two seats. Stand-ins add none.
    """
    steps, gone = steps_of(requests), taken_in(requests)
    yes = Review.objects.counted().filter(request__in=list(steps), verdict=Review.Verdict.APPROVE)
    said = Counter(yes.order_by().values_list("request_id", "stage__group_id"))
    members = active_members_of_each(stage.group_id for stages in steps.values() for stage in stages)
    found = set()
    for request in requests:
        lacking = {stage.group_id: max(0, stage.need - said[request.pk, stage.group_id]) for stage in steps[request.pk]}
        left = {group: members.get(group, set()) - gone[request.pk] - {request.requester_id} for group, need in lacking.items() if need}
        enough = all(len(people) >= lacking[group] for group, people in left.items())
        if not enough or len(set().union(*left.values())) < sum(lacking.values()):
            found.add(request.pk)
    return frozenset(found)
