"""A kernel that only records, for machines that have none to enforce on.

It takes the same commands as the real one and keeps what they would have put in force,
for the life of one stream. Every answer then says "recorded", so that nobody can take it
for enforcement.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Iterable, Sequence

from enforcement.pep import nft
from enforcement.pep.kernel import Kernel, KernelError
from enforcement.pep.plan import second_of
from enforcement.pep.state import Address, Peer, parse_address
from enforcement.pep.wg import Interface

DELETED = re.compile(r"^(?:delete|flush) set inet lychgate (\S+)$", re.MULTILINE)


class Recorder(Kernel):
    """Holds what it is told, in memory; stands in for `Kernel`."""

    recorded = True

    def __init__(self, interface: str) -> None:
        """Begin empty, like a machine that has just started."""
        self.interface = interface
        self.commits = 0
        self._boot = str(uuid.uuid4())
        self._tables: dict[str, str] = {}  # type: ignore[assignment]
        self._ends: dict[nft.Element, float] = {}
        self._peers: dict[str, Peer] = {}

    def boottime(self) -> float:
        return time.monotonic()

    def boot(self) -> str:
        return self._boot

    def generation(self) -> int:
        return self.commits

    def commit(self, commands: str) -> None:
        self.commits += 1
        for table in (nft.TABLE, nft.GUARD):
            if f"delete table inet {table}\n" in commands:
                self._tables.pop(table, None)
        if f"delete table inet {nft.TABLE}\n" in commands:
            self._ends.clear()
        for name in DELETED.findall(commands):
            self._ends = {key: end for key, end in self._ends.items() if key[0] != name}
        for key, milliseconds in nft.parse(commands).items():
            self._ends.pop(key, None)
            if milliseconds is not None:
                self._ends[key] = self.now() + milliseconds / 1000
        for table in (nft.TABLE, nft.GUARD):
            if f"table inet {table} {{\n" in commands:
                before = self._tables.get(table, "")
                self._tables[table] = hashlib.sha256((before + str(self.commits)).encode()).hexdigest()

    def structure(self) -> str | None:
        return self._tables.get(nft.TABLE)

    def guard(self) -> str | None:
        return self._tables.get(nft.GUARD)

    def lock(self) -> str | None:
        return None

    def locked(self) -> list[int]:
        return []

    def element(self, name: str, address: Address) -> int | None:
        return self.elements(name).get(address)

    def elements(self, name: str) -> dict[Address, int]:
        now = self.now()
        return {address: second_of(end) for (held, address), end in self._ends.items() if held == name and end > now}

    def forget(self, flows: Iterable[tuple[Address | None, Address | None]]) -> None:
        del flows

    def show(self, about: frozenset[str] = frozenset()) -> Interface:
        del about
        return Interface(None, tuple(self._peers[key] for key in sorted(self._peers)), frozenset(), {})

    def rules(self) -> str:
        return ""

    def run(self, argv: Sequence[str]) -> str:
        """Follow `wg set`, and pass over everything else."""
        words = list(argv)
        if words[1:2] != ["set"]:
            return ""
        rest = words[3:]
        while rest:
            key, verb, rest = rest[1], rest[2], rest[3:]
            if verb == "remove":
                self._peers.pop(key, None)
            elif verb == "allowed-ips":
                self._put(key, rest.pop(0))
            else:
                raise KernelError(f"wg set {verb} is not recorded")
        return ""

    def _put(self, key: str, allowed: str) -> None:
        addresses = tuple(parse_address(prefix.partition("/")[0]) for prefix in allowed.split(",") if prefix)
        for other in list(self._peers.values()):
            self._peers[other.key] = Peer(other.key, tuple(a for a in other.addresses if a not in addresses))
        self._peers[key] = Peer(key, addresses)
