"""Whether access goes on where a grant ends: what was granted beside it, or to follow it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from enrollment.models import Device, Grant

Beside = Sequence[tuple[Grant, frozenset[int]]]  # with the devices of each


def ends_something(grant: Grant) -> bool:
    """Return whether its end takes the resource from a device that is in use: nothing else that was granted goes on there."""
    others = Grant.objects.filter(user=grant.user_id, resource=grant.resource_id, state__in=Grant.OPEN)
    going_on = others.filter(starts_at__lte=grant.ends_at, ends_at__gt=grant.ends_at)
    covered = Device.objects.filter(grants__in=going_on)
    return grant.devices.exclude(state=Device.State.RETIRED).exclude(pk__in=covered.values("pk")).exists()


def ends_with(grant: Grant) -> list[Grant]:
    """Return what ends with it when it is ended early: its extensions, and theirs, that have not begun."""
    found, waiting = [], [grant.pk]
    while waiting:
        next_ones = list(Grant.objects.filter(extends__in=waiting, state=Grant.State.SCHEDULED))
        found += next_ones
        waiting = [each.pk for each in next_ones]
    return found


def onward(grants: Iterable[Grant]) -> dict[int, tuple[Grant, ...]]:
    """Return by each grant's number what goes on where it ends, for all of its devices that are in use, in a constant number of queries."""
    ending = [grant for grant in grants if grant.state != Grant.State.REVOKED]
    beside = _beside(ending)
    in_use = {grant.pk: [device.pk for device in grant.devices.all() if device.state != Device.State.RETIRED] for grant in ending}
    return {grant.pk: _chain(grant.ends_at, in_use[grant.pk], beside[grant.user_id, grant.resource_id]) for grant in ending}


def end_of(grant: Grant, devices: Iterable[Device]) -> datetime:
    """Return until when the resource stays open to all of these devices, if more time follows this grant."""
    chain = _chain(grant.ends_at, [device.pk for device in devices], _beside([grant])[grant.user_id, grant.resource_id])
    return chain[-1].ends_at if chain else grant.ends_at


def _beside(grants: Collection[Grant]) -> dict[tuple[int, int], Beside]:
    """Return what is still open of the same people and resources, by these."""
    found: dict[tuple[int, int], list[tuple[Grant, frozenset[int]]]] = defaultdict(list)
    if grants:
        people, resources = {each.user_id for each in grants}, {each.resource_id for each in grants}
        going_on = Grant.objects.filter(user__in=people, resource__in=resources, state__in=Grant.OPEN)
        for each in going_on.filter(ends_at__gt=min(grant.ends_at for grant in grants)).prefetch_related("devices"):
            found[each.user_id, each.resource_id].append((each, frozenset(device.pk for device in each.devices.all())))
    return defaultdict(list, found)


def _chain(end: datetime, devices: Collection[int], beside: Beside) -> tuple[Grant, ...]:
    """Return what follows without a gap, each time what lasts longest."""
    chain: list[Grant] = []
    while devices:
        next_ones = [each for each, its in beside if each.starts_at <= end < each.ends_at and its.issuperset(devices)]
        if not next_ones:
            break
        chain.append(max(next_ones, key=lambda each: (each.ends_at, each.pk)))
        end = chain[-1].ends_at
    return tuple(chain)
