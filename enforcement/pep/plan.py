"""The smallest change that turns what a PEP holds into what it must hold.

Pure: values in, a `Plan` out, and planning a state against itself is empty. What closes
stands before what opens, and can be carried out without it: `Plan.removals`. A deadline
that is held is left alone while it is honest: never later than wanted, and not so early
that a renewal is due.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from enforcement.pep.state import LAST_SECOND, Address, Admission, Peer, Placement, State

EARLY_SECONDS = 2  # what rounding and a commit's own time may take from a deadline (FACTS R7)
UNSURE_SECONDS = 0.1  # what reading an element's end may be wrong by
NEVER_ENDS = LAST_SECOND + 1  # the deadline of an element that somebody made permanent
NO_LIMIT = LAST_SECOND

Pair = tuple[str, Address]


def second_of(end: float) -> int:
    """Return the second that a held element counts as ending in: rounded up, so that one that outlives its deadline shows."""
    return math.ceil(end - UNSURE_SECONDS)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a request speaks about: all of these devices' and of these resources', nothing else."""

    devices: frozenset[Address]
    resources: frozenset[str]

    def holds(self, resource: str, address: Address) -> bool:
        """Whether an admission is within the scope."""
        return address in self.devices or resource in self.resources


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far an element may reach now: `seconds` ahead at most, and `lag` less where a clock is in doubt.

    Of the lag, `sure_lag` is beyond doubt: so much less is also what is held. The rest is how long the
    document may have taken, another time each time: what is held is not written anew for it.
    """

    now: int
    seconds: int = NO_LIMIT
    lag: int = 0
    sure_lag: int = 0

    def until(self, deadline: int) -> int:
        """Return when an element written now ends."""
        return min(deadline - self.lag, self.now + self.seconds)

    def accepts(self, held: int, deadline: int) -> bool:
        """Whether a held element may stay as it is."""
        if held > min(deadline - self.sure_lag, self.now + self.seconds):
            return False
        limited = deadline - self.lag > self.now + self.seconds
        enough = self.now + self.seconds // 2 if limited else deadline - EARLY_SECONDS
        return held >= enough or self.until(deadline) - held <= EARLY_SECONDS


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes in the order in which they are made. `shorten` closes too; `admit` opens or extends."""

    expel: tuple[Admission, ...] = ()
    shorten: tuple[Admission, ...] = ()
    drop_placements: tuple[Placement, ...] = ()
    forget: tuple[tuple[Address | None, Address | None], ...] = ()
    drop_peers: tuple[str, ...] = ()
    strip_peers: tuple[Peer, ...] = ()
    set_peers: tuple[Peer, ...] = ()
    replace_placements: tuple[tuple[Placement, Placement], ...] = ()
    add_placements: tuple[Placement, ...] = ()
    admit: tuple[Admission, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is to be done."""
        return self != Plan()

    def removals(self) -> Plan:
        """Return only what closes. A resource that should change is closed: what is held is not what is wanted."""
        gone = {old.slug for old, _ in self.replace_placements}
        return replace(
            self,
            drop_placements=(*self.drop_placements, *(old for old, _ in self.replace_placements)),
            set_peers=(),
            replace_placements=(),
            add_placements=(),
            admit=(),
            shorten=tuple(a for a in self.shorten if a.resource not in gone),
            expel=tuple(a for a in self.expel if a.resource not in gone),
        )


def plan(held: State, wanted: State, horizon: Horizon, scope: Scope | None = None, odd_peers: frozenset[str] = frozenset()) -> Plan:
    """Compare. `odd_peers` are keys whose AllowedIPs hold more than single addresses; `scope` None means everything."""
    drop, change, add = _placements(held.placements, wanted.placements, scope)
    drop_peers, strip, set_peers, moved = _peers(held.peers, wanted.peers, scope, odd_peers)
    dropped = {placement.slug for placement in drop}
    # a resource that goes takes its admissions with it, also where another one of that name comes at once
    staying = tuple(a for a in held.admissions if a.resource not in dropped)
    expel, shorten, admit = _admissions(staying, wanted, horizon, scope, moved)
    return Plan(
        expel=expel,
        shorten=shorten,
        drop_placements=drop,
        forget=flows(held.placements, expel, (*drop, *(old for old, _ in change)), moved),
        drop_peers=drop_peers,
        strip_peers=strip,
        set_peers=set_peers,
        replace_placements=change,
        add_placements=add,
        admit=admit,
    )


def kept_by_rebuild(held: State, wanted: State, horizon: Horizon, *, opens: bool) -> State:
    """Say what to load at once where the table is missing or is not the one we left; `plan` from there for the rest.

    The resources, and the admissions that were held, are still wanted and whose peer has not moved, so that no
    live stream is lost. Where nothing may open, only resources held before are loaded again, and nothing reaches
    further than it did; else from the absolute deadline, as one that was read back creeps.
    """
    placements = wanted.placements if opens else tuple(p for p in wanted.placements if p in held.placements)
    slugs = {placement.slug for placement in placements}
    owners = {address: peer for peer in wanted.peers for address in peer.addresses}
    unmoved = {address for peer in held.peers for address in peer.addresses if owners.get(address) == peer}
    until = {(a.resource, a.address): horizon.until(a.deadline) for a in wanted.admissions if a.address in unmoved}
    again = [
        Admission(a.resource, a.address, min(until[a.resource, a.address], NEVER_ENDS if opens else a.deadline - 1))
        for a in held.admissions
        if a.resource in slugs and (a.resource, a.address) in until
    ]
    return State(placements, held.peers, tuple(a for a in again if a.deadline > horizon.now))


def _placements(
    held: Iterable[Placement], wanted: Iterable[Placement], scope: Scope | None
) -> tuple[tuple[Placement, ...], tuple[tuple[Placement, Placement], ...], tuple[Placement, ...]]:
    before = {placement.slug: placement for placement in held}
    after = {placement.slug: placement for placement in wanted}
    # a slug belongs to one id for life; where it does not, the old resource goes first
    change = tuple((before[slug], p) for slug, p in after.items() if slug in before and before[slug] != p and before[slug].id == p.id)
    changed = {new.slug for _, new in change}
    add = tuple(p for slug, p in after.items() if slug not in changed and before.get(slug) != p)
    added, ids = {placement.slug for placement in add}, {placement.id for placement in add}
    # chains go by the id: who takes over an id, also from outside the scope, must not add to the chains of another
    taken = {slug for slug, p in before.items() if slug in added or p.id in ids}
    gone = tuple(p for slug, p in before.items() if slug in taken or (slug not in after and (scope is None or slug in scope.resources)))
    return gone, change, add


def _peers(
    held: Iterable[Peer], wanted: Iterable[Peer], scope: Scope | None, odd: frozenset[str]
) -> tuple[tuple[str, ...], tuple[Peer, ...], tuple[Peer, ...], frozenset[Address]]:
    before = {peer.key: peer for peer in held}
    after = {peer.key: peer for peer in wanted}
    claimed = {address: peer.key for peer in after.values() for address in peer.addresses}
    drop, strip, moved = [], [], set()
    for key, peer in before.items():
        lost = [a for a in peer.addresses if claimed.get(a) != key]
        if key in after:
            moved.update(lost)
            # wg moves an address silently from one peer to another (FACTS R15): take it away first
            if lost or key in odd:
                strip.append(Peer(key, tuple(a for a in peer.addresses if claimed.get(a) == key)))
        elif scope is None or any(a in scope.devices or a in claimed for a in peer.addresses):
            drop.append(key)
            moved.update(lost)
    stripped = {peer.key: peer for peer in strip}
    new = tuple(p for key, p in after.items() if stripped.get(key, before.get(key)) != p)
    return tuple(drop), tuple(strip), new, frozenset(moved)


def _admissions(
    held: Iterable[Admission], wanted: State, horizon: Horizon, scope: Scope | None, moved: frozenset[Address]
) -> tuple[tuple[Admission, ...], tuple[Admission, ...], tuple[Admission, ...]]:
    held = tuple(held)
    before: Mapping[Pair, int] = {(a.resource, a.address): a.deadline for a in held}
    after = {(a.resource, a.address): a.deadline for a in wanted.admissions if horizon.until(a.deadline) > horizon.now}
    expel = [
        a
        for a in held
        if a.address in moved or ((a.resource, a.address) not in after and (scope is None or scope.holds(a.resource, a.address)))
    ]
    shorten: list[Admission] = []
    admit: list[Admission] = []
    for (resource, address), deadline in after.items():
        kept = before.get((resource, address)) if address not in moved else None
        if kept is not None and horizon.accepts(kept, deadline):
            continue
        until = horizon.until(deadline)
        (shorten if kept is not None and until < kept else admit).append(Admission(resource, address, until))
    return tuple(expel), tuple(shorten), tuple(admit)


def flows(
    placements: Iterable[Placement], expel: Iterable[Admission], closed: Iterable[Placement] = (), moved: Iterable[Address] = ()
) -> tuple[tuple[Address | None, Address | None], ...]:
    """Name the flows to forget, as (device, resource address): of the expelled, to closed resources, of moved addresses."""
    overlays = {(p.slug, a.version): a for p in placements for a in (p.overlay_v4, p.overlay_v6) if a}
    flows: dict[tuple[Address | None, Address | None], None] = {}
    flows.update({(None, a): None for p in closed for a in (p.overlay_v4, p.overlay_v6) if a})
    flows.update({(address, None): None for address in moved})
    for admission in expel:
        overlay = overlays.get((admission.resource, admission.address.version))
        if overlay and (None, overlay) not in flows and (admission.address, None) not in flows:
            flows[admission.address, overlay] = None
    return tuple(flows)
