"""See to it that the guard table and the routing guard stand before anything is opened.

Their text follows from the root-owned file alone. The first time, and whenever somebody
touched them, they are loaded again; where that fails, nothing is opened (FACTS R13, R24).
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from enforcement.pep import ruleset
from enforcement.pep.caps import Caps
from enforcement.pep.drift import Drift
from enforcement.pep.kernel import Kernel, KernelError, NftError
from enforcement.pep.memory import Marks

ROUTING_WORDS = "the routing rules down to the guard's were changed by hand; the guard's own are put back"


def stand(kernel: Kernel, caps: Caps, marks: Marks, *, touched: bool) -> tuple[Marks, list[Drift], str]:
    """Return what to remember of the guards, the drift seen, and why they do not stand (empty where they do)."""
    drift: list[Drift] = []
    script = ruleset.guard(caps)
    text = hashlib.sha256(repr((script, ruleset.routing_guard(caps))).encode()).hexdigest()
    known = marks.guard_of == text and marks.boot == kernel.boot()  # nobody is blamed for a restart
    guard = marks.guard
    try:
        rules = kernel.rules()
        if touched or not known:
            guard = _table(kernel, script, marks.guard if known else None, drift) or ""
        if not known or rules != marks.rules:
            if known:
                drift.append(Drift("routing guard changed", {}, ROUTING_WORDS))
            _route(kernel, caps)
            rules = kernel.rules()
    except (NftError, KernelError, OSError) as error:
        return marks, drift, f"the guard cannot be put back, so nothing is opened: {error}"
    return replace(marks, guard=guard, guard_of=text, rules=rules), drift, ""


def _table(kernel: Kernel, script: str, remembered: str | None, drift: list[Drift]) -> str | None:
    held = kernel.guard()
    if held is not None and held == remembered:
        return held
    if remembered is not None:
        kind = "guard missing" if held is None else "guard changed"
        words = "the guard table was deleted by hand" if held is None else "the guard table was changed by hand"
        drift.append(Drift(kind, {}, f"{words}; put back"))
    kernel.commit(script)
    return kernel.guard()


def _route(kernel: Kernel, caps: Caps) -> None:
    for argv in ruleset.routing_guard(caps):
        _run_once(kernel, argv)


def _run_once(kernel: Kernel, argv: tuple[str, ...]) -> None:
    try:
        kernel.run(argv)
    except KernelError as error:
        if "File exists" not in str(error):
            raise
