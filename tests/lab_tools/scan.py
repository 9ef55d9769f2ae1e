"""Knock once at many ports of many addresses: a datagram, and the first packet of a connection.

usage: scan.py FIRST LAST STEP ADDRESS...
"""

from __future__ import annotations

import contextlib
import socket
import sys
import time

PACE, PAUSE = 40, 0.004  # so many ports, then a breath


def main(ports: range, addresses: list[str]) -> None:
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
            for number, port in enumerate(ports):
                with contextlib.suppress(OSError):
                    datagrams.sendto(b"?", (address, port))
                with socket.socket(family) as sock, contextlib.suppress(OSError):
                    sock.setblocking(False)
                    sock.connect((address, port))
                if number % PACE == 0:
                    time.sleep(PAUSE)


if __name__ == "__main__":
    main(range(int(sys.argv[1]), int(sys.argv[2]) + 1, int(sys.argv[3])), sys.argv[4:])
