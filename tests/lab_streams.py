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

    def longest_gap(self, name: str, start: float = 0, end: float = float("inf")) -> float:
        times = [t for t in self.arrivals[name] if start <= t <= end]
        return max((b - a for a, b in pairwise(times)), default=float("inf"))

    def _read(self) -> None:
        for line in self.process.stdout or ():
            seen = json.loads(line)
            if seen["event"] == "byte":
                self.arrivals.setdefault(seen["name"], []).append(seen["t"])
            else:
                self.ends[seen["name"]] = seen["why"]


class Heard:
    """An ear inside a namespace: counts what reaches it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.first = process.stdout.readline() if process.stdout else ""

    def stop(self, seconds: float = 0.1) -> list[dict[str, object]]:
        """Give what is under way a moment, then say what came."""
        time.sleep(seconds)
        self.process.terminate()
        out = self.process.communicate(timeout=5)[0]
        return [json.loads(line) for line in out.splitlines()]
