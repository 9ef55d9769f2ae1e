"""The agent on a kernel that says no where it is told to: all else is the agent's own code on the real one.

usage: python3 refusing_agent.py CODE '{"commit 2": "refused", ...}' --config PATH ; CODE is the zipapp, or the tree.
Calls are counted from the first pass on: commit, wg set, rule, show, forget, write FILE (half of it is written then).
What happens instead of a call: "refused" (the error that the kernel's own module raises there), "broken" (a fault of
ours), or commands of nft that somebody else commits just before it.
"""

from __future__ import annotations

import collections
import errno
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from enforcement.pep import agent  # the code of CODE
from enforcement.pep.__main__ import main
from enforcement.pep.kernel import Kernel, KernelError, NftError

INSTEAD = json.loads(sys.argv[2])
counted: collections.Counter[str] = collections.Counter()
has_begun = False


def begin(*arguments, **named):
    global has_begun  # noqa: PLW0603 - one pass after the other, in one process
    has_begun = True
    return one_pass(*arguments, **named)


def guard(name: str, label, error: type[Exception]) -> None:
    """Ask before each call of this method whether it may happen."""
    whole = getattr(Kernel, name)

    def asked(kernel, *arguments, **named):
        what = label(*arguments)
        if has_begun and what:
            counted[what] += 1
            refuse(kernel, INSTEAD.get(f"{what} {counted[what]}", ""), error)
        return whole(kernel, *arguments, **named)

    setattr(Kernel, name, asked)


def refuse(kernel: Kernel, instead: str, error: type[Exception]) -> None:
    if instead == "refused":
        raise error("lorem: refused")
    if instead == "broken":
        raise RuntimeError("lorem: broken")
    if instead:
        kernel._nft.run(instead)  # noqa: SLF001 - not counted among the agent's own commits


def write_half(handle: int, data: bytes) -> int:
    """Write, or half of it where the disk is to be full."""
    what = f"write {Path(f'/proc/self/fd/{handle}').readlink().name}"
    if has_begun and "jsonl" in what:
        counted[what] += 1
        if INSTEAD.get(f"{what} {counted[what]}"):
            write(handle, bytes(data[: len(data) // 2]))
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return write(handle, data)


write, os.write = os.write, write_half
one_pass, agent.apply = agent.apply, begin
guard("commit", lambda _: "commit", NftError)
guard("run", lambda argv: "wg set" if argv[1] == "set" else "rule" if "rule" in argv else "", KernelError)
guard("show", lambda *_: "show", KernelError)
guard("forget", lambda _: "forget", OSError)

if __name__ == "__main__":
    sys.argv[1:] = sys.argv[3:]
    main()
