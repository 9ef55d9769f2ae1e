"""Streams of a device: one JSON line for each byte or packet that arrives, and one when a stream ends.

usage: streams.py SECONDS '[{"name": "a", "kind": "tcp", "to": "10.89.65.2", "port": 445}, ...]'
kinds: tcp (send and hear the echo), tcp-listen, udp (send and hear the echo), udp-listen (ask once, then listen).
Lines: {"name", "t": monotonic seconds, "event": "byte" | "end", "why"}; "why" of a udp-listen's byte is the
number it carries. Ends by itself after SECONDS.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time

EVERY = 0.02
LOCK = threading.Lock()


def say(name: str, event: str, why: str = "") -> None:
    line = json.dumps({"name": name, "t": time.monotonic(), "event": event, "why": why})
    with LOCK:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def run(spec: dict, until: float) -> None:
    family = socket.AF_INET6 if ":" in spec["to"] else socket.AF_INET
    kind = socket.SOCK_STREAM if spec["kind"].startswith("tcp") else socket.SOCK_DGRAM
    with socket.socket(family, kind) as sock:
        sock.settimeout(10)  # a first packet that is lost is sent again after 1, 3 and 7 s
        try:
            sock.connect((spec["to"], spec["port"]))
            why = exchange(spec, sock, until)
        except OSError as error:
            why = type(error).__name__
        say(spec["name"], "end", why)


def exchange(spec: dict, sock: socket.socket, until: float) -> str:
    """Send unless the kind only listens; a UDP listener asks until the first answer, then never again."""
    listens, heard = spec["kind"].endswith("-listen"), False
    asks = spec["kind"] == "udp-listen"
    sock.settimeout(EVERY)
    while time.monotonic() < until:
        started = time.monotonic()
        if not listens or (asks and not heard):
            sock.send(b"?")
        try:
            data = sock.recv(4096)
        except TimeoutError:
            continue
        if not data and spec["kind"].startswith("tcp"):
            return "eof"
        heard = True
        say(spec["name"], "byte", data.decode() if spec["kind"] == "udp-listen" else "")
        if not listens:
            time.sleep(max(0.0, EVERY - (time.monotonic() - started)))
    return "time"


def main() -> None:
    until = time.monotonic() + float(sys.argv[1])
    threads = [threading.Thread(target=run, args=(spec, until)) for spec in json.loads(sys.argv[2])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
