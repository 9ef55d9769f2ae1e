"""Whether access goes on where a grant ends: what was granted beside it, or to follow it."""

from __future__ import annotations

from enrollment.models import Device, Grant


def ends_something(grant: Grant) -> bool:
    """Return whether its end takes the resource from a device that is in use: nothing else that was granted goes on there."""
    others = Grant.objects.filter(user=grant.user_id, resource=grant.resource_id, state__in=Grant.OPEN)
    going_on = others.filter(starts_at__lte=grant.ends_at, ends_at__gt=grant.ends_at)
    covered = Device.objects.filter(grants__in=going_on)
    return grant.devices.exclude(state=Device.State.RETIRED).exclude(pk__in=covered.values("pk")).exists()
