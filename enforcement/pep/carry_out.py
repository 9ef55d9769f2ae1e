"""Carry a plan out on the kernel, in its order: what closes first, in transactions of its own.

Nothing that fails to open holds back what closes, nor another resource: each failure
becomes a sentence, and whether it mattered shows when the kernel is read back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from enforcement.pep import nft, ruleset, wg
from enforcement.pep.caps import Caps
from enforcement.pep.kernel import Kernel, KernelError, NftError
from enforcement.pep.observe import families
from enforcement.pep.plan import Plan
from enforcement.pep.state import Address, Admission, Peer, Placement, State


def carry_out(
    kernel: Kernel, caps: Caps, plan: Plan, held: Iterable[Placement], calls: Mapping[str, str] | None = None, *, reads_peers: bool = True
) -> tuple[tuple[Placement, ...], list[str]]:
    """Make the changes. Returns the resources that stand afterwards, and what went wrong.

    `calls` says where devices that are added again were heard. `reads_peers` False: a peer that WireGuard took without
    a complaint counts as there.
    """
    why: list[str] = []
    standing = {placement.slug: placement for placement in held}
    _close(kernel, caps, plan, standing, why)
    taken = _run(kernel, wg.put(kernel.interface, plan.set_peers, calls), why)
    _open(kernel, caps, plan, standing, why, reads_peers=reads_peers or not taken)
    return tuple(sorted(standing.values(), key=lambda placement: placement.id)), why


def _close(kernel: Kernel, caps: Caps, plan: Plan, standing: dict[str, Placement], why: list[str]) -> None:
    if plan.expel or plan.shorten:
        _elements(kernel, plan, why)
    for placement in plan.drop_placements:
        _drop(kernel, placement, standing, why)
    for old, new in plan.replace_placements:
        if _try(partial(kernel.commit, ruleset.replace_resource(caps, old, new)), why):
            standing[new.slug] = new
        else:
            _drop(kernel, old, standing, why)
    _try(partial(kernel.forget, plan.forget), why)
    _run(kernel, wg.drop(kernel.interface, plan.drop_peers), why)
    _run(kernel, wg.put(kernel.interface, plan.strip_peers), why)


def _open(kernel: Kernel, caps: Caps, plan: Plan, standing: dict[str, Placement], why: list[str], *, reads_peers: bool) -> None:
    """Read the new peers back, then open resources, then admit the addresses of peers that are really there."""
    absent = _not_there(kernel, plan.set_peers, why) if plan.set_peers and reads_peers else frozenset()
    for placement in plan.add_placements:
        if _try(partial(kernel.commit, ruleset.add_resource(caps, placement)), why):
            standing[placement.slug] = placement
    admissions = [a for a in plan.admit if a.resource in standing and a.address not in absent]
    if admissions:
        _admit(kernel, admissions, why)


def rebuild(kernel: Kernel, caps: Caps, keep: State, *, live: bool) -> tuple[tuple[Placement, ...], list[str]]:
    """Load the whole table with what is kept, its refusals silent, so that no stream is reset (FACTS R30): `speak` follows.

    Returns the resources that loaded: where one does not, it is left out and all others stand.
    """
    why: list[str] = []
    if live:
        _try(partial(kernel.commit, ruleset.refuse(silent=True)), [])
    admissions = nft.admit(keep.admissions, kernel.now())
    loaded = keep.placements
    if not _try(partial(kernel.commit, ruleset.table(caps, keep.placements, silent=True) + admissions), []):
        _try(partial(kernel.commit, ruleset.table(caps, (), silent=True)), why)
        loaded = tuple(p for p in keep.placements if _one(kernel, caps, p, keep, why))
    return loaded, why


def speak(kernel: Kernel) -> list[str]:
    """Let refusals speak again, once all that may pass is let in: a granted stream that meets the rebuild waits, and is not told no."""
    why: list[str] = []
    _try(partial(kernel.commit, ruleset.refuse(silent=False)), why)
    return why


def _one(kernel: Kernel, caps: Caps, placement: Placement, keep: State, why: list[str]) -> bool:
    admissions = [a for a in keep.admissions if a.resource == placement.slug]
    return _try(partial(kernel.commit, ruleset.add_resource(caps, placement) + nft.admit(admissions, kernel.now())), why)


def _elements(kernel: Kernel, plan: Plan, why: list[str]) -> None:
    if _try(partial(kernel.commit, nft.expel(plan.expel) + nft.admit(plan.shorten, kernel.now())), []):
        return
    # a set may be gone: one element at a time, so that it holds nothing else back
    for admission in plan.expel:
        _try(partial(kernel.commit, nft.expel([admission])), why)
    for admission in plan.shorten:
        _try(partial(kernel.commit, nft.admit([admission], kernel.now())), why)


def _drop(kernel: Kernel, placement: Placement, standing: dict[str, Placement], why: list[str]) -> None:
    """Take a resource away. One that will not go stands on, and admits nobody."""
    if _try(partial(kernel.commit, ruleset.drop_resource(placement)), why):
        standing.pop(placement.slug, None)
        return
    for version in families(placement):
        _try(partial(kernel.commit, f"flush set inet {nft.TABLE} {ruleset.set_name(placement.slug, version)}\n"), why)


def _admit(kernel: Kernel, admissions: list[Admission], why: list[str]) -> None:
    if _try(partial(kernel.commit, nft.admit(admissions, kernel.now())), []):
        return
    for slug in dict.fromkeys(a.resource for a in admissions):
        mine = [a for a in admissions if a.resource == slug]
        _try(partial(kernel.commit, nft.admit(mine, kernel.now())), why)


def _not_there(kernel: Kernel, peers: Iterable[Peer], why: list[str]) -> frozenset[Address]:
    try:
        held = set(kernel.show().peers)
    except KernelError as error:
        why.append(str(error))
        held = set()
    return frozenset(address for peer in peers if peer not in held for address in peer.addresses)


def _run(kernel: Kernel, argvs: Iterable[list[str]], why: list[str]) -> bool:
    failed = [argv for argv in argvs if not _try(partial(kernel.run, argv), why)]
    return not failed


def _try(act: Callable[[], object], why: list[str]) -> bool:
    try:
        act()
    except (NftError, KernelError, OSError) as error:
        why.append(str(error))
        return False
    return True
