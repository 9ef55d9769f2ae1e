"""The demo's processes: each known by its pid, each with a log of its own, all ended by us.

A part is ready when its question says so; one that ends before that is reported with the
last lines of its log, because that is what a person needs to see.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from portal.demo.home import ROOT

PATIENCE = 60.0  # seconds until a part counts as broken
GRACE = 5.0  # seconds to end by itself


class PartFailedError(RuntimeError):
    """A part did not start; the message ends with what it said."""


class Part:
    """One process and its children, in a process group of their own."""

    def __init__(self, name: str, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                argv, env=dict(env), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait for the part. Raises PartFailedError with the end of its log."""
        until = time.monotonic() + PATIENCE
        while not ready():
            if self.process.poll() is not None:
                raise PartFailedError(f"{self.name} ended with code {self.process.returncode}:\n{self.last_lines()}")
            if time.monotonic() > until:
                raise PartFailedError(f"{self.name} was not ready within {PATIENCE:.0f} s:\n{self.last_lines()}")
            time.sleep(0.05)

    def last_lines(self, count: int = 12) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])

    def kill(self) -> None:
        """End it with -9, children included: what a power cut or an out-of-memory killer would do."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end, and insist after a while. Harmless to repeat."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=GRACE)
            except subprocess.TimeoutExpired:
                self.kill()


def run(argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
    """Run a command to its end. Raises PartFailedError with what it said."""
    part = Part(" ".join(argv[-2:]), argv, env, log)
    if part.process.wait(timeout=PATIENCE * 5):
        raise PartFailedError(f"{part.name} failed:\n{part.last_lines()}")
