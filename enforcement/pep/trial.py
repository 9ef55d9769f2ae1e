"""Lock this PEP down so that nobody is locked out: on trial first, for good only once somebody came in anew.

A trial closes the doors for a minute, by timeouts in the kernel. Whoever then brings its
token over a connection of its own has shown that there is a way in, and the lock-down
becomes lasting: over passes, over a flushed ruleset, over a boot (`boot guards` loads it
where the mark is). It is ended on the PEP itself, by root, and by nobody else.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Literal

from enforcement.pep.caps import Caps
from enforcement.pep.drift import Drift
from enforcement.pep.kernel import Kernel, KernelError, NftError
from enforcement.pep.lockdown import CLOSED, TRIAL_SECONDS, lockdown, may_lock
from enforcement.pep.memory import Marks
from enforcement.pep.netlink import FOREVER

FILE = "trial.json"
MARK = "locked"

State = Literal["open", "trial", "locked"]


class TrialError(Exception):
    """It is not locked down; the message says why not."""


def state(kernel: Kernel) -> State:
    """Say what the kernel holds now, whatever is remembered."""
    left = kernel.locked()
    if len(left) < len(CLOSED):
        return "open"
    return "locked" if all(each == FOREVER for each in left) else "trial"


def begin(kernel: Kernel, caps: Caps, directory: Path, stream: str) -> dict[str, object]:
    """Close the doors for a minute, and return the token that makes it lasting. Raises TrialError."""
    if (directory / MARK).exists() and state(kernel) == "locked":
        return {"state": "locked"}
    why = "this agent only records, and closes nothing" if kernel.recorded else may_lock(caps)
    if why:
        raise TrialError(why)
    token = secrets.token_hex(16)
    _write(directory / FILE, json.dumps({"token": token, "stream": stream, "boot": kernel.boot()}))
    kernel.commit(lockdown(caps, TRIAL_SECONDS))
    return {"state": "trial", "token": token, "seconds": TRIAL_SECONDS}


def confirm(kernel: Kernel, caps: Caps, directory: Path, stream: str, token: str) -> dict[str, object]:
    """Make the trial lasting, asked from a stream that began after it did. Raises TrialError."""
    known = _known(directory)
    if not secrets.compare_digest(token, str(known.get("token", ""))) or known.get("boot") != kernel.boot():
        raise TrialError("no such trial of lock-down has begun here")
    if known.get("stream") == stream:
        raise TrialError("lock-down is confirmed over a new connection, which shows that one gets in")
    if state(kernel) == "open":
        raise TrialError("the trial of lock-down is over, and this PEP is open again")
    _write(directory / MARK, "")  # before the kernel: what lasts there must last over a boot as well
    kernel.commit(lockdown(caps))
    (directory / FILE).unlink(missing_ok=True)
    return {"state": state(kernel)}


def stand(kernel: Kernel, caps: Caps, marks: Marks, directory: Path, *, touched: bool) -> tuple[Marks, list[Drift], str]:
    """Put a lasting lock-down back where it was touched: (what to remember, the drift seen, why it does not stand)."""
    if not (directory / MARK).exists():
        return replace(marks, lock="", lock_of=""), [], ""
    script = lockdown(caps)
    text = hashlib.sha256(script.encode()).hexdigest()
    known = marks.lock_of == text and marks.boot == kernel.boot()
    if known and not touched:
        return marks, [], ""
    drift: list[Drift] = []
    try:
        if not known or kernel.lock() != marks.lock or state(kernel) != "locked":
            if known:
                drift.append(Drift("lock-down changed", {}, "the lock-down was changed or ended by hand; put back"))
            kernel.commit(script)
        return replace(marks, lock=kernel.lock() or "", lock_of=text), drift, ""
    except (NftError, KernelError, OSError) as error:
        return marks, drift, f"the lock-down cannot be put back: {error}"


def _known(directory: Path) -> dict[str, object]:
    try:
        known = json.loads((directory / FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write(path: Path, text: str) -> None:
    """Have it on disk, whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    with new.open("w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(path)
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
