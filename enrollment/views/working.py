"""What is known of a device's tunnel, read for `working`: rows that machines wrote come through relations."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from enrollment import working
from enrollment.models import Device, Grant, Pep
from enrollment.views.configs import endpoint
from enrollment.views.held import Held
from enrollment.views.standing import IN_FORCE


def is_it_working(device: Device, live: Sequence[Grant], held: Mapping[int, Sequence[Held]], now: datetime) -> tuple[working.Finding, ...]:
    """Say how its tunnel does. `live` are its grants that run, with placements; `held` says which of them are held back."""
    free = [grant for grant in live if not held.get(grant.pk)]
    coming = device.grants.unfinished(now).filter(starts_at__gt=now).order_by("starts_at").first()
    key = device.keys.filter(until=None).order_by("-since").first()
    sight = working.Sight(
        condition=device.condition,
        key_since=key.since if key else device.enrolled_at,
        has_grant=bool(live),
        is_held=bool(live) and not free,
        starts_at=coming.starts_at if coming else None,
        gateways=_gateways(device, free),
    )
    return working.findings(sight, now)


def _gateways(device: Device, free: Sequence[Grant]) -> tuple[working.Gateway, ...]:
    """Return each gateway that has to let the device in for one of these grants."""
    peps = {each.pep.pk: each.pep for grant in free for each in grant.resource.placements.all() if each.pep.is_enabled}
    rows = list(device.enforcements.filter(grant__in=[grant.pk for grant in free])) if free else []
    heard = {each.pep_id: each.at for each in device.handshakes.all()}
    return tuple(_gateway(pep, [row for row in rows if row.pep_id == pep.pk], heard.get(pep.pk)) for _pk, pep in sorted(peps.items()))


def _gateway(pep: Pep, rows: Sequence[Any], heard_at: datetime | None) -> working.Gateway:
    status = getattr(pep, "status", None)  # none before the first pass
    since = [row.in_force_at for row in rows if row.state == IN_FORCE and row.in_force_at]
    return working.Gateway(
        name=pep.name,
        endpoint=endpoint(pep),
        open_since=min(since, default=None),
        heard_at=heard_at,
        unreached_since=getattr(status, "unreached_since", None),
        error=next((row.error for row in rows if row.error), ""),
        skew_seconds=getattr(status, "skew_seconds", None),
    )
