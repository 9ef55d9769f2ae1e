"""Which overlay addresses a slot means. Every device has one slot, the same in each family.

Slot 0 (the network itself) and slot 1 (a spare, for whatever must have a fixed address
one day) are never handed out, nor is the broadcast address of the IPv4 pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Pool = IPv4Network | IPv6Network

FIRST_SLOT = 2
LAST_COLUMN_VALUE = 2**63 - 1  # an IPv6 pool is larger than the column that counts


def last_slot(pools: Sequence[Pool]) -> int:
    """Return the highest slot that has an address in every pool; below FIRST_SLOT where there is no room at all."""
    if not pools:
        return FIRST_SLOT - 1
    return min(LAST_COLUMN_VALUE, *(pool.num_addresses - (2 if pool.version == 4 else 1) for pool in pools))  # noqa: PLR2004


def capacity(pools: Sequence[Pool]) -> int:
    """Return how many devices fit."""
    return max(0, last_slot(pools) - FIRST_SLOT + 1)


def addresses_of(slot: int, pools: Sequence[Pool]) -> tuple[IPv4Address | None, IPv6Address | None]:
    """Return the slot's address in each family, None where there is no pool of it. Raises ValueError for a slot never handed out."""
    if not FIRST_SLOT <= slot <= last_slot(pools):
        message = f"slot {slot} is not handed out"
        raise ValueError(message)
    v4 = next((pool[slot] for pool in pools if isinstance(pool, IPv4Network)), None)
    v6 = next((pool[slot] for pool in pools if isinstance(pool, IPv6Network)), None)
    return v4, v6
