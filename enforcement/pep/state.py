"""What a PEP must hold: placements, peers and admissions, as values.

The portal compiles a `State`, the agent reads one back from the kernel, and both print
it to the same bytes, so that one digest tells whether they mean the same. Only typed
addresses, integers, enums, WireGuard keys and one checked slug fit in: text that people
typed has no place here. Whatever else arrives is refused with a sentence.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

Address = IPv4Address | IPv6Address

SLUG = re.compile(r"[a-z][a-z0-9-]{0,30}", re.ASCII)
PROTOCOLS = ("tcp", "udp")
LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z: what datetime can still print
MAX_ID = 2**63 - 1
KEY_BYTES = 32
FAMILIES = 2


class StateError(ValueError):
    """The values cannot be a state of a PEP; the message says which and why."""


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """A range of ports of one protocol, both ends included (443 alone is 443..443)."""

    protocol: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Placement:
    """A resource on this PEP: what devices dial, and where that leads.

    An address family that is absent on either side gets no rule at all. `id` is the
    resource's id: chains are named by it, sets by the slug.
    """

    id: int
    slug: str
    ports: tuple[Port, ...]
    overlay_v4: IPv4Address | None = None
    target_v4: IPv4Address | None = None
    overlay_v6: IPv6Address | None = None
    target_v6: IPv6Address | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """A device on this PEP's WireGuard interface; its AllowedIPs are exactly `addresses`."""

    key: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Admission:
    """A device's address inside a resource's set, until `deadline` (UTC, whole seconds since 1970)."""

    resource: str
    address: Address
    deadline: int


@dataclass(frozen=True, slots=True)
class State:
    """Everything a PEP must hold, sorted, each thing once."""

    placements: tuple[Placement, ...] = ()
    peers: tuple[Peer, ...] = ()
    admissions: tuple[Admission, ...] = ()


def make_state(placements: Iterable[Placement] = (), peers: Iterable[Peer] = (), admissions: Iterable[Admission] = ()) -> State:
    """Sort and check the parts. Raises StateError where two of them contradict each other."""
    state = State(
        tuple(sorted(placements, key=lambda placement: placement.id)),
        tuple(sorted((Peer(p.key, _sorted(p.addresses)) for p in peers), key=lambda peer: peer.key)),
        tuple(sorted(admissions, key=_admission_order)),
    )
    _insist_once("resource id", [p.id for p in state.placements])
    _insist_once("slug", [p.slug for p in state.placements])
    _insist_once("resource address", [a for p in state.placements for a in (p.overlay_v4, p.overlay_v6) if a])
    _insist_once("peer key", [p.key for p in state.peers])
    _insist_once("device address", [a for p in state.peers for a in p.addresses])
    _insist_once("admission", [(a.resource, a.address) for a in state.admissions])
    _insist_known(state)
    return state


def digest(state: State) -> str:
    """SHA-256 over canonical JSON of the placements, (key, addresses) and (set, address, deadline).

    Deadlines are absolute whole seconds, so the digest stays the same while nothing changes.
    """
    return "sha256:" + hashlib.sha256(canonical(to_json(state))).hexdigest()


def canonical(value: object) -> bytes:
    """Print JSON in the one way both sides agree on: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()


def to_json(state: State) -> dict[str, list[object]]:
    """Shape: {"placements": [{...}], "peers": [[key, [address...]]], "admissions": [[slug, address, deadline]]}."""
    return {
        "placements": [_placement_to_json(placement) for placement in state.placements],
        "peers": [[peer.key, [str(address) for address in peer.addresses]] for peer in state.peers],
        "admissions": [[a.resource, str(a.address), a.deadline] for a in state.admissions],
    }


def from_json(value: object) -> State:
    """Read what `to_json` wrote, from somebody we do not trust. Raises StateError."""
    parts = _fields(value, {"placements", "peers", "admissions"}, "state")
    return make_state(
        [_placement_from_json(item) for item in _list(parts["placements"], "placements")],
        [_peer_from_json(item) for item in _list(parts["peers"], "peers")],
        [_admission_from_json(item) for item in _list(parts["admissions"], "admissions")],
    )


def parse_slug(value: object) -> str:
    """Return the slug, or raise: it becomes part of a set's name in the kernel."""
    if not isinstance(value, str) or not SLUG.fullmatch(value):
        raise StateError(f"a resource's slug is a-z, 0-9 and -, starts with a letter and has 31 characters at most; got {_short(value)}")
    return value


@functools.lru_cache(maxsize=1 << 17)  # every device is named once for each of its admissions, in every pass over all of them
def held_address(text: str) -> Address:
    """Return an address that the kernel holds, whoever put it there: one that we would refuse must be seen, or it could not be removed."""
    return ipaddress.ip_address(text)


def parse_address(value: object) -> Address:
    """Return one host address. A host name, a prefix, a scope or an IPv4-mapped address is refused."""
    if not isinstance(value, str):
        raise StateError(f"an address is text such as 10.89.0.2; got {_short(value)}")
    try:
        address = held_address(value)
    except ValueError:
        raise StateError(f"{_short(value)} is not an IP address") from None
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address.scope_id):
        raise StateError(f"{_short(value)} is IPv4-mapped or has a scope; write the plain address")
    return address


