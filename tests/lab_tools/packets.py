"""Packets that no honest host sends: forged sources, ICMP errors about somebody's flow; and an ear for what arrives.

usage: packets.py udp SOURCE SPORT DESTINATION DPORT [COUNT] [SIZE]
       packets.py icmp-error TO INNER_SOURCE INNER_SPORT INNER_DESTINATION INNER_DPORT PROTOCOL
       packets.py forged udp|syn SOURCE SPORT DESTINATION DPORT [options]     every header is ours; behind IPv6 destination options
       packets.py raw PROTOCOL DESTINATION [PAYLOAD]  one packet of another protocol than TCP and UDP; the payload in hex
       packets.py hear-raw SECONDS 4|6 PROTOCOL       prints a JSON line for each such packet
       packets.py hear-syn SECONDS 4|6                prints a JSON line for each first packet of a TCP connection
       packets.py hear-udp SECONDS ADDRESS PORT       prints a JSON line for each datagram
       packets.py hear-icmp-errors SECONDS 4|6        prints a JSON line for each ICMP error
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import struct
import sys
import time

TRANSPARENT = {4: (socket.SOL_IP, 19), 6: (socket.IPPROTO_IPV6, 75)}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


def udp(source: str, sport: str, destination: str, dport: str, count: str = "1", size: str = "1") -> None:
    version = ipaddress.ip_address(source).version
    with socket.socket(FAMILY[version], socket.SOCK_DGRAM) as sock:
        sock.setsockopt(*TRANSPARENT[version], 1)
        sock.bind((source, int(sport)))
        for _ in range(int(count)):
            with contextlib.suppress(PermissionError):  # dropped on the way out, as the test may want
                sock.sendto(b"!" * int(size), (destination, int(dport)))


def icmp_error(to: str, source: str, sport: str, destination: str, dport: str, protocol: str) -> None:
    """Say "administratively prohibited" about the packet source -> destination."""
    version = ipaddress.ip_address(to).version
    ports, number = struct.pack("!HHI", int(sport), int(dport), 0), {"tcp": 6, "udp": 17}[protocol]
    src, dst = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    if version == 4:
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 60, 1, 0, 64, number, 0, src, dst)
        inner = head[:10] + struct.pack("!H", checksum(head)) + head[12:] + ports
        error = struct.pack("!BBHI", 3, 10, 0, 0) + inner
        error = error[:2] + struct.pack("!H", checksum(error)) + error[4:]
    else:
        inner = struct.pack("!IHBB16s16s", 6 << 28, 20, number, 64, src, dst) + ports
        error = struct.pack("!BBHI", 1, 1, 0, 0) + inner  # the kernel fills the checksum in
    with socket.socket(FAMILY[version], socket.SOCK_RAW, socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6) as sock:
        sock.sendto(error, (to, 0))


def forged(kind: str, source: str, sport: str, destination: str, dport: str, options: str = "") -> None:
    """Send past this host's own ideas of addresses and ports, as a raw socket may."""
    src, dst = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    number, body = transport(kind, src.packed + dst.packed, int(sport), int(dport))
    before = struct.pack("!BB6s", number, 0, b"\1\4") if options else b""  # padding, which nobody needs to understand
    if src.version == 4:
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, number, 0, src.packed, dst.packed)
    else:
        following = socket.IPPROTO_DSTOPTS if options else number
        head = struct.pack("!IHBB16s16s", 6 << 28, len(before) + len(body), following, 64, src.packed, dst.packed)
    with socket.socket(FAMILY[src.version], socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        sock.sendto(head + before + body, (destination, 0))


def transport(kind: str, addresses: bytes, sport: int, dport: int) -> tuple[int, bytes]:
    """Return the protocol's number and the datagram, or the first packet of a connection, with a right checksum."""
    number, checked_at = {"udp": (17, 6), "syn": (6, 16)}[kind]
    udp, syn = struct.pack("!HHHH", sport, dport, 10, 0) + b"!!", struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 0x50, 2, 65535, 0, 0)
    body = {"udp": udp, "syn": syn}[kind]
    total = checksum(addresses + struct.pack("!HH", number, len(body)) + body)
    return number, body[:checked_at] + struct.pack("!H", total) + body[checked_at + 2 :]


def raw(protocol: str, destination: str, payload: str = "0000000000000000") -> None:
    version = ipaddress.ip_address(destination).version
    with socket.socket(FAMILY[version], socket.SOCK_RAW, int(protocol)) as sock:
        sock.sendto(bytes.fromhex(payload), (destination, 0))


def hear_raw(seconds: str, version: str, protocol: str) -> None:
    with socket.socket(FAMILY[int(version)], socket.SOCK_RAW, int(protocol)) as sock:
        hear(sock, float(seconds), lambda _: True)


def hear_syn(seconds: str, version: str) -> None:
    flags = 33 if version == "4" else 13  # a raw socket hands out IPv4's header too
    with socket.socket(FAMILY[int(version)], socket.SOCK_RAW, socket.IPPROTO_TCP) as sock:
        hear(sock, float(seconds), lambda data: data[flags] & 0b111 == 0b010)


def hear_udp(seconds: str, address: str, port: str) -> None:
    with socket.socket(FAMILY[ipaddress.ip_address(address).version], socket.SOCK_DGRAM) as sock:
        sock.bind((address, int(port)))
        hear(sock, float(seconds), lambda _: True)


def hear_icmp_errors(seconds: str, version: str) -> None:
    proto, first = (socket.IPPROTO_ICMP, 20) if version == "4" else (socket.IPPROTO_ICMPV6, 0)
    with socket.socket(FAMILY[int(version)], socket.SOCK_RAW, proto) as sock:
        hear(sock, float(seconds), lambda data: data[first] == (3 if version == "4" else 1))


def hear(sock: socket.socket, seconds: float, wanted) -> None:
    say({"ready": True})
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            data, source = sock.recvfrom(65535)
        except TimeoutError:
            return
        if wanted(data):
            say({"from": source[0], "bytes": len(data)})


def say(what: dict) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF & ~((total & 0xFFFF) + (total >> 16))


if __name__ == "__main__":
    verbs = {
        verb.__name__.replace("_", "-"): verb for verb in (udp, icmp_error, forged, raw, hear_syn, hear_udp, hear_icmp_errors, hear_raw)
    }
    verbs[sys.argv[1]](*sys.argv[2:])
