"""The receipt: what this PEP's kernel held after a pass, and how it came to that.

Values only, and never more than was read back: what is wanted and not held is missing,
whatever the plan meant to do. Deadlines are given as they were asked for where the
kernel holds them within tolerance or to the end of a lease, so the digest stays the
same while nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping

from enforcement.pep.apply import Pass
from enforcement.pep.journal import MOST_ECHOED
from enforcement.pep.plan import Horizon, Pair, Scope
from enforcement.pep.requests import Apply
from enforcement.pep.state import LAST_SECOND, Admission, State, digest, to_json

AGENT = "0.1.0"


def of_apply(request: Apply, done: Pass) -> dict[str, object]:
    """Print a pass."""
    horizon = done.horizon
    deadlines = {(a.resource, a.address): a.deadline for a in request.state.admissions}
    held = {(a.resource, a.address): a.deadline for a in done.held.admissions}
    missing = _missing(request, done, held)
    extra = _extra(request, done, deadlines, horizon)
    limited = [held[pair] for pair, deadline in deadlines.items() if pair in held and held[pair] < deadline - horizon.lag - 2]
    changed = "applied" if done.changed else "unchanged"
    return {
        "document": request.document,
        "digest": digest(_as_wanted(done.held, deadlines, horizon, request)),
        "outcome": changed if done.opens else "removals only",
        "why": done.why,
        "missing": missing,
        "extra": extra,
        "counts": done.counts if request.scope else counts(done.held),
        "lease_until": min(limited, default=horizon.now + request.lease) if request.lease else None,
        "skew": round(request.sent_at - horizon.now, 1),
        "drift": [{"kind": d.kind, "what": dict(d.what), "words": d.words} for d in done.drift],
        "handshakes": done.interface.handshakes,
        "journal": done.journal[:MOST_ECHOED],
        "journal_left_out": max(0, len(done.journal) - MOST_ECHOED),
    }


def of_read(held: State, handshakes: Mapping[str, int], why: list[str]) -> dict[str, object]:
    """Print what is held, when nothing was asked for."""
    nothing: dict[str, list[object]] = {"peers": [], "admissions": []}
    return {
        "document": "",
        "digest": digest(held),
        "outcome": "unchanged",
        "why": why,
        "missing": {**nothing, "placements": []},
        "extra": nothing,
        "counts": counts(held),
        "lease_until": None,
        "drift": [],
        "handshakes": dict(handshakes),
        "journal": [],
        "journal_left_out": 0,
        "held": to_json(State(held.placements, held.peers, tuple(_printable(a) for a in held.admissions))),
    }


def counts(held: State) -> dict[str, int]:
    return {"peers": len(held.peers), "admissions": len(held.admissions), "placements": len(held.placements)}


def _printable(admission: Admission) -> Admission:
    """Print an element without an end as one that ends with the calendar."""
    return Admission(admission.resource, admission.address, min(admission.deadline, LAST_SECOND))


def _missing(request: Apply, done: Pass, held: Mapping[Pair, int]) -> dict[str, object]:
    wanted, now = request.state, done.read_at
    peers = {peer for peer in done.held.peers if peer.key not in done.interface.odd}
    placements = set(done.held.placements)
    late = [
        a
        for a in wanted.admissions
        if a.deadline > now and not ((end := held.get((a.resource, a.address))) is not None and _stands(done.horizon, end, a.deadline))
    ]
    return {
        "peers": [p.key for p in wanted.peers if p not in peers],
        "admissions": [[a.resource, str(a.address)] for a in late],
        "placements": [p.slug for p in wanted.placements if p not in placements],
    }


def _extra(request: Apply, done: Pass, deadlines: Mapping[Pair, int], horizon: Horizon) -> dict[str, object]:
    scope, keys = request.scope, {peer.key for peer in request.state.peers}
    admissions = [
        [a.resource, str(a.address)]
        for a in done.held.admissions
        if _inside(scope, a) and a.deadline > max(deadlines.get((a.resource, a.address), 0), horizon.now)
    ]
    peers = [p.key for p in done.held.peers if p.key not in keys and (scope is None or any(a in scope.devices for a in p.addresses))]
    return {"peers": peers, "admissions": admissions}


def _as_wanted(held: State, deadlines: Mapping[Pair, int], horizon: Horizon, request: Apply) -> State:
    scope, slugs = request.scope, {placement.slug for placement in request.state.placements}
    keys = {peer.key for peer in request.state.peers}
    admissions = []
    for a in held.admissions:
        deadline = deadlines.get((a.resource, a.address))
        if deadline is not None and _stands(horizon, a.deadline, deadline):
            admissions.append(Admission(a.resource, a.address, deadline))
        elif _inside(scope, a):
            admissions.append(a)
    peers = [p for p in held.peers if scope is None or p.key in keys or any(a in scope.devices for a in p.addresses)]
    placements = [p for p in held.placements if scope is None or p.slug in slugs or p.slug in scope.resources]
    order = sorted(admissions, key=lambda a: (a.resource, a.address.version, int(a.address)))
    return State(tuple(placements), tuple(sorted(peers, key=lambda p: p.key)), tuple(order))


def _stands(horizon: Horizon, end: int, deadline: int) -> bool:
    """Whether what was read back is what the plan left alone: a second look at one element may round it down to the second before."""
    return horizon.accepts(end, deadline) or (end < deadline and horizon.accepts(end + 1, deadline))


def _inside(scope: Scope | None, admission: Admission) -> bool:
    return scope is None or scope.holds(admission.resource, admission.address)
