"""Why a live grant does not let a device in now: `decide`'s own reasons, word for word, as `manage.py why` prints them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from enrollment import facts
from enrollment.models import Device, Grant
from enrollment.policy import decide
from enrollment.values import Facts


@dataclass(frozen=True)
class Held:
    """A device of a grant that may not reach the resource now, and why."""

    device: Device
    reasons: tuple[str, ...]


def held_back(grants: Iterable[Grant], now: datetime) -> dict[int, tuple[Held, ...]]:
    """Return what each live grant holds back, by its number, in a constant number of queries."""
    live = [grant for grant in grants if grant.state in Grant.OPEN and grant.starts_at <= now < grant.ends_at]
    pairs = {(device.pk, grant.resource_id): (device, grant.resource) for grant in live for device in grant.devices.all()}
    known = facts.facts_of_all(list(pairs.values()), now) if pairs else {}
    found = {}
    for grant in live:
        devices = [(device, _reasons(known[device.pk, grant.resource_id], grant, now)) for device in grant.devices.all()]
        found[grant.pk] = tuple(Held(device, reasons) for device, reasons in devices if reasons)
    return found


def _reasons(known: Facts, grant: Grant, now: datetime) -> tuple[str, ...]:
    """Say why the device is kept out; where another grant lets it in, why this one alone would not."""
    alone = replace(known, grants=tuple(each for each in known.grants if each.id == grant.pk))
    for decision in (decide(known, now), decide(alone, now)):
        if not decision:
            return decision.reasons
    return ()
