"""What arrives at the hosts of a lab: streams whose every byte is timed, and an ear for stray packets."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from itertools import pairwise


class Streams:
    """Streams that run; what arrived so far can be asked at any time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.arrivals: dict[str, list[float]] = {}
        self.ends: dict[str, str] = {}
        self.numbers: dict[str, list[int]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_until_all_flow(self, count: int, seconds: float = 5, arrivals: int = 3) -> None:
        """Return once `count` streams have heard something a few times."""
        until = time.monotonic() + seconds
        while sum(len(times) >= arrivals for times in dict(self.arrivals).values()) < count:
            if time.monotonic() > until or self.process.poll() is not None:
                raise AssertionError(f"of {count} streams only these flow: {sorted(self.arrivals)}; ended: {self.ends}")
            time.sleep(0.01)

    def stop(self) -> None:
        self.process.terminate()
        self._reader.join(timeout=5)
        self.process.wait(timeout=5)

    def finish(self, seconds: float = 30) -> None:
        """Wait until every stream ended by itself."""
        self.process.wait(timeout=seconds)
        self._reader.join(timeout=5)

    def settle(self, seconds: float) -> float:
        """Give what is under way this long to arrive; return the moment after which silence counts, and listen on as long."""
        time.sleep(seconds)
        moment = time.monotonic()
        time.sleep(seconds)
        return moment

    def last(self, name: str) -> float:
        return self.arrivals[name][-1]

    def flows_after(self, moment: float) -> set[str]:
        return {name for name, times in self.arrivals.items() if times[-1] > moment}

    def lost(self) -> int:
        """Count the numbered datagrams that are missing between those that came."""
        return sum(numbers[-1] - numbers[0] + 1 - len(numbers) for numbers in self.numbers.values())

    def longest_gap(self, name: str, start: float = 0, end: float = float("inf")) -> float:
        times = [t for t in self.arrivals[name] if start <= t <= end]
        return max((b - a for a, b in pairwise(times)), default=float("inf"))

    def _read(self) -> None:
        for line in self.process.stdout or ():
            seen = json.loads(line)
            if seen["event"] == "byte":
                self.arrivals.setdefault(seen["name"], []).append(seen["t"])
                if seen["why"]:
                    self.numbers.setdefault(seen["name"], []).append(int(seen["why"]))
            else:
                self.ends[seen["name"]] = seen["why"]


class Heard:
    """An ear inside a namespace: counts what reaches it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.first = process.stdout.readline() if process.stdout else ""

    def count(self, expected: int) -> int:
        """Count what came: wait for what is expected, or give what should not come a moment."""
        lines = 0
        while lines < expected and self.process.stdout and self.process.stdout.readline():
            lines += 1
        time.sleep(0.1)
        self.process.terminate()
        return lines + len(self.process.communicate(timeout=5)[0].splitlines())
