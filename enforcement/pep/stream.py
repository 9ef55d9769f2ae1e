"""Lines in and out of the agent, with bounds on everything.

A line has a longest length, a reader and a writer that stall are given up, and a stream
ends after ten minutes, or once the agent's file or its caps changed: whoever connects
again gets the new ones. Half a last line is nothing.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

LONGEST_LINE = 16 << 20
IDLE_SECONDS = 60.0
WRITE_SECONDS = 30.0
LIFE_SECONDS = 600.0
GRACE_SECONDS = 60.0
READ_BYTES = 1 << 16
LOOK_SECONDS = 1.0


class Stream:
    """One stream of requests over two file descriptors."""

    def __init__(self, source: int, sink: int, watched: Sequence[Path]) -> None:
        """Note how the watched files look, and when the stream began."""
        self._source, self._sink = source, sink
        self._watched = watched
        self._looks = self._look()
        self._ends = time.monotonic() + LIFE_SECONDS
        self._over = False
        os.set_blocking(sink, False)

    def lines(self) -> Iterator[bytes]:
        """Yield whole lines until the stream ends."""
        buffer = bytearray()
        heard = time.monotonic()
        searched = 0
        while not self._over:
            end = buffer.find(b"\n", searched)
            if end >= 0:
                line = bytes(buffer[:end])
                del buffer[: end + 1]
                searched = 0
                if self._has_changed() or time.monotonic() > self._ends + GRACE_SECONDS:
                    return
                yield line
                heard = time.monotonic()
                continue
            searched = len(buffer)
            if searched > LONGEST_LINE:
                self._say(f"a line has {LONGEST_LINE} bytes at most")
                return
            data = self._read(heard)
            if not data:
                return
            heard = time.monotonic()
            buffer += data

    def write(self, answer: object) -> None:
        """Write one line. A reader that does not read for too long ends the stream."""
        data = memoryview(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
        poll = select.poll()
        poll.register(self._sink, select.POLLOUT)
        while data and not self._over:
            if not poll.poll(WRITE_SECONDS * 1000):
                self._over = True
                return
            try:
                data = data[os.write(self._sink, data) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                self._over = True

    def _read(self, heard: float) -> bytes:
        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        while True:
            now = time.monotonic()
            # not between a hello and its document
            is_old = now > self._ends and now > heard + LOOK_SECONDS
            if now > heard + IDLE_SECONDS or is_old or self._has_changed():
                return b""
            if poll.poll(LOOK_SECONDS * 1000):
                return os.read(self._source, READ_BYTES)

    def _say(self, why: str) -> None:
        self.write({"version": 1, "kind": "error", "why": [why]})

    def _has_changed(self) -> bool:
        return self._look() != self._looks

    def _look(self) -> list[tuple[int, ...] | None]:
        return [_look_at(path) for path in self._watched]


def _look_at(path: Path) -> tuple[int, ...] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
