"""What `may_break_glass` and `may_review_break_glass` need: today's terms for emergencies, who could review, what waits for it.

Emergency access is asked for and given at one moment, so no earlier terms apply to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from enrollment.facts.asking import asking
from enrollment.facts.seats import reviewing_in
from enrollment.facts.terms import current_versions, has_a_say, steps_of
from enrollment.models import Device, Grant, Membership, PolicyVersion, Resource, Stage, User
from enrollment.policy import may_review_break_glass
from enrollment.values import Asking, Emergency, Reviewing


def emergency(user: User, resource: Resource, now: datetime, *, devices: Sequence[Device] = (), seconds: int | None = None) -> Emergency:
    """Read what matters to whether this person could have this at once."""
    asked = asking(user, resource, now, devices=devices, seconds=seconds)
    return emergencies(user, [resource], {resource.pk: asked})[resource.pk]


def emergencies(user: User, resources: Sequence[Resource], askings: Mapping[int, Asking]) -> dict[int, Emergency]:
    """Read the same for many resources that were asked about already, by their number, in a constant number of queries."""
    terms = {
        policy: version for policy, version in current_versions(each.policy_id for each in resources).items() if version.break_glass_longest
    }
    if not terms:
        return {each.pk: Emergency(askings[each.pk]) for each in resources}
    groups, reviewable = _groups(terms.values()), _reviewable(user, terms.values())
    waits = Grant.objects.filter(user=user, review_due=True).exists()
    found = {}
    for each in resources:
        version = terms.get(each.policy_id)
        found[each.pk] = Emergency(
            askings[each.pk],
            longest=version.break_glass_longest if version else None,
            groups=groups[version.pk] if version else frozenset(),
            can_be_reviewed=version is not None and version.pk in reviewable,
            has_one_to_review=waits,
        )
    return found


def reviewing_break_glass(user: User, grants: Sequence[Grant], now: datetime) -> dict[int, Reviewing]:
    """Read whether this person may review each of these now, by the grant's number, in a constant number of queries.

    Nobody was asked, so it may be somebody of any stage, by the terms of then or of today.
    """
    requests = [grant.request for grant in grants]
    steps = steps_of(requests)
    judged = reviewing_in(user, {request: steps[request.pk] for request in requests}, now)
    return {grant.pk: judged[grant.request_id] for grant in grants}


def to_review(user: User, now: datetime) -> QuerySet[Grant]:
    """Find the emergency access that this person could review now."""
    named = list(Grant.objects.filter(has_a_say(user, now), review_due=True).select_related("request__resource"))
    judged = reviewing_break_glass(user, named, now)
    return Grant.objects.filter(pk__in=[grant.pk for grant in named if not may_review_break_glass(judged[grant.pk])])


def _groups(versions: Iterable[PolicyVersion]) -> dict[int, frozenset[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    named = PolicyVersion.break_glass_by.through.objects.filter(policyversion__in=[version.pk for version in versions])
    for version, group in named.values_list("policyversion_id", "group_id"):
        found[version].add(group)
    return defaultdict(frozenset, {version: frozenset(groups) for version, groups in found.items()})


def _reviewable(user: User, versions: Iterable[PolicyVersion]) -> set[int]:
    """Return the versions under which somebody else could review."""
    others = Membership.objects.filter(group=OuterRef("group"), user__is_active=True).exclude(user=user)
    stages = Stage.objects.filter(Exists(others), version__in=[version.pk for version in versions])
    return set(stages.values_list("version_id", flat=True))
