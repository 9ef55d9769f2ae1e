"""What this PEP's owner allows at most, whatever the portal asks for.

The caps live in a file that only root writes, and the agent reads them at every
request, so a stolen worker key opens nothing beyond them. They gate only what opens or
extends: taking away is never refused. To add a cap, give it a field in `Caps`, read it
in `parse_caps`, and say in `refusals` what exceeds it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from ipaddress import IPv4Network, IPv6Network
from typing import TypeVar

from enforcement.pep.state import PROTOCOLS, Address, Peer, Placement, Port, State, StateError, parse_address

Network = IPv4Network | IPv6Network
T = TypeVar("T")

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}", re.ASCII)
LONGEST_SECONDS = 90 * 86400
HOUR = 3600
LAST_PORT = 65535


class CapsError(ValueError):
    """The PEP's own file says something the agent cannot follow; the message says what."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where resources may lead: a prefix behind this PEP, and the ports there."""

    prefix: Network
    ports: tuple[Port, ...]


@dataclass(frozen=True, slots=True)
class Caps:
    """The PEP's own file, typed."""

    pep: str
    interface: str
    lan_interfaces: tuple[str, ...]
    masquerade: bool
    log_group: int | None
    listen_port: int
    own_addresses: tuple[Address, ...]
    overlay: tuple[Network, ...]
    device_pools: tuple[Network, ...]
    resource_prefixes: tuple[Network, ...]
    targets: tuple[Target, ...]
    forbidden_targets: tuple[Network, ...]
    longest_seconds: int
    most_peers: int
    most_new_peers_an_hour: int
    state_dir: str
    kept_open: tuple[Target, ...] = ()  # who may still come in from outside in lock-down, and by which ports of this host


@dataclass(frozen=True, slots=True)
class Refusal:
    """One peer (by key) or placement (by slug) that the caps do not allow, and why not."""

    kind: str
    name: str
    why: str


def parse_caps(value: object) -> Caps:
    """Read the file's JSON. Raises CapsError: an agent without clear caps opens nothing."""
    names = {field.name for field in fields(Caps)}
    needed = {field.name for field in fields(Caps) if field.default is MISSING}  # a file from before a field was there is read still
    if not isinstance(value, dict) or not needed <= set(value) <= names:
        raise CapsError(f"the agent's file has exactly the fields {', '.join(sorted(names))}")
    caps = Caps(**{name: _READERS[name](name, value[name]) for name in value})  # type: ignore[arg-type]
    for name in ("device_pools", "resource_prefixes"):
        outside = [prefix for prefix in getattr(caps, name) if not any(_within(prefix, whole) for whole in caps.overlay)]
        if outside:
            raise CapsError(f"{name}: {outside[0]} is not inside the overlay")
    shared = [(a, b) for a in caps.device_pools for b in caps.resource_prefixes if a.version == b.version and a.overlaps(b)]
    if shared:
        raise CapsError(f"the device pool {shared[0][0]} and the resource prefix {shared[0][1]} overlap")
    return caps


def refusals(caps: Caps, state: State) -> tuple[Refusal, ...]:
    """Say which peers and placements exceed the caps. Deadlines are cut to `longest_seconds` elsewhere, not refused."""
    placements = [Refusal("placement", p.slug, why) for p in state.placements if (why := _placement_exceeds(caps, p))]
    peers = [Refusal("peer", p.key, why) for p in state.peers if (why := _peer_exceeds(caps, p))]
    return (*placements, *peers)


def within(state: State, refused: Iterable[Refusal]) -> State:
    """Return the state without what was refused, and without the admissions that hang on it."""
    gone = {(refusal.kind, refusal.name) for refusal in refused}
    placements = tuple(p for p in state.placements if ("placement", p.slug) not in gone)
    peers = tuple(p for p in state.peers if ("peer", p.key) not in gone)
    slugs = {placement.slug for placement in placements}
    addresses = {address for peer in peers for address in peer.addresses}
    return State(placements, peers, tuple(a for a in state.admissions if a.resource in slugs and a.address in addresses))


