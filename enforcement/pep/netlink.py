"""Ask the kernel's netfilter over raw netlink: what `nft` can only answer slowly.

One element by its key costs the same in a set of 50,000 as in one of 100, and a whole
set is read in milliseconds (FACTS R14, R23, R26). Reading only, but for conntrack's
deletes in `conntrack.py`, which talks through the same socket. Message layouts are those
of linux/netlink.h, nfnetlink.h and nf_tables.h.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from enforcement.pep.state import Address

FAMILY_INET = 1
NFTABLES = 10 << 8
GET_SET, GET_ELEMENT, GET_GENERATION = NFTABLES | 10, NFTABLES | 13, NFTABLES | 16
REQUEST, ACKNOWLEDGE, DUMP = 1, 4, 0x300
ERROR, DONE = 2, 3
NESTED = 0x8000
KIND = 0x3FFF
ELEMENTS, EXPIRES = 3, 5
IPV4_BYTES = 4
SET_ANONYMOUS, SET_TIMEOUT, SET_EVAL = 1, 16, 32
FOREVER = -1  # what is left to an element without a timeout
RECEIVE_BYTES = 1 << 20
WAIT_SECONDS = 10

_HEADER = struct.Struct("=IHHII")


class NetlinkError(OSError):
    """The kernel said no, or nothing at all."""


class Netlink:
    """One netfilter socket, kept open; a request at a time."""

    def __init__(self, protocol: int = 12) -> None:
        """Open the socket. Protocol 12 is netfilter (linux/netlink.h)."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self._socket.settimeout(WAIT_SECONDS)
        self._socket.bind((0, 0))
        self._sequence = 0

    def ask(self, kind: int, flags: int, payload: bytes) -> Iterator[bytes]:
        """Send one message and yield the payloads of the answers. Raises NetlinkError with the kernel's errno."""
        self._sequence += 1
        sequence = self._sequence
        self._socket.send(_HEADER.pack(16 + len(payload), kind, REQUEST | flags, sequence, 0) + payload)
        more = True
        while more:
            more = False
            for answer, number, body in self._receive():
                if number != sequence:
                    more = True
                elif answer == ERROR:
                    code = -struct.unpack_from("=i", body)[0]
                    if code:
                        raise NetlinkError(code, os.strerror(code))
                elif answer != DONE:
                    yield body
                    more = more or bool(flags & (DUMP | ACKNOWLEDGE))
                if answer in {ERROR, DONE} and number == sequence:
                    return

    def _receive(self) -> Iterator[tuple[int, int, bytes]]:
        data = self._socket.recv(RECEIVE_BYTES)
        offset = 0
        while offset + 16 <= len(data):
            length, kind, _, sequence, _ = _HEADER.unpack_from(data, offset)
            yield kind, sequence, data[offset + 16 : offset + length]
            offset += (length + 3) & ~3


def attribute(kind: int, value: bytes) -> bytes:
    """Pack one attribute, padded to four bytes."""
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def attributes(data: bytes, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """Walk the attributes of a payload."""
    end = len(data)
    while offset + 4 <= end:
        length, kind = struct.unpack_from("=HH", data, offset)
        yield kind & KIND, data[offset + 4 : offset + length]
        offset += (max(length, 4) + 3) & ~3


class Nftables:
    """What nf_tables holds in this network namespace, read without nft."""

    def __init__(self) -> None:
        """Open a socket of its own."""
        self._netlink = Netlink()

    def generation(self) -> int:
        """Return the generation id: +1 for each commit by anybody, unchanged by expiry and failed commits (R14)."""
        for body in self._netlink.ask(GET_GENERATION, 0, _nfgenmsg(0)):
            for kind, value in attributes(body, 4):
                if kind == 1:
                    return int(struct.unpack(">I", value)[0])
        raise NetlinkError(errno.EPROTO, "nf_tables named no generation")

    def element(self, table: str, name: str, address: Address) -> int | None:
        """Return the milliseconds an element has left; FOREVER where it has no timeout; None where it is absent."""
        key = attribute(NESTED | 1, attribute(NESTED | 1, attribute(NESTED | 1, attribute(1, address.packed))))
        payload = _nfgenmsg() + attribute(1, _name(table)) + attribute(2, _name(name)) + attribute(NESTED | 3, key[4:])
        try:
            for body in self._netlink.ask(GET_ELEMENT, 0, payload):
                for _, left in _elements(body):
                    return left
        except NetlinkError as error:
            if error.errno != errno.ENOENT:
                raise
        return None

    def elements(self, table: str, name: str) -> Iterator[tuple[Address, int]]:
        """Yield every element of a set of addresses, with the milliseconds it has left (or FOREVER)."""
        payload = _nfgenmsg() + attribute(1, _name(table)) + attribute(2, _name(name))
        for body in self._netlink.ask(GET_ELEMENT, DUMP, payload):
            for key, left in _elements(body):
                yield (IPv4Address(key) if len(key) == IPV4_BYTES else IPv6Address(key)), left

    def timeouts(self, table: str, name: str) -> list[int]:
        """Return the milliseconds that each element of any set has left (or FOREVER); none where the set is missing."""
        payload = _nfgenmsg() + attribute(1, _name(table)) + attribute(2, _name(name))
        try:
            return [left for body in self._netlink.ask(GET_ELEMENT, DUMP, payload) for _, left in _elements(body)]
        except NetlinkError as error:
            if error.errno == errno.ENOENT:
                return []
            raise

    def fixed(self, table: str) -> list[bytes]:
        """Return the raw elements of the table's named sets and maps that neither time out nor fill by traffic."""
        found = []
        for name, flags in self._sets(table):
            if not flags & (SET_ANONYMOUS | SET_TIMEOUT | SET_EVAL):
                payload = _nfgenmsg() + attribute(1, _name(table)) + attribute(2, _name(name))
                bodies = self._netlink.ask(GET_ELEMENT, DUMP, payload)
                found += sorted(_name(name) + value for body in bodies for value in _raw_elements(body))
        return found

    def _sets(self, table: str) -> list[tuple[str, int]]:
        named = []
        for body in self._netlink.ask(GET_SET, DUMP, _nfgenmsg() + attribute(1, _name(table))):
            parts = dict(attributes(body, 4))
            named.append((parts[2].rstrip(b"\0").decode(), struct.unpack(">I", parts.get(3, bytes(4)))[0]))
        return sorted(named)


def _nfgenmsg(family: int = FAMILY_INET) -> bytes:
    return struct.pack("=BBH", family, 0, 0)


def _name(text: str) -> bytes:
    return text.encode("ascii") + b"\0"


def _raw_elements(body: bytes) -> Iterator[bytes]:
    for kind, value in attributes(body, 4):
        if kind == ELEMENTS:
            for _, element in attributes(value):
                yield element


def _elements(body: bytes) -> Iterator[tuple[bytes, int]]:
    for element in _raw_elements(body):
        parts = dict(attributes(element))
        yield dict(attributes(parts[1]))[1], struct.unpack(">Q", parts[EXPIRES])[0] if EXPIRES in parts else FOREVER