def parse_key(value: object) -> str:
    """Return a WireGuard public key: 44 characters of canonical base64 (R17 has the rest, checked at enrolment)."""
    try:
        raw = base64.b64decode(value.encode("ascii"), validate=True) if isinstance(value, str) else b""
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    if len(raw) != KEY_BYTES or base64.b64encode(raw).decode() != value or not any(raw):
        raise StateError("a peer's key is 32 bytes in base64, 44 characters long")
    return value


def _placement_to_json(placement: Placement) -> dict[str, object]:
    addresses = {name: str(a) if (a := getattr(placement, name)) else None for name in _ADDRESS_FIELDS}
    ports = [[port.protocol, port.first, port.last] for port in placement.ports]
    return {"id": placement.id, "slug": placement.slug, "ports": ports, **addresses}


def _placement_from_json(value: object) -> Placement:
    parts = _fields(value, {"id", "slug", "ports", *_ADDRESS_FIELDS}, "placement")
    v4 = [_family(parts[name], IPv4Address) for name in ("overlay_v4", "target_v4")]
    v6 = [_family(parts[name], IPv6Address) for name in ("overlay_v6", "target_v6")]
    if (v4[0] is None) != (v4[1] is None) or (v6[0] is None) != (v6[1] is None):
        raise StateError("a placement has both an overlay address and a target in a family, or neither")
    ports = tuple(sorted(_port(item) for item in _list(parts["ports"], "ports")))
    if not ports:
        raise StateError("a placement without a port would open nothing, or everything: name its ports")
    return Placement(_integer(parts["id"], 1, MAX_ID, "resource id"), parse_slug(parts["slug"]), ports, *v4, *v6)  # type: ignore[arg-type]


def _port(value: object) -> Port:
    protocol, first, last = _row(value, 3, "port")
    if protocol not in PROTOCOLS:
        raise StateError(f"a port's protocol is tcp or udp; got {_short(protocol)}")
    low, high = _integer(first, 1, 65535, "port"), _integer(last, 1, 65535, "port")
    if low > high:
        raise StateError(f"the port range {low}-{high} runs backwards")
    return Port(str(protocol), low, high)


def _peer_from_json(value: object) -> Peer:
    key, addresses = _row(value, 2, "peer")
    parsed = _sorted(parse_address(item) for item in _list(addresses, "addresses"))
    if not 1 <= len(parsed) <= FAMILIES or len({a.version for a in parsed}) != len(parsed):
        raise StateError("a peer has one address of each family at most, and at least one")
    return Peer(parse_key(key), parsed)


def _admission_from_json(value: object) -> Admission:
    slug, address, deadline = _row(value, 3, "admission")
    return Admission(parse_slug(slug), parse_address(address), _integer(deadline, 1, LAST_SECOND, "deadline"))


def _insist_known(state: State) -> None:
    slugs = {placement.slug for placement in state.placements}
    addresses = {address for peer in state.peers for address in peer.addresses}
    for admission in state.admissions:
        if admission.resource not in slugs:
            raise StateError(f"an admission names the resource {admission.resource}, which is not placed here")
        if admission.address not in addresses:
            raise StateError(f"an admission names {admission.address}, which no peer has")


def _insist_once(what: str, values: Sequence[object]) -> None:
    if len(set(values)) != len(values):
        raise StateError(f"the same {what} appears twice")


def _family(value: object, kind: type[IPv4Address | IPv6Address]) -> Address | None:
    if value is None:
        return None
    address = parse_address(value)
    if not isinstance(address, kind):
        raise StateError(f"{address} is of the wrong address family")
    return address


def _fields(value: object, names: set[str], what: str) -> Mapping[str, object]:
    if not isinstance(value, dict) or set(value) != names:
        raise StateError(f"a {what} has exactly the fields {', '.join(sorted(names))}")
    return value


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise StateError(f"{what} must be a list")
    return value


def _row(value: object, length: int, what: str) -> list[object]:
    if not isinstance(value, list) or len(value) != length:
        raise StateError(f"a {what} is a list of {length}")
    return value


def _integer(value: object, low: int, high: int, what: str) -> int:
    if type(value) is not int or not low <= value <= high:
        raise StateError(f"a {what} is a whole number from {low} to {high}; got {_short(value)}")
    return value


def _sorted(addresses: Iterable[Address]) -> tuple[Address, ...]:
    return tuple(sorted(addresses, key=_address_order))


def _address_order(address: Address) -> tuple[int, int]:
    return address.version, int(address)


def _admission_order(admission: Admission) -> tuple[str, int, int]:
    return admission.resource, *_address_order(admission.address)


def _short(value: object) -> str:
    return ascii(value)[:60]


_ADDRESS_FIELDS = ("overlay_v4", "target_v4", "overlay_v6", "target_v6")
