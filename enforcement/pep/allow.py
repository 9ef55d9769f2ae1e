"""What of a document this PEP's owner allows, and why not the rest."""

from __future__ import annotations

from enforcement.pep.caps import HOUR, Caps, Refusal, refusals, within
from enforcement.pep.memory import Memory
from enforcement.pep.observe import families
from enforcement.pep.requests import Apply
from enforcement.pep.state import State


def within_caps(caps: Caps, memory: Memory, request: Apply, now: float) -> tuple[State, list[str]]:
    """Return the allowed part, and a sentence for each thing that is not in it."""
    refused = list(refusals(caps, request.state))
    allowed = within(request.state, refused)
    excess = _too_many(caps, memory, request, allowed, now)
    allowed = within(allowed, excess)
    has = {placement.slug: families(placement) for placement in allowed.placements}
    fitting = tuple(a for a in allowed.admissions if a.address.version in has[a.resource])
    odd = sorted({(a.resource, a.address.version) for a in allowed.admissions} - {(a.resource, a.address.version) for a in fitting})
    words = [refusal.why for refusal in (*refused, *excess)]
    words += [
        f"the resource {slug} has no IPv{version} address here, so no device's IPv{version} address is let in" for slug, version in odd
    ]
    return State(allowed.placements, allowed.peers, fitting), words


def _too_many(caps: Caps, memory: Memory, request: Apply, allowed: State, now: float) -> list[Refusal]:
    new = [peer.key for peer in allowed.peers if peer.key not in memory.peers]
    staying = len(allowed.peers) - len(new) if request.scope is None else len(memory.peers)
    room = max(0, caps.most_peers - staying)
    this_hour = max(0, caps.most_new_peers_an_hour - memory.new_peers_since(now - HOUR))
    over = [Refusal("peer", key, f"the peer {key} is one too many: this PEP takes {caps.most_peers} at most") for key in new[room:]]
    late = new[this_hour:room]
    return over + [
        Refusal("peer", key, f"the peer {key} must wait: this PEP takes {caps.most_new_peers_an_hour} new ones an hour") for key in late
    ]
