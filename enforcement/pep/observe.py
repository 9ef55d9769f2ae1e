"""Read what the kernel holds, as a `State`, and say whether our table is the one we left.

Whole, or a scope: then single elements by their key and whole sets of named resources,
so that it costs what the change costs. A table whose generation id has not moved since
our own last commit is the one we left (FACTS R14); otherwise it is listed and compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from enforcement.pep.kernel import Kernel, KernelError
from enforcement.pep.memory import Memory
from enforcement.pep.plan import Scope
from enforcement.pep.ruleset import set_name
from enforcement.pep.state import Address, Admission, Peer, Placement, State
from enforcement.pep.wg import Interface


@dataclass(frozen=True, slots=True)
class Observed:
    """What was read. `table` is "ours", "changed", "missing" or "unknown" (nothing remembered)."""

    state: State
    interface: Interface
    table: str
    touched: bool
    genid: int
    error: str = ""


def observe(kernel: Kernel, memory: Memory, version: str, scope: Scope | None, peers: Iterable[Peer]) -> Observed:
    """Read the kernel. These peers and their admissions are looked at besides the scope's own."""
    genid = kernel.generation()
    touched = genid != memory.marks.genid or kernel.boot() != memory.marks.boot
    table = _table(kernel, memory, version, touched=touched)
    placements = memory.sorted_placements() if table != "missing" else ()
    peers = tuple(peers)
    interface, error = remembered(memory, scope, peers), ""
    if interface is None or touched or not memory.sure:
        interface, error = read_interface(kernel, mentions(scope, peers))
    admissions = read_admissions(kernel, placements, scope, addresses_of(peers))
    return Observed(State(placements, interface.peers, admissions), interface, table, touched, genid, error)


def addresses_of(peers: Iterable[Peer]) -> tuple[Address, ...]:
    return tuple(address for peer in peers for address in peer.addresses)


def mentions(scope: Scope | None, peers: Iterable[Peer]) -> frozenset[str]:
    """Return the texts that a peer's line holds if it matters to a scope; empty where every line does."""
    if scope is None or scope.resources:
        return frozenset()
    addresses = {f"{a}/{a.max_prefixlen}" for a in (*scope.devices, *addresses_of(peers))}
    return frozenset(addresses | {peer.key for peer in peers})


def remembered(memory: Memory, scope: Scope | None, peers: Iterable[Peer]) -> Interface | None:
    """Return what a scope is about as WireGuard last took it; None where the scope cannot be told from all the rest.

    WireGuard lists all its peers or none: reading would cost what the PEP holds. Whole passes read them, every few seconds.
    """
    if scope is None or scope.resources:
        return None
    peers = tuple(peers)
    about = memory.peers_about((peer.key for peer in peers), (*scope.devices, *addresses_of(peers)))
    return Interface(None, about, frozenset(), {}, is_remembered=True)


def read_interface(kernel: Kernel, about: frozenset[str] = frozenset()) -> tuple[Interface, str]:
    """Return the WireGuard interface, or an empty one and why it cannot be read."""
    try:
        return kernel.show(about), ""
    except KernelError as error:
        return Interface(None, (), frozenset(), {}, is_unread=True), f"the WireGuard interface {kernel.interface} cannot be read: {error}"


def read_admissions(
    kernel: Kernel, placements: Iterable[Placement], scope: Scope | None, devices: Iterable[Address]
) -> tuple[Admission, ...]:
    """Return the admissions of these resources: all, or the scope's and these devices'."""
    found: list[Admission] = []
    addresses = None if scope is None else scope.devices | frozenset(devices)
    for placement in placements:
        for version in families(placement):
            name = set_name(placement.slug, version)
            if addresses is None or (scope and placement.slug in scope.resources):
                ends = kernel.elements(name)
            else:
                asked = {a: kernel.element(name, a) for a in addresses if a.version == version}
                ends = {address: end for address, end in asked.items() if end is not None}
            found += [Admission(placement.slug, address, end) for address, end in ends.items()]
    return tuple(found)


def families(placement: Placement) -> tuple[Literal[4, 6], ...]:
    """Return the address families a resource has; in others it has no set, and admits nobody."""
    v4: tuple[Literal[4, 6], ...] = (4,) if placement.overlay_v4 else ()
    return (*v4, 6) if placement.overlay_v6 else v4


def _table(kernel: Kernel, memory: Memory, version: str, *, touched: bool) -> str:
    if not touched and memory.sure:
        return ("ours" if memory.marks.version == version else "unknown") if memory.marks.structure else "missing"
    structure = kernel.structure()
    if structure is None:
        return "missing"
    if not memory.marks.structure or not memory.sure or memory.marks.version != version:
        known = memory.marks.version == version and not memory.halfway  # else nobody knows which resources these are
        return "ours" if known and structure == memory.marks.structure else "unknown"
    return "ours" if structure == memory.marks.structure else "changed"
