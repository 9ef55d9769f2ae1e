"""What this PEP may be made to do, whatever the portal says: values from a root-owned file."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from enforcement.pep.state import Address

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Caps:
    """The part of the caps that the ruleset is rendered from."""

    pep: str
    interface: str
    lan_interfaces: tuple[str, ...]
    masquerade: bool
    log_group: int | None
    listen_port: int
    own_addresses: tuple[Address, ...]
    overlay: tuple[Network, ...]
    device_pools: tuple[Network, ...]
    resource_prefixes: tuple[Network, ...]
