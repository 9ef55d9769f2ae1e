"""Datagrams without a pause, and when the last one arrived: how exactly a cut can be timed.

usage: firehose.py send SECONDS ADDRESS PORT EVERY     a numbered datagram each EVERY seconds
       firehose.py hear SECONDS ADDRESS PORT           says "ready"; then, for each line on stdin, {"last": monotonic seconds, "count": n}
Both end by themselves after SECONDS.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time


def send(until: float, address: str, port: int, every: float) -> None:
    with _socket(address) as sock:
        number, due = 0, time.monotonic()
        while due < until:
            sock.sendto(str(number).encode(), (address, port))
            number, due = number + 1, max(due + every, time.monotonic() - every)
            time.sleep(max(0.0, due - time.monotonic()))


def hear(until: float, address: str, port: int) -> None:
    with _socket(address) as sock:
        sock.bind((address, port))
        last, count = 0.0, 0
        _say("ready")
        while time.monotonic() < until:
            ready, _, _ = select.select([sock, sys.stdin], [], [], 1)
            if sock in ready:
                sock.recv(100)
                last, count = time.monotonic(), count + 1
            elif ready:
                if not sys.stdin.readline():
                    return
                _say(json.dumps({"last": last, "count": count}))


def _socket(address: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    what, seconds, to, number, *more = sys.argv[1:]
    end = time.monotonic() + float(seconds)
    send(end, to, int(number), float(more[0])) if what == "send" else hear(end, to, int(number))