def _placement_exceeds(caps: Caps, placement: Placement) -> str:
    pairs = [(placement.overlay_v4, placement.target_v4), (placement.overlay_v6, placement.target_v6)]
    for overlay, target in pairs:
        if overlay is None or target is None:
            continue
        if not any(overlay in prefix for prefix in caps.resource_prefixes):
            return f"the resource {placement.slug} has the address {overlay}, outside this PEP's resource prefixes"
        if target in caps.own_addresses:
            continue
        if any(target in prefix for prefix in (*caps.forbidden_targets, *caps.overlay)):
            return f"the resource {placement.slug} leads to {target}, which this PEP's owner forbids"
        allowed_ports = [port for entry in caps.targets if target in entry.prefix for port in entry.ports]
        closed = [port for port in placement.ports if not any(_covers(allowed, port) for allowed in allowed_ports)]
        if closed:
            port = closed[0]
            ports_there = f"{port.protocol} {port.first}-{port.last}"
            return f"the resource {placement.slug} leads to {target} {ports_there}, which this PEP's owner does not allow"
    return ""


def _peer_exceeds(caps: Caps, peer: Peer) -> str:
    outside = [address for address in peer.addresses if not any(address in pool for pool in caps.device_pools)]
    outside += [address for address in peer.addresses if address in caps.own_addresses]
    return f"the peer {peer.key} has the address {outside[0]}, which is not one for devices here" if outside else ""


def _covers(allowed: Port, port: Port) -> bool:
    return allowed.protocol == port.protocol and allowed.first <= port.first and port.last <= allowed.last


def _within(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _text(pattern: re.Pattern[str]) -> Callable[[str, object], str]:
    def read(name: str, value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise CapsError(f"{name}: {value!r:.60} is not a name for it")
        return value

    return read


def _integer(low: int, high: int) -> Callable[[str, object], int]:
    def read(name: str, value: object) -> int:
        if type(value) is not int or not low <= value <= high:
            raise CapsError(f"{name} is a whole number from {low} to {high}; got {value!r:.60}")
        return value

    return read


def _list_of(read_one: Callable[[str, object], T]) -> Callable[[str, object], tuple[T, ...]]:
    def read(name: str, value: object) -> tuple[T, ...]:
        if not isinstance(value, list):
            raise CapsError(f"{name} must be a list")
        return tuple(read_one(name, item) for item in value)

    return read


def _address(name: str, value: object) -> Address:
    try:
        return parse_address(value)
    except StateError as error:
        raise CapsError(f"{name}: {error}") from None


def _network(name: str, value: object) -> Network:
    try:
        return ipaddress.ip_network(value if isinstance(value, str) else "")
    except ValueError:
        raise CapsError(f"{name}: {value!r:.60} is not a prefix such as 10.89.0.0/18") from None


def _port(name: str, value: object) -> Port:
    protocol, first, last = value if isinstance(value, list) and len(value) == len(fields(Port)) else (None, None, None)
    if protocol not in PROTOCOLS or type(first) is not int or type(last) is not int or not 1 <= first <= last <= LAST_PORT:
        raise CapsError(f'{name}: a port is written ["tcp", 1, 65535]; got {value!r:.60}')
    return Port(protocol, first, last)


def _target(name: str, value: object) -> Target:
    if not isinstance(value, dict) or set(value) != {"prefix", "ports"}:
        raise CapsError(f"{name}: a target has exactly the fields ports, prefix")
    return Target(_network(name, value["prefix"]), _list_of(_port)(name, value["ports"]))


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise CapsError(f"{name} is true or false")
    return value


def _log_group(name: str, value: object) -> int | None:
    return None if value is None else _integer(0, LAST_PORT)(name, value)


_READERS: Mapping[str, Callable[[str, object], object]] = {
    "pep": _text(NAME),
    "interface": _text(INTERFACE),
    "lan_interfaces": _list_of(_text(INTERFACE)),
    "masquerade": _flag,
    "log_group": _log_group,
    "listen_port": _integer(1, LAST_PORT),
    "own_addresses": _list_of(_address),
    "overlay": _list_of(_network),
    "device_pools": _list_of(_network),
    "resource_prefixes": _list_of(_network),
    "targets": _list_of(_target),
    "forbidden_targets": _list_of(_network),
    "longest_seconds": _integer(1, LONGEST_SECONDS),
    "most_peers": _integer(0, 1_000_000),
    "most_new_peers_an_hour": _integer(0, 1_000_000),
    "state_dir": _text(re.compile(r"/[A-Za-z0-9._/-]{1,200}", re.ASCII)),
    "kept_open": _list_of(_target),
}
