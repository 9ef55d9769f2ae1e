"""The ruleset of a PEP as nft scripts: table inet lychgate, whole or one resource at a time.

Only values of `Caps` and `Placement` are printed, so no text that people typed gets
here. Every accept is positive: the flow's first source is in the resource's set, its
replies come from the real target, and the port is listed; it is asked again for every
packet, in both directions, so a flow ends with its element's timeout (FACTS R2, R21,
R29 to R31). Chains of a resource go by its id, sets by its slug. A changed structure
needs another VERSION; the agent then replaces the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from enforcement.pep.caps import Caps
from enforcement.pep.guard import guard, lines, routing_guard, sysctls
from enforcement.pep.skeleton import FAMILIES, TABLE, VERSION, Family, fingerprint, log, log_refusal, refusals, skeleton
from enforcement.pep.state import Address, Placement, Port

__all__ = [
    "TABLE",
    "VERSION",
    "add_resource",
    "drop_resource",
    "fingerprint",
    "guard",
    "refuse",
    "replace_resource",
    "routing_guard",
    "set_name",
    "sysctls",
    "table",
]

_NEW_FLOW = "ct status ! confirmed"  # true for a flow's first packet only, also where nothing ever answers (UDP)


class _Side(NamedTuple):
    """A placement in one family: what devices dial, and where that leads."""

    family: Family
    overlay: Address
    target: Address


def set_name(slug: str, version: Literal[4, 6]) -> str:
    """Name the set of a resource's admitted devices. A slug holds no dot, so no two names are the same."""
    return f"device-access-to-{slug}{FAMILIES[version].suffix}"


def table(caps: Caps, placements: tuple[Placement, ...], *, silent: bool = False) -> str:
    """Return the whole table, device sets empty: a replacement in one transaction.

    Under live flows a replacement takes three commits: `refuse(silent=True)`, this with
    `silent=True` (and the elements), `refuse(silent=False)`. A packet that meets the
    change half way is then lost, not answered with a reset (FACTS R30).
    """
    fixed = f"table inet {TABLE}\ndelete table inet {TABLE}\n{skeleton(caps, silent=silent)}"
    return "\n".join([fixed, *(add_resource(caps, placement) for placement in placements)])


def add_resource(caps: Caps, placement: Placement) -> str:
    """Add one resource to the table in place: its sets, chains and map entries."""
    return _script(_block(caps, placement), (_entry("add", *entry) for entry in _entries(placement)))


def drop_resource(placement: Placement) -> str:
    """Take one resource away: map entries, chains and sets, with every admission in them."""
    return _script(
        (_entry("delete", map_, key) for map_, key, _ in _entries(placement)),
        (f"flush chain inet {TABLE} {name}" for name in _chain_names(placement)),
        (f"delete chain inet {TABLE} {name}" for name in _chain_names(placement)),
        (f"delete set inet {TABLE} {name}" for name in _set_types(placement)),
    )


def replace_resource(caps: Caps, old: Placement, new: Placement) -> str:
    """Change one resource in place. Admissions stay, and so do flows that the new placement still allows.

    A flow to a target or a port that is no longer meant ends at the commit.
    """
    before, after, chains, sets = _entries(old), _entries(new), _chain_names(new), _set_types(new)
    return _script(
        (_entry("delete", map_, key) for map_, key, value in before if (map_, key, value) not in after),
        (f"flush chain inet {TABLE} {name}" for name in _chain_names(old)),
        (f"delete chain inet {TABLE} {name}" for name in _chain_names(old) if name not in chains),
        (f"delete set inet {TABLE} {name}" for name in _set_types(old) if name not in sets),
        _block(caps, new),
        (_entry("add", *entry) for entry in after if entry not in before),
    )


def refuse(*, silent: bool) -> str:
    """Make refusals silent, or let them speak again, in place."""
    rules = "".join(f"add rule inet {TABLE} refuse {rule}\n" for rule in refusals(silent=silent))
    return f"flush chain inet {TABLE} refuse\n{rules}"


