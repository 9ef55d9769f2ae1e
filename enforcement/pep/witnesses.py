"""What the portal said of its audit log, kept where the portal's database is not.

Each document carries the end of the log: number and seal of its last event. A line is
added where that moved, and none is ever rewritten, so a log that was cut off, made anew
or restored from yesterday no longer fits what is here (`manage.py audit verify` asks).
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

FILE = "witnesses.log"  # "1767225600.123 25:<64 hex>", and " but 30:<64 hex>" where a later end was seen before
LINE = re.compile(rb"(\d{1,12}\.\d{1,6}) (\d{1,19}):([0-9a-f]{64})(?: but (\d{1,19}):([0-9a-f]{64}))?")
TAIL_BYTES = 4096
LATEST = 200
MOST_DAYS = 1000

Witness = tuple[int, str]  # an event's number, and its seal


def keep(directory: Path, told: Witness, now: float) -> tuple[Witness | None, bool]:
    """Keep an end of the log. Returns the later one seen before that it contradicts, if any, and whether it was news."""
    last, highest, is_whole = _latest(directory / FILE)
    against = highest if highest and told[0] <= highest[0] and told != highest else None
    is_news = told != last and (told[0] > 0 or highest is not None)
    if is_news:
        line = f"{now:.3f} {told[0]}:{told[1]}" + (f" but {against[0]}:{against[1]}" if against else "")
        _append(directory / FILE, ("" if is_whole else "\n") + line + "\n")
    return against, is_news


def tell(directory: Path) -> list[list[object]]:
    """Return the latest witnesses, and of older ones the first of each day: [seconds since 1970, number, seal] each, oldest first."""
    latest: deque[list[object]] = deque(maxlen=LATEST)
    first: dict[str, list[object]] = {}
    for at, (seq, seal) in _lines(directory / FILE):
        latest.append([at, seq, seal])
        first.setdefault(time.strftime("%Y-%m-%d", time.gmtime(at)), latest[-1])
    older = [each for each in list(first.values())[-MOST_DAYS:] if each not in latest]
    return [*older, *latest]


def _lines(path: Path) -> Iterator[tuple[float, Witness]]:
    try:
        with path.open("rb") as stream:
            for line in stream:
                found = LINE.fullmatch(line.rstrip(b"\n"))
                if found and int(found[2]) > 0:
                    yield float(found[1]), (int(found[2]), found[3].decode())
    except FileNotFoundError:
        return


def _latest(path: Path) -> tuple[Witness | None, Witness | None, bool]:
    """Return the last one kept, the highest one, and whether the file ends with a whole line."""
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - TAIL_BYTES))
            tail = stream.read()
    except FileNotFoundError:
        return None, None, True
    found = next((match for line in reversed(tail.splitlines()) if (match := LINE.fullmatch(line))), None)
    if found is None:
        return None, None, not tail or tail.endswith(b"\n")
    last = int(found[2]), found[3].decode()
    highest = (int(found[4]), found[5].decode()) if found[4] else last
    return last, highest, tail.endswith(b"\n")


def _append(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)
