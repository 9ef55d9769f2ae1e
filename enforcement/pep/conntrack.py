"""Forget the flows of a device to a resource, so that they cannot outlive the access.

Entries are deleted by the pair (device, resource's overlay address) of their original
direction: by device alone, its other granted streams would be cut too (FACTS R27). For
IPv4 the kernel filters (CTA_FILTER), and where it is too old for that, `conntrack -D`
does the same. For IPv6 the kernel's filter is the wrong way round (ctnetlink compares
for inequality, seen on 6.18): it would forget everybody else's flows, so we look ourselves.
"""

from __future__ import annotations

import errno
import struct
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from ipaddress import IPv6Address

from enforcement.pep.netlink import ACKNOWLEDGE, DUMP, NESTED, Netlink, NetlinkError, attribute, attributes
from enforcement.pep.state import Address

CONNTRACK = "/usr/sbin/conntrack"
GET, DELETE = 1 << 8 | 1, 1 << 8 | 2
TUPLE_ORIGINAL, TUPLE_IP, ID, ZONE, FILTER = 1, 1, 12, 18, 25
SOURCE_FLAG, DESTINATION_FLAG = 1, 2
V4_SOURCE, V4_DESTINATION, V6_SOURCE, V6_DESTINATION = 1, 2, 3, 4
INET, INET6 = 2, 10

Flow = tuple[Address | None, Address | None]


class Conntrack:
    """The kernel's flow table, as far as forgetting goes."""

    def __init__(self) -> None:
        """Open a netfilter socket of its own."""
        self._netlink = Netlink()

    def forget(self, flows: Iterable[Flow]) -> None:
        """Delete the flows that each device began towards each resource address; None stands for any, but not twice."""
        wanted = list(flows)
        if (None, None) in wanted:
            raise ValueError("every flow of everybody would be forgotten")
        for device, overlay in wanted:
            if not isinstance(device or overlay, IPv6Address):
                self._forget_v4(device, overlay)
        if v6 := {flow for flow in wanted if isinstance(flow[0] or flow[1], IPv6Address)}:
            self._forget_v6(v6)

    def _forget_v4(self, device: Address | None, overlay: Address | None) -> None:
        try:
            self._delete(_filter(device, overlay))
        except NetlinkError as error:
            if error.errno != errno.ENOENT:
                _spawn(device, overlay)

    def _forget_v6(self, wanted: set[Flow]) -> None:
        for entry in list(self._v6_entries(wanted)):
            # it may have ended by itself since we looked
            with suppress(NetlinkError):
                self._delete(entry)

    def _v6_entries(self, wanted: set[Flow]) -> Iterator[bytes]:
        for body in self._netlink.ask(GET, DUMP, _nfgenmsg(INET6)):
            parts = dict(attributes(body, 4))
            ends = dict(attributes(dict(attributes(parts[TUPLE_ORIGINAL]))[TUPLE_IP]))
            if V6_SOURCE not in ends:
                continue
            device, overlay = IPv6Address(ends[V6_SOURCE]), IPv6Address(ends[V6_DESTINATION])
            if wanted & {(device, overlay), (device, None), (None, overlay)}:
                kept = b"".join(attribute(kind, parts[kind]) for kind in (ID, ZONE) if kind in parts)
                yield _nfgenmsg(INET6) + attribute(NESTED | TUPLE_ORIGINAL, parts[TUPLE_ORIGINAL]) + kept

    def _delete(self, payload: bytes) -> None:
        for _ in self._netlink.ask(DELETE, ACKNOWLEDGE, payload):
            pass


def _filter(device: Address | None, overlay: Address | None) -> bytes:
    addresses = attribute(V4_SOURCE, device.packed) if device else b""
    addresses += attribute(V4_DESTINATION, overlay.packed) if overlay else b""
    flags = (SOURCE_FLAG if device else 0) | (DESTINATION_FLAG if overlay else 0)
    return (
        _nfgenmsg(INET)
        + attribute(NESTED | TUPLE_ORIGINAL, attribute(NESTED | TUPLE_IP, addresses))
        + attribute(NESTED | FILTER, attribute(1, struct.pack("=I", flags)) + attribute(2, struct.pack("=I", 0)))
    )


def _nfgenmsg(family: int) -> bytes:
    return struct.pack("=BBH", family, 0, 0)


def _spawn(device: Address | None, overlay: Address | None) -> None:
    argv = [CONNTRACK, "-D"]
    argv += ["-s", str(device)] if device else []
    argv += ["-d", str(overlay)] if overlay else []
    try:
        # exit code 1 also means that there was nothing to delete
        subprocess.run(argv, check=False, capture_output=True, timeout=30)
    except subprocess.TimeoutExpired as error:
        raise OSError("conntrack did not end within 30 s") from error