def _sides(placement: Placement) -> tuple[_Side, ...]:
    pairs = ((placement.overlay_v4, placement.target_v4), (placement.overlay_v6, placement.target_v6))
    return tuple(_Side(FAMILIES[overlay.version], overlay, target) for overlay, target in pairs if overlay and target)


def _entries(placement: Placement) -> tuple[tuple[str, str, str], ...]:
    """List (map, key, value) of this resource."""
    return tuple(
        entry
        for side in _sides(placement)
        for entry in (
            (f"targets{side.family.suffix}", str(side.overlay), str(side.target)),
            (f"resources{side.family.suffix}", str(side.overlay), f"goto r{placement.id}{side.family.suffix}"),
        )
    )


def _entry(verb: str, map_: str, key: str, value: str = "") -> str:
    return f"{verb} element inet {TABLE} {map_} {{ {key}{' : ' + value if value else ''} }}"


def _set_types(placement: Placement) -> dict[str, str]:
    return {f"device-access-to-{placement.slug}{side.family.suffix}": side.family.type for side in _sides(placement)}


def _chain_names(placement: Placement) -> tuple[str, ...]:
    own = (f"r{placement.id}.admit", f"r{placement.id}.ports")
    return (*own, *(f"r{placement.id}{side.family.suffix}" for side in _sides(placement)))


def _block(caps: Caps, placement: Placement) -> Iterator[str]:
    name = f"r{placement.id}"
    yield f"table inet {TABLE} {{"
    yield f"  # {placement.slug}: {', '.join(f'{side.overlay} leads to {side.target}' for side in _sides(placement)) or 'no address'}"
    for set_, type_ in _set_types(placement).items():
        yield f"  set {set_} {{ type {type_}; flags timeout; timeout 1s; }}"
    yield _chain(f"{name}.admit", (f"{_NEW_FLOW} jump bounded", f"{_NEW_FLOW} {log(caps, f'accept {placement.slug}')}", "goto admit"))
    ports = (
        f"meta l4proto {p.protocol} ct original proto-dst {_range(p)} ct reply proto-src {_range(p)} goto {name}.admit"
        for p in _merged(placement.ports)
    )
    yield _chain(f"{name}.ports", (*ports, "goto refuse"))
    for side in _sides(placement):
        yield _chain(f"{name}{side.family.suffix}", _decision(caps, placement, side))
    yield "}"


def _decision(caps: Caps, placement: Placement, side: _Side) -> Iterator[str]:
    """Ask who began the flow and who really answers it, and nothing by a negative match.

    An expression that cannot be evaluated skips its rule, so only refusing may follow.
    """
    family, wg = side.family, f'"{caps.interface}"'
    admitted = f"@device-access-to-{placement.slug}{family.suffix}"
    flow = f"ct original {family.ip} saddr {admitted} ct reply {family.ip} saddr {side.target}"
    yield f"{flow} ct state new,established goto r{placement.id}.ports"
    yield f"{flow} ct state related iifname {wg} {family.ip} saddr {admitted} goto errors"
    yield f"{flow} ct state related iifname != {wg} goto errors"
    yield log_refusal(caps, family, f"reject {placement.slug}")
    yield "goto refuse"


def _merged(ports: tuple[Port, ...]) -> Iterator[Port]:
    """Join ranges that overlap or touch, so that a port is asked about once."""
    last: Port | None = None
    for port in sorted(ports):
        if last and last.protocol == port.protocol and port.first <= last.last + 1:
            last = Port(last.protocol, last.first, max(last.last, port.last))
            continue
        if last:
            yield last
        last = port
    if last:
        yield last


def _range(port: Port) -> str:
    return str(port.first) if port.first == port.last else f"{port.first}-{port.last}"


def _chain(name: str, rules: Iterable[str]) -> str:
    return f"  chain {name} {{\n{lines(rules)}\n  }}"


def _script(*parts: Iterable[str]) -> str:
    return "".join(f"{line}\n" for part in parts for line in part)
