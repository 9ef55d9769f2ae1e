"""Tell drift from what the agent itself, a restart or a clock did.

Elements are blamed on somebody only where the tables were touched since our last commit,
in this boot, with the clock left alone. After a crash in mid-apply nobody is blamed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from enforcement.pep.drift import TABLE_WORDS, Drift, of_elements, of_peers
from enforcement.pep.kernel import Kernel
from enforcement.pep.memory import Memory
from enforcement.pep.observe import Observed
from enforcement.pep.plan import Plan, Scope

MOST = 1000
CLOCK_SECONDS = 2


def blame(kernel: Kernel, memory: Memory, seen: Observed, scope: Scope | None) -> list[Drift]:
    """Compare what was read with what we last did, and list what somebody else did."""
    if not memory.marks.structure or memory.marks.boot != kernel.boot():
        return []
    found: list[Drift] = []
    if (kind := f"table {seen.table}") in TABLE_WORDS:
        found.append(Drift(kind, {}, TABLE_WORDS[kind]))
    clock_was_set = abs(kernel.now() - kernel.boottime() - memory.marks.clock) > CLOCK_SECONDS
    if seen.touched and seen.table in {"ours", "changed"} and not clock_was_set:
        found += of_elements(seen.state, memory.admissions, int(kernel.now()), scope)
    if not seen.error and not seen.interface.is_remembered:
        held = {peer.key: peer for peer in seen.interface.peers}
        found += of_peers(held, memory.peers, seen.interface.odd, scope)
    return found


def with_remedies(found: list[Drift], todo: Plan) -> list[Drift]:
    """Say with each what is done about it now."""
    remedies: dict[object, str] = {}
    for words, admissions in (("removed", todo.expel), ("set right", todo.shorten), ("put back", todo.admit)):
        remedies.update({(a.resource, str(a.address)): words for a in admissions})
    remedies.update(dict.fromkeys(todo.drop_peers, "removed"))
    remedies.update({peer.key: "put back" for peer in (*todo.strip_peers, *todo.set_peers)})
    return [_with_remedy(drift, remedies) for drift in _bounded(found)]


def _with_remedy(drift: Drift, remedies: dict[object, str]) -> Drift:
    what = drift.what
    key = (what["resource"], what["address"]) if "resource" in what else what.get("key")
    return replace(drift, words=f"{drift.words}; {remedies[key]}") if key in remedies else drift


def _bounded(found: list[Drift]) -> Iterable[Drift]:
    more = len(found) - MOST
    return found if more <= 0 else [*found[:MOST], Drift("more", {"count": more}, f"and {more} more things were changed by hand")]
