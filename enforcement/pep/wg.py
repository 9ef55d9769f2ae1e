"""Peers as `wg` arguments, and back.

Pure: an argv out, text in. A peer's AllowedIPs are exactly its device's addresses. A
peer that stays is never removed and added again: it would be deaf for 15 s (FACTS R16).
Only `wg set` is used, since kernel WireGuard has no other lasting interface.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from enforcement.pep.state import Address, Peer, held_address, make_state

WG = "/usr/bin/wg"
PER_COMMAND = 500
MOST_MENTIONS = 20
PEER_FIELDS, INTERFACE_FIELDS = 8, 4
NONE = "(none)"
ENDPOINT = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:.]+\]):\d{1,5}", re.ASCII)
SESSION_SECONDS = 180  # how long a device goes on sending under the keys of its last handshake, heard or not


@dataclass(frozen=True, slots=True)
class Interface:
    """A WireGuard interface as read back. `odd` are keys that may send from more than single addresses.

    Where it `is_remembered`, these are the peers a scope is about as WireGuard last took them, not read again.
    """

    public_key: str | None
    peers: tuple[Peer, ...]
    odd: frozenset[str]
    handshakes: dict[str, int]
    endpoints: dict[str, str] = field(default_factory=dict)
    is_unread: bool = False
    is_remembered: bool = False


def show(interface: str) -> list[str]:
    """Return the argv that prints the interface for `parse`."""
    return [WG, "show", interface, "dump"]


def drop(interface: str, keys: Iterable[str]) -> Iterator[list[str]]:
    """Yield the argvs that remove peers; an absent one is no error."""
    return _batches(interface, [["peer", key, "remove"] for key in keys])


def put(interface: str, peers: Iterable[Peer], endpoints: Mapping[str, str] | None = None) -> Iterator[list[str]]:
    """Yield the argvs that add peers, or replace the AllowedIPs of peers that are there.

    A peer with an endpoint is called there at once: switching its keepalive on sends one, and so begins a handshake.
    """
    called = endpoints or {}
    allowed = ([*_call(p.key, called), "allowed-ips", ",".join(map(_host, p.addresses)), *_hang_up(p.key, called)] for p in peers)
    return _batches(interface, list(allowed))


def recent(before: Mapping[str, tuple[str, int]], interface: Interface, now: float) -> dict[str, tuple[str, int]]:
    """Return where each device whose session lives was last heard, and when it shook hands.

    Added again after a while, such a device is deaf until it notices (FACTS R16), unless it is called.
    """
    found = {**before, **{key: (where, interface.handshakes.get(key, 0)) for key, where in interface.endpoints.items()}}
    return {key: (where, at) for key, (where, at) in found.items() if at > now - SESSION_SECONDS}


def parse(dump: str, about: frozenset[str] = frozenset()) -> Interface:
    """Read `wg show <interface> dump`: a line for the interface, then one for each peer.

    With `about` (keys, addresses), only the peers whose line mentions one of them, which is quicker.
    """
    text = dump.splitlines()
    if 0 < len(about) <= MOST_MENTIONS:
        text = text[:1] + [line for line in text[1:] if any(mention in line for mention in about)]
    lines = [line.split("\t") for line in text]
    public = next((line[1] for line in lines if len(line) == INTERFACE_FIELDS), NONE)
    peers, odd, handshakes, endpoints = [], set(), {}, {}
    for line in lines:
        if len(line) != PEER_FIELDS:
            continue
        key, allowed, handshake = line[0], line[3], int(line[4])
        addresses, is_odd = _addresses(allowed)
        peers.append(Peer(key, addresses))
        if is_odd:
            odd.add(key)
        if handshake:
            handshakes[key] = handshake
            if ENDPOINT.fullmatch(line[2]):
                endpoints[key] = line[2]
    return Interface(None if public == NONE else public, make_state(peers=peers).peers, frozenset(odd), handshakes, endpoints)


def _addresses(allowed: str) -> tuple[tuple[Address, ...], bool]:
    prefixes = [text.partition("/") for text in allowed.split(",")] if allowed != NONE else []
    hosts = tuple(held_address(address) for address, _, length in prefixes if length == ("128" if ":" in address else "32"))
    return hosts, len(hosts) != len(prefixes)


def _host(address: Address) -> str:
    return f"{address}/{address.max_prefixlen}"


def _call(key: str, endpoints: Mapping[str, str]) -> list[str]:
    return ["peer", key, *(["endpoint", endpoints[key], "persistent-keepalive", "25"] if key in endpoints else [])]


def _hang_up(key: str, endpoints: Mapping[str, str]) -> list[str]:
    return ["peer", key, "persistent-keepalive", "0"] if key in endpoints else []


def _batches(interface: str, items: list[list[str]]) -> Iterator[list[str]]:
    for start in range(0, len(items), PER_COMMAND):
        yield [WG, "set", interface, *(word for item in items[start : start + PER_COMMAND] for word in item)]
