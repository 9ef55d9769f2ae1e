"""End all access where the PEP's clock jumped ahead: while a machine is paused, so are the timeouts in its kernel.

A timer runs this (`--watch-clock`), and systemd does at once when the clock is set. What
is compared is the distance between the clock and the kernel's own count of time: it moves
by steps only, never with the rate. The portal puts back at its next pass what still holds.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from enforcement.pep import journal
from enforcement.pep.agent import locked, read_caps
from enforcement.pep.kernel import Kernel
from enforcement.pep.nft import TABLE

FILE = "clock.json"
JUMP_SECONDS = 2.0
SET = re.compile(r"^\s*set (device-access-to-[a-z0-9.-]+) \{", re.ASCII | re.MULTILINE)


def watch(config: Path) -> str:
    """Look once, and say what was done. The sets are empty before the jump counts as seen, so no crash forgets it."""
    caps = read_caps(config)
    directory = Path(caps.state_dir)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(directory):
        kernel = Kernel(caps.interface)
        boot, distance = kernel.boot(), kernel.now() - time.monotonic()
        known = _remembered(directory, boot)
        jumped = 0.0 if known is None else distance - known
        if jumped > JUMP_SECONDS:
            _empty(kernel)
            line: journal.Line = {"at": round(kernel.now(), 3), "change": "end all access: the clock jumped", "seconds": round(jumped, 3)}
            journal.append(directory, [line])
        if known is None or abs(jumped) > JUMP_SECONDS:
            _remember(directory, boot, distance)
    return f"the clock jumped ahead by {jumped:.1f} s: all access was ended" if jumped > JUMP_SECONDS else "the clock did not jump ahead"


def _empty(kernel: Kernel) -> None:
    names = SET.findall(kernel.listing() or "")
    kernel.commit("".join(f"flush set inet {TABLE} {name}\n" for name in names))


def _remembered(directory: Path, boot: str) -> float | None:
    """Return the distance as it was seen in this boot; None before the first look."""
    try:
        known = json.loads((directory / FILE).read_text(encoding="ascii"))
        return float(known["distance"]) if known["boot"] == boot else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(directory: Path, boot: str, distance: float) -> None:
    new = directory / f"{FILE}.new"
    new.write_text(json.dumps({"boot": boot, "distance": distance}), encoding="ascii")
    new.replace(directory / FILE)
