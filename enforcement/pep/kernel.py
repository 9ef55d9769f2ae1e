"""The PEP's kernel as the agent sees it: nf_tables, WireGuard, conntrack, routing rules.

The only module that changes anything there. Commands come rendered from pure modules;
programs are run by fixed paths and an argv, never through a shell. Anything with these
methods can stand in for it: `record.py` does where there is no such kernel.
"""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from enforcement.pep import wg
from enforcement.pep.conntrack import Conntrack
from enforcement.pep.libnftables import Libnftables, NftError
from enforcement.pep.lockdown import LOCK, SET
from enforcement.pep.netlink import FOREVER, Netlink, NetlinkError, Nftables, attributes
from enforcement.pep.nft import GUARD, TABLE
from enforcement.pep.plan import NEVER_ENDS, second_of
from enforcement.pep.state import Address

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
DIRECTORIES = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
COMMAND_SECONDS = 30
READ_SECONDS = 0.5  # for one set
WAITS = (0.01, 0.05, 0.1, 0.3)  # seconds before each time that one is read again: the kernel hashes anew beside us, and needs the time
ROUTE, GET_RULE, DUMP = 0, 34, 0x300
LAST_OWN_RULE = 104
RULE_PRIORITY = 6

__all__ = ["Kernel", "KernelError", "NftError"]


class KernelError(Exception):
    """The kernel, or a program that speaks to it, did not do what it was asked."""


class Kernel:
    """One PEP's kernel, in the network namespace the agent runs in."""

    recorded = False

    def __init__(self, interface: str) -> None:
        """Open libnftables and the netlink sockets; `interface` is the WireGuard one."""
        self.interface = interface
        self.commits = 0
        self._nft = Libnftables()
        self._tables = Nftables()
        self._flows = Conntrack()
        self._routes = Netlink(ROUTE)

    def now(self) -> float:
        return time.time()

    def boottime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot(self) -> str:
        """Name this boot: what was remembered under another name is gone."""
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

    def generation(self) -> int:
        return self._tables.generation()

    def commit(self, commands: str) -> None:
        """Apply the commands in one transaction, all or nothing. Raises NftError."""
        self._nft.run(commands)
        self.commits += 1

    def listing(self) -> str | None:
        """Return our table as nft prints it, without elements; None where there is none."""
        return self._nft.listing(TABLE)

    def structure(self) -> str | None:
        """Digest our table without what comes and goes by itself; None where there is none."""
        return self._digest(TABLE)

    def guard(self) -> str | None:
        """Digest the guard table; None where there is none."""
        return self._digest(GUARD)

    def lock(self) -> str | None:
        """Digest the table of lock-down, without how long it lasts; None where there is none."""
        return self._digest(LOCK)

    def locked(self) -> list[int]:
        """Return the milliseconds that each address family stays closed from outside, FOREVER for good; nothing where it is open."""
        return self._tables.timeouts(LOCK, SET)

    def _digest(self, table: str) -> str | None:
        listing = self._nft.listing(table)
        if listing is None:
            return None
        # the terse listing leaves out the elements of maps: where resources lead
        return hashlib.sha256(b"\0".join([listing.encode(), *self._tables.fixed(table)])).hexdigest()

    def element(self, name: str, address: Address) -> int | None:
        """Return the second within which an element ends (see `second_of`); None where it is absent."""
        left = self._tables.element(TABLE, name, address)
        return None if left is None else _end(self.now(), left)

    def elements(self, name: str) -> dict[Address, int]:
        """Return all of a set's elements and when each ends; none where the set is missing."""
        try:
            return self._elements(name)
        except NetlinkError as error:
            if error.errno == errno.ENOENT:
                return {}
            raise

    def _elements(self, name: str) -> dict[Address, int]:
        """Read again where what came is not the set at one moment: a set that changes or is hashed anew meanwhile comes in parts.

        The kernel counts what it has told, and goes on from there in another order: some then come twice, others not at all.
        What is left of a timeout is true at one moment only, too: we may have stood still between the clock and the kernel.
        """
        waits = iter(WAITS)
        while True:
            before, generation = self.now(), self.generation()
            left = list(self._tables.elements(TABLE, name))
            ends = {address: _end(before, milliseconds) for address, milliseconds in left}
            is_whole = len(ends) == len(left) and self.generation() == generation
            wait = next(waits, None)
            if wait is None or (is_whole and abs(self.now() - before) <= READ_SECONDS):
                return ends
            time.sleep(wait)

    def forget(self, flows: Iterable[tuple[Address | None, Address | None]]) -> None:
        """Forget the flows between (device, resource address)."""
        self._flows.forget(flows)

    def show(self, about: frozenset[str] = frozenset()) -> wg.Interface:
        """Read the WireGuard interface back, or the peers that `about` mentions. Raises KernelError where it is missing."""
        return wg.parse(self.run(wg.show(self.interface)), about)

    def rules(self) -> str:
        """Digest the routing rules down to the guard's last one: whatever stands before them counts too."""
        found = []
        for family in (2, 10):
            bodies = self._routes.ask(GET_RULE, DUMP, bytes([family]) + bytes(11))
            found += [body for body in bodies if _priority(body) <= LAST_OWN_RULE]
        return hashlib.sha256(b"\0".join(sorted(found))).hexdigest()

    def run(self, argv: Sequence[str]) -> str:
        """Run a program to its end and return what it printed. Raises KernelError with its words."""
        try:
            done = subprocess.run(
                [_path(argv[0]), *argv[1:]],
                capture_output=True,
                text=True,
                env=ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise KernelError(f"{argv[0]} could not be run: {error}") from None
        if done.returncode:
            raise KernelError(f"{' '.join(argv)[:80]}: {done.stderr.strip()[:200]}")
        return done.stdout


def _path(program: str) -> str:
    if program.startswith("/"):
        return program
    return next((path for directory in DIRECTORIES if os.access(path := f"{directory}/{program}", os.X_OK)), f"/usr/sbin/{program}")


def _end(now: float, left: int) -> int:
    return NEVER_ENDS if left == FOREVER else second_of(now + left / 1000)


def _priority(body: bytes) -> int:

    return next((int.from_bytes(value, sys.byteorder) for kind, value in attributes(body, 12) if kind == RULE_PRIORITY), 0)
