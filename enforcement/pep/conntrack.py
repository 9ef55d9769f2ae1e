"""Forget the flows of a device to a resource, so that they cannot outlive the access.

Entries are deleted by the pair (device, resource's overlay address) of their original
direction: by device alone, its other granted streams would be cut too (FACTS R27). The
kernel filters (CTA_FILTER); where it is too old for that, `conntrack -D` does the same.
"""

from __future__ import annotations

import errno
import struct
import subprocess

from enforcement.pep.netlink import ACKNOWLEDGE, NESTED, Netlink, NetlinkError, attribute
from enforcement.pep.state import Address

CONNTRACK = "/usr/sbin/conntrack"
DELETE = 1 << 8 | 2
TUPLE_ORIGINAL, TUPLE_IP, FILTER = 1, 1, 25
SOURCE_FLAG, DESTINATION_FLAG = 1, 2
FAMILIES = {4: 2, 6: 10}
SOURCE_AND_DESTINATION = {4: (1, 2), 6: (3, 4)}


class Conntrack:
    """The kernel's flow table, as far as forgetting goes."""

    def __init__(self) -> None:
        """Open a netfilter socket of its own."""
        self._netlink = Netlink()

    def forget(self, device: Address | None, overlay: Address | None) -> None:
        """Delete the flows that `device` began towards `overlay`; None stands for any, but not twice."""
        if device is None and overlay is None:
            raise ValueError("every flow of everybody would be forgotten")
        try:
            for _ in self._netlink.ask(DELETE, ACKNOWLEDGE, _filter(device, overlay)):
                pass
        except NetlinkError as error:
            if error.errno == errno.ENOENT:
                return
            _spawn(device, overlay)


def _filter(device: Address | None, overlay: Address | None) -> bytes:
    version = (device or overlay).version  # type: ignore[union-attr]
    source, destination = SOURCE_AND_DESTINATION[version]
    addresses = attribute(source, device.packed) if device else b""
    addresses += attribute(destination, overlay.packed) if overlay else b""
    flags = (SOURCE_FLAG if device else 0) | (DESTINATION_FLAG if overlay else 0)
    return (
        struct.pack("=BBH", FAMILIES[version], 0, 0)
        + attribute(NESTED | TUPLE_ORIGINAL, attribute(NESTED | TUPLE_IP, addresses))
        + attribute(NESTED | FILTER, attribute(1, struct.pack("=I", flags)) + attribute(2, struct.pack("=I", 0)))
    )


def _spawn(device: Address | None, overlay: Address | None) -> None:
    argv = [CONNTRACK, "-D"]
    argv += ["-s", str(device)] if device else []
    argv += ["-d", str(overlay)] if overlay else []
    # exit code 1 also means that there was nothing to delete
    subprocess.run(argv, check=False, capture_output=True, timeout=30)
