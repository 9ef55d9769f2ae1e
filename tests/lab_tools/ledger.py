"""Write down every packet that arrives at this host from the overlay, with the kernel's own time of its arrival.

A TCP reset is left out: the PEP itself sends one, in the device's name, to a host whose reply it refuses.

usage: ledger.py SECONDS INTERFACE ; one line a packet: TIME SOURCE DESTINATION PROTOCOL PORT (0 where there is none).
Prints "ready" first, and ends by itself or when it is told to, having written all that came.
"""

from __future__ import annotations

import ipaddress
import signal
import socket
import struct
import sys
import time

ALL, OUTGOING, TIMESTAMPNS = 3, 4, 35
OVERLAY = (ipaddress.ip_network("10.89.0.0/16"), ipaddress.ip_network("fd89::/48"))
NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp"}
FLAGS, RESET = 13, 0b100
KERNEL_BUFFER = 8 << 20
FLUSH_SECONDS = 0.05  # what arrived is in the file not later than this


def describe(data: bytes) -> str | None:
    """Return who sent what where; None for what is not from the overlay."""
    version = data[0] >> 4 if data else 0
    if version not in {4, 6}:
        return None
    if version == 4:
        source, destination, number, head = data[12:16], data[16:20], data[9], (data[0] & 15) * 4
    else:
        source, destination, number, head = data[8:24], data[24:40], data[6], 40
    sender = ipaddress.ip_address(source)
    if not any(sender in prefix for prefix in OVERLAY if prefix.version == version):
        return None
    name = NAMES.get(number, str(number))
    if name == "tcp" and len(data) > head + FLAGS and data[head + FLAGS] & RESET:
        return None
    port = struct.unpack_from("!H", data, head + 2)[0] if name in {"tcp", "udp"} and len(data) >= head + 4 else 0
    return f"{sender} {ipaddress.ip_address(destination)} {name} {port}"


def main(seconds: float, interface: str) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, TIMESTAMPNS, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
        sock.bind((interface, ALL))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        until, written = time.monotonic() + seconds, time.monotonic()
        signal.signal(signal.SIGTERM, lambda *_: sock.settimeout(0))
        while (left := until - time.monotonic()) > 0:
            if sock.gettimeout() != 0:
                sock.settimeout(min(left, FLUSH_SECONDS))
            if time.monotonic() > written + FLUSH_SECONDS:
                sys.stdout.flush()
                written = time.monotonic()
            try:
                data, extra, _, where = sock.recvmsg(128, 64)
            except (TimeoutError, BlockingIOError):
                if sock.gettimeout() == 0:
                    return
                continue
            said = None if where[2] == OUTGOING else describe(data)
            if said:
                at, nanoseconds = struct.unpack("@ll", extra[0][2])
                sys.stdout.write(f"{at}.{nanoseconds:09d} {said}\n")


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2])
