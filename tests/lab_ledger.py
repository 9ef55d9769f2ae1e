"""No packet too many: what really arrived behind a PEP, held against what grants allowed at that moment.

The ledger sits on the LAN host and sees every packet that came from the overlay. The test
says from when on what is allowed; whatever else arrived is an excess, named with its time.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from bisect import bisect_right
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple

from tests.lab import PYTHON, TOOLS

SLACK = 0.1  # seconds that a packet may lie about on a busy machine between the PEP's decision and the next host


class Way(NamedTuple):
    """A packet's way: who sent it, and where it arrived. ICMP has port 0."""

    source: str
    destination: str
    protocol: str
    port: int


@dataclass(frozen=True)
class Packet:
    at: float
    way: Way


@dataclass(frozen=True)
class Allowed:
    """What may arrive, from this moment until the next one that is said."""

    since: float
    ways: frozenset[Way]


def ways(wanted):
    """Return every way that a state of the protocol opens."""
    placed = {placement["slug"]: placement for placement in wanted["placements"]}
    found = set()
    for slug, source, _deadline in wanted["admissions"]:
        target = placed[slug][f"target_v{ip_address(source).version}"]
        for protocol, first, last in placed[slug]["ports"]:
            found |= {Way(source, target, protocol, port) for port in range(first, last + 1)}
        found.add(Way(source, target, "icmp", 0))  # errors about an admitted flow
    return frozenset(found)


def excess(packets, timeline):
    """Return the packets that nothing allowed when they arrived, nor within SLACK before it."""
    begins = [allowed.since for allowed in timeline]

    def was_allowed(packet):
        first = max(0, bisect_right(begins, packet.at - SLACK) - 1)
        last = bisect_right(begins, packet.at)
        return any(packet.way in allowed.ways for allowed in timeline[first:last])

    return [packet for packet in packets if not was_allowed(packet)]


def late(packet, timeline):
    """Say how long after the last change of what is allowed a packet came."""
    return packet.at - max(allowed.since for allowed in timeline if allowed.since <= packet.at)


class Ledger:
    """Listens on a host from its making until `close`."""

    def __init__(self, lab, host="lan", interface="eth0", seconds=600):
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        self._process = lab.popen(host, [*PYTHON, str(TOOLS / "ledger.py"), str(seconds), interface], stdout=self._file)
        until = time.monotonic() + 10
        while not self._text().startswith("ready\n"):
            assert time.monotonic() < until, "the ledger did not start"
            time.sleep(0.01)
        self.timeline = [Allowed(0.0, frozenset())]

    def allow(self, allowed):
        """Say what may arrive from now on."""
        self.timeline.append(Allowed(time.time(), frozenset(allowed)))

    def allow_also(self, allowed):
        self.allow(self.timeline[-1].ways | allowed)

    def packets(self, since=0.0):
        """Return what arrived; the last moments may not be written down yet."""
        rows = [line.split(" ") for line in self._text().split("\n")[1:-1]]
        found = [Packet(float(at), Way(source, to, protocol, int(port))) for at, source, to, protocol, port in rows]
        return [packet for packet in found if packet.at >= since]

    def close(self):
        """End it, and return every packet of its time."""
        self._process.terminate()
        self._process.wait(timeout=10)
        packets = self.packets()
        self._file.close()
        return packets

    def _text(self):
        """Read without moving: the position in the file is the tool's as well, which would write over what it has written."""
        handle = self._file.fileno()
        return os.pread(handle, os.fstat(handle).st_size, 0).decode()


class Knocker:
    """Knocks at doors from a device, over and over, with so many seconds between two rounds."""

    def __init__(self, lab, host, doors, seconds=600, pause=0.05):
        self._process = lab.popen(host, [*PYTHON, str(TOOLS / "knock.py"), str(seconds), str(pause), json.dumps(doors)])
        assert self._process.stdout.readline() == "ready\n"

    def stop(self):
        """End it; return how often each door was knocked at."""
        self._process.terminate()
        counts = json.loads(self._process.stdout.readline())
        self._process.wait(timeout=5)
        return counts
