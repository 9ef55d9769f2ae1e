"""From facts to what one PEP must hold.

Every admission stands on an Allow of `decide`, ends when that does, and exists in a
family only where the device and the placement both have an address of it: an empty
family is nothing, never "any". A device is a peer only where it has an admission. What
cannot be a part of a state is left out, and `left_out` says why: less, never more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from enforcement.pep.state import Address, Admission, Peer, Placement, Port, State, StateError, from_json, make_state, to_json
from enrollment.policy import Decision, decide
from enrollment.values import DeviceFacts, Pair, PepFacts, PlacementFacts


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided for one pair, and what that comes to on this PEP."""

    device_id: int
    key: str
    resource: str
    grant_ids: tuple[int, ...]  # of those grants that would give access now by themselves
    decision: Decision
    admissions: tuple[Admission, ...]
    next_change: datetime | None  # by time alone


@dataclass(frozen=True, slots=True)
class Desired:
    """All that a PEP must hold, why, and when to look again."""

    state: State
    decided: tuple[Decided, ...]
    recheck_at: datetime | None
    left_out: tuple[str, ...]


def compile_state(facts: PepFacts, now: datetime) -> Desired:
    """Decide every pair, and put together what follows from it."""
    placements, left_out = _sound(facts.placements)
    decided = tuple(_decide(pair, placements.get(pair.resource), now) for pair in facts.pairs)
    peers = {each.device.id: each.device for each, outcome in zip(facts.pairs, decided, strict=True) if outcome.admissions}
    state = make_state(placements.values(), map(_peer, peers.values()), (a for outcome in decided for a in outcome.admissions))
    return Desired(state, decided, _earliest((each.next_change for each in decided), now), left_out)


def _decide(pair: Pair, placement: Placement | None, now: datetime) -> Decided:
    decision = decide(pair.facts, now)
    deadline = int(decision.until.timestamp()) if decision else 0  # whole seconds, rounded down
    lives = deadline > now.timestamp()
    admissions = tuple(_admissions(pair.device, placement, deadline)) if placement and lives else ()
    alone = {grant.id: decide(replace(pair.facts, grants=(grant,)), now) for grant in pair.facts.grants}
    standing = tuple(grant_id for grant_id, by_itself in alone.items() if by_itself)
    next_change = _earliest(_moments((decision, *alone.values())), now)
    return Decided(pair.device.id, pair.device.public_key, pair.resource, standing, decision, admissions, next_change)


def _moments(decisions: Iterable[Decision]) -> Iterable[datetime | None]:
    for decision in decisions:
        yield decision.recheck_at
        yield decision.until if decision else None


def _earliest(moments: Iterable[datetime | None], now: datetime) -> datetime | None:
    return min((moment for moment in moments if moment and moment > now), default=None)


def _admissions(device: DeviceFacts, placement: Placement, deadline: int) -> Iterable[Admission]:
    for address, overlay in ((device.address_v4, placement.overlay_v4), (device.address_v6, placement.overlay_v6)):
        if address and overlay:
            yield Admission(placement.slug, address, deadline)


def _peer(device: DeviceFacts) -> Peer:
    addresses: tuple[Address | None, ...] = (device.address_v4, device.address_v6)
    return Peer(device.public_key, tuple(address for address in addresses if address))


def _sound(placements: Iterable[PlacementFacts]) -> tuple[Mapping[str, Placement], tuple[str, ...]]:
    """Return the placements that an agent takes. One that it would refuse must not hold back what the others lose."""
    sound, left_out = {}, []
    for each in placements:
        ports = tuple(Port(*port) for port in each.ports)
        placement = Placement(each.id, each.slug, ports, each.overlay_v4, each.target_v4, each.overlay_v6, each.target_v6)
        try:
            from_json(to_json(State((placement,))))
        except StateError as error:
            left_out.append(f"{each.slug}: {error}")
        else:
            sound[placement.slug] = placement
    return sound, tuple(left_out)
