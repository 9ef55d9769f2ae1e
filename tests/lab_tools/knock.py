"""Knock at doors over and over: a datagram or a connection's first packet at each, in turn.

usage: knock.py SECONDS PAUSE '[{"kind": "tcp" | "udp", "to": "10.89.65.7", "port": 445, "from": "10.89.0.9"?}, ...]'
Prints "ready", and at its end (by itself or told to) the number of knocks at each door, as a JSON list.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sys
import time

TRANSPARENT = {socket.AF_INET: (socket.SOL_IP, 19), socket.AF_INET6: (socket.IPPROTO_IPV6, 75)}


class Door:
    """One address and port, and the socket of the last knock: a connection's is closed at the next."""

    def __init__(self, spec: dict) -> None:
        self.spec, self.knocks, self.sock = spec, 0, None
        self.family = socket.AF_INET6 if ":" in spec["to"] else socket.AF_INET

    def knock(self) -> None:
        is_udp = self.spec["kind"] == "udp"
        if self.sock is None or not is_udp:
            self.renew(socket.SOCK_DGRAM if is_udp else socket.SOCK_STREAM)
        with contextlib.suppress(OSError):  # refused, unreachable, full: the ledger says what arrived
            if is_udp:
                self.sock.sendto(b"?", (self.spec["to"], self.spec["port"]))
            else:
                self.sock.connect((self.spec["to"], self.spec["port"]))
        self.knocks += 1

    def renew(self, kind: int) -> None:
        if self.sock:
            self.sock.close()
        self.sock = socket.socket(self.family, kind)
        self.sock.setblocking(False)
        if "from" in self.spec:
            self.sock.setsockopt(*TRANSPARENT[self.family], 1)
            self.sock.bind((self.spec["from"], 0))


def main(seconds: float, pause: float, specs: list[dict]) -> None:
    doors, over = [Door(spec) for spec in specs], []
    signal.signal(signal.SIGTERM, lambda *_: over.append(True))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    until = time.monotonic() + seconds
    while not over and time.monotonic() < until:
        for door in doors:
            door.knock()
        time.sleep(pause)
    sys.stdout.write(json.dumps([door.knocks for door in doors]) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), json.loads(sys.argv[3]))
