"""Peers as `wg` arguments, and back.

Pure: an argv out, text in. A peer's AllowedIPs are exactly its device's addresses. A
peer that stays is never removed and added again: it would be deaf for 15 s (FACTS R16).
Only `wg set` is used, since kernel WireGuard has no other lasting interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from enforcement.pep.state import Address, Peer, held_address, make_state

WG = "/usr/bin/wg"
PER_COMMAND = 500
MOST_MENTIONS = 20
PEER_FIELDS, INTERFACE_FIELDS = 8, 4
NONE = "(none)"


@dataclass(frozen=True, slots=True)
class Interface:
    """A WireGuard interface as read back. `odd` are keys that may send from more than single addresses.

    Where it `is_remembered`, these are the peers a scope is about as WireGuard last took them, not read again.
    """

    public_key: str | None
    peers: tuple[Peer, ...]
    odd: frozenset[str]
    handshakes: dict[str, int]
    is_unread: bool = False
    is_remembered: bool = False


def show(interface: str) -> list[str]:
    """Return the argv that prints the interface for `parse`."""
    return [WG, "show", interface, "dump"]


def drop(interface: str, keys: Iterable[str]) -> Iterator[list[str]]:
    """Yield the argvs that remove peers; an absent one is no error."""
    return _batches(interface, [["peer", key, "remove"] for key in keys])


def put(interface: str, peers: Iterable[Peer]) -> Iterator[list[str]]:
    """Yield the argvs that add peers, or replace the AllowedIPs of peers that are there."""
    return _batches(interface, [["peer", p.key, "allowed-ips", ",".join(map(_host, p.addresses))] for p in peers])


def parse(dump: str, about: frozenset[str] = frozenset()) -> Interface:
    """Read `wg show <interface> dump`: a line for the interface, then one for each peer.

    With `about` (keys, addresses), only the peers whose line mentions one of them, which is quicker.
    """
    text = dump.splitlines()
    if 0 < len(about) <= MOST_MENTIONS:
        text = text[:1] + [line for line in text[1:] if any(mention in line for mention in about)]
    lines = [line.split("\t") for line in text]
    public = next((line[1] for line in lines if len(line) == INTERFACE_FIELDS), NONE)
    peers, odd, handshakes = [], set(), {}
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
    return Interface(None if public == NONE else public, make_state(peers=peers).peers, frozenset(odd), handshakes)


def _addresses(allowed: str) -> tuple[tuple[Address, ...], bool]:
    prefixes = [text.partition("/") for text in allowed.split(",")] if allowed != NONE else []
    hosts = tuple(held_address(address) for address, _, length in prefixes if length == ("128" if ":" in address else "32"))
    return hosts, len(hosts) != len(prefixes)


def _host(address: Address) -> str:
    return f"{address}/{address.max_prefixlen}"


def _batches(interface: str, items: list[list[str]]) -> Iterator[list[str]]:
    for start in range(0, len(items), PER_COMMAND):
        yield [WG, "set", interface, *(word for item in items[start : start + PER_COMMAND] for word in item)]
