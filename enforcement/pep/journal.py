"""The agent's own log of what it was made to do: one JSON line a change, never rewritten.

The portal gets the new lines in the receipt; the file stays on the PEP, so whoever
misuses the portal's key cannot hide what they opened.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from enforcement.pep.plan import Plan

FILE = "journal.jsonl"
MOST_ECHOED = 500

Line = dict[str, object]


def lines(plan: Plan, generation: int, now: float) -> Iterator[Line]:
    """Yield a line for each change of the plan."""
    head: Line = {"at": round(now, 3), "generation": generation}
    for change, admissions in (("expel", plan.expel), ("shorten", plan.shorten), ("admit", plan.admit)):
        for a in admissions:
            yield {**head, "change": change, "resource": a.resource, "address": str(a.address), "until": a.deadline}
    for key in plan.drop_peers:
        yield {**head, "change": "drop peer", "key": key}
    for change, peers in (("strip peer", plan.strip_peers), ("set peer", plan.set_peers)):
        for peer in peers:
            yield {**head, "change": change, "key": peer.key, "addresses": [str(a) for a in peer.addresses]}
    replaced = [new for _, new in plan.replace_placements]
    for change, placements in (
        ("drop resource", plan.drop_placements),
        ("change resource", replaced),
        ("add resource", plan.add_placements),
    ):
        for p in placements:
            yield {**head, "change": change, "resource": p.slug, "targets": [str(a) for a in (p.target_v4, p.target_v6) if a]}


def refusals(why: Iterable[str], generation: int, now: float) -> Iterator[Line]:
    """Yield a line for each reason not to do what was asked for: it is beyond what this PEP's owner allows, or late, or replayed."""
    for words in why:
        yield {"at": round(now, 3), "generation": generation, "change": "refuse", "why": words}


def append(directory: Path, new: list[Line]) -> None:
    """Write the lines at the end of the journal, in one write."""
    if not new:
        return
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in new).encode()
    handle = os.open(directory / FILE, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            text = b"\n" + text  # half a line of a crash must not swallow the next
        while text:
            text = text[os.write(handle, text) :]
    finally:
        os.close(handle)
