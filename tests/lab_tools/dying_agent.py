"""The shipped agent, but for one thing: it ends itself with SIGKILL at a point of its work that has a name.

usage: python3 -I dying_agent.py AGENT.PYZ POINT --config PATH ; where POINT is empty it lives, and names on stderr each
point that it passes, from the first line of a pass to its receipt. Everything it does is the agent's own code on the
real kernel; only the calls are counted. A point is "before commit 2", "after wg 1", "half a line of last.jsonl 1".
"""

from __future__ import annotations

import collections
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from enforcement.pep import agent, apply, journal, memory  # the zipapp's own
from enforcement.pep.__main__ import main
from enforcement.pep.kernel import Kernel

LAST = sys.argv[2]
RECEIPT = 1
seen: collections.Counter[str] = collections.Counter()
write, fsync = os.write, os.fsync
is_armed = False


def point(label: str) -> bool:
    """Pass a point, or end there. Nothing counts before a pass begins: a greeting changes nothing."""
    if not is_armed:
        return False
    seen[label] += 1
    name = f"{label} {seen[label]}"
    if name == LAST:
        os.kill(os.getpid(), signal.SIGKILL)
    if not LAST:
        write(2, f"{name}\n".encode())
    return name == LAST


def around(owner: object, name: str, label: str, only=lambda *_: True) -> None:
    """Put a point before and after each call."""
    whole = getattr(owner, name)

    def with_points(*arguments, **named):
        if not only(*arguments):
            return whole(*arguments, **named)
        point(f"before {label}")
        result = whole(*arguments, **named)
        point(f"after {label}")
        return result

    setattr(owner, name, with_points)


def begin(*arguments, **named):
    global is_armed  # noqa: PLW0603 - one pass in this process's life
    is_armed = True
    point("before the pass")
    return one_pass(*arguments, **named)


def write_half(handle: int, data: bytes) -> int:
    """Write, and die behind half of it where that is asked for."""
    file = "the receipt" if handle == RECEIPT else Path(f"/proc/self/fd/{handle}").readlink().name
    label = f"half of {file}"
    if is_armed and f"{label} {seen[label] + 1}" == LAST:
        write(handle, bytes(data[: len(data) // 2]))
    point(label)
    written = write(handle, data)
    point(f"after {file}")
    return written


one_pass, agent.apply = agent.apply, begin
around(apply, "observe", "reading the kernel")
around(memory.Memory, "intend", "the order")
around(journal, "append", "the journal")
around(Kernel, "commit", "commit")
around(Kernel, "forget", "forgetting flows")
around(Kernel, "run", "wg set", lambda _, argv: argv[1] == "set")
around(Kernel, "run", "a routing rule", lambda _, argv: "rule" in argv)
around(apply, "_read_back", "the read-back")
around(memory.Memory, "settle", "the memory is settled")
around(os, "fsync", "fsync")
around(Path, "replace", "the memory written anew")
os.write = write_half

if __name__ == "__main__":
    sys.argv[1:] = sys.argv[3:]
    main()
