"""What the kernel holds that we did not put there, or no longer holds though we did.

Pure: compares what was read with what the agent remembers having applied. Expiry is not
drift, nor is a clock that was set: elements are only blamed on somebody when the tables
were touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from enforcement.pep.plan import EARLY_SECONDS, NEVER_ENDS, Pair, Scope
from enforcement.pep.ruleset import set_name
from enforcement.pep.state import Address, Peer, State

TABLE_WORDS = {
    "table changed": "the table inet lychgate was changed by hand; it was loaded again",
    "table missing": "the table inet lychgate was deleted by hand; it was loaded again",
}


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing that was not as we left it: its kind, typed values, and a sentence."""

    kind: str
    what: Mapping[str, object]
    words: str


def of_elements(held: State, remembered: Mapping[Pair, int], now: int, scope: Scope | None) -> Iterator[Drift]:
    """Compare the sets of the resources that are held with what we put into them."""
    slugs = {placement.slug for placement in held.placements}
    seen = {(a.resource, a.address): a.deadline for a in held.admissions}
    for pair, end in seen.items():
        yield from _element(pair, end, remembered.get(pair), now)
    for pair, until in remembered.items():
        inside = pair[0] in slugs and (scope is None or scope.holds(*pair))
        if inside and until > now + EARLY_SECONDS and pair not in seen:
            yield _drift("element missing", pair, "{address} was removed from {set} by hand")


def of_peers(held: Mapping[str, Peer], remembered: Mapping[str, Peer], odd: frozenset[str], scope: Scope | None) -> Iterator[Drift]:
    """Compare the peers on the interface with those we put there."""
    for key, peer in held.items():
        if not _inside(peer, remembered.get(key, peer), scope):
            continue
        if key not in remembered:
            yield _peer("peer added", peer, f"the peer {key} was added by hand")
        elif remembered[key] != peer or key in odd:
            yield _peer("addresses moved", peer, f"the addresses of the peer {key} were changed by hand")
    for key, peer in remembered.items():
        if key not in held and _inside(peer, peer, scope):
            yield _peer("peer removed", peer, f"the peer {key} was removed by hand")


def _element(pair: Pair, end: int, until: int | None, now: int) -> Iterator[Drift]:
    if end == NEVER_ENDS:
        yield _drift("element made permanent", pair, "{address} was made permanent in {set} by hand")
    elif until is None or until <= now - EARLY_SECONDS:
        yield _drift("element added", pair, "{address} was added to {set} by hand")
    elif end > until + EARLY_SECONDS:
        yield _drift("element lengthened", pair, f"{{address}} in {{set}} was lengthened by {end - until} s by hand")
    elif end < until - EARLY_SECONDS:
        yield _drift("element shortened", pair, f"{{address}} in {{set}} was shortened by {until - end} s by hand")


def _drift(kind: str, pair: Pair, words: str) -> Drift:
    slug, address = pair
    return Drift(kind, {"resource": slug, "address": str(address)}, words.format(address=address, set=set_name(slug, address.version)))


def _peer(kind: str, peer: Peer, words: str) -> Drift:
    return Drift(kind, {"key": peer.key, "addresses": [str(a) for a in peer.addresses]}, words)


def _inside(peer: Peer, before: Peer, scope: Scope | None) -> bool:
    addresses: tuple[Address, ...] = (*peer.addresses, *before.addresses)
    return scope is None or any(address in scope.devices for address in addresses)
