"""Why a live grant does not let a device in now: `decide`'s own reasons, word for word, as `manage.py why` prints them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from enrollment import facts
from enrollment.models import Device, Grant
from enrollment.policy import Allow, decide
from enrollment.values import Facts
from enrollment.views.pauses import proof_ends


@dataclass(frozen=True)
class Held:
    """A device of a grant that may not reach the resource now, and why."""

    device: Device
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """What a live grant holds back, and when it will pause for the age of the sign-in, where that is before its end."""

    held: tuple[Held, ...] = ()
    pauses_at: datetime | None = None


NOTHING = Look()


def held_back(grants: Iterable[Grant], now: datetime) -> dict[int, tuple[Held, ...]]:
    """Return what each live grant holds back, by its number, in a constant number of queries."""
    return {pk: look.held for pk, look in looks(grants, now).items()}


def looks(grants: Iterable[Grant], now: datetime) -> dict[int, Look]:
    """Return the same, and when each pauses."""
    live = [grant for grant in grants if grant.state in Grant.OPEN and grant.starts_at <= now < grant.ends_at]
    pairs = {(device.pk, grant.resource_id): (device, grant.resource) for grant in live for device in grant.devices.all()}
    known = facts.facts_of_all(list(pairs.values()), now) if pairs else {}
    found = {}
    for grant in live:
        devices = [(device, _reasons(known[device.pk, grant.resource_id], grant, now)) for device in grant.devices.all()]
        held = tuple(Held(device, reasons) for device, reasons in devices if reasons)
        found[grant.pk] = Look(held, _pauses_at([known[device.pk, grant.resource_id] for device in grant.devices.all()], grant, now))
    return found


def _pauses_at(known: Sequence[Facts], grant: Grant, now: datetime) -> datetime | None:
    ends = [end for each in known if (end := proof_ends(each, grant)) and not _reaches(each, grant, now)]
    return min((at for at, _why in ends if now < at < grant.ends_at), default=None)


def _reaches(known: Facts, grant: Grant, now: datetime) -> bool:
    """Return whether access goes on to the grant's end whatever becomes of the sign-in, because another grant does not ask."""
    decision = decide(known, now)
    return isinstance(decision, Allow) and decision.until >= grant.ends_at


def _reasons(known: Facts, grant: Grant, now: datetime) -> tuple[str, ...]:
    """Say why the device is kept out; where another grant lets it in, why this one alone would not."""
    alone = replace(known, grants=tuple(each for each in known.grants if each.id == grant.pk))
    for decision in (decide(known, now), decide(alone, now)):
        if not decision:
            return decision.reasons
    return ()
