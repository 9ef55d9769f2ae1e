"""What the agent itself last did, on disk: the order of documents, and what it applied.

The order and the plan are on disk (fsync) before the kernel is touched, so no crash lets
an older document win, and after one the agent knows which changes it cannot vouch for.
It is a log: a change costs what it changes; it is written anew when it has grown.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from enforcement.pep.caps import HOUR
from enforcement.pep.plan import EARLY_SECONDS, Pair, Plan, Scope
from enforcement.pep.state import Address, Admission, Peer, Placement, State, from_json, held_address, to_json

FILE = "last.jsonl"
ORDER = re.compile(rb'"order":\[(\d{1,19}),')
COMPACT_BYTES = 1 << 20
GROWTH = 4


@dataclass(frozen=True, slots=True)
class Marks:
    """How to tell that nobody else touched the kernel since: generation id, boot, digests, and the clock's distance to boot time."""

    boot: str = ""
    genid: int = -1
    version: str = ""
    structure: str = ""
    guard: str = ""
    guard_of: str = ""
    lock: str = ""
    lock_of: str = ""
    rules: str = ""
    clock: int = 0


@dataclass(slots=True)
class Memory:
    """The log, read. `unread` says why it could not be.

    `sure` is False after a crash in mid-apply: the kernel may hold the plan or not. Where that was to change resources
    (`halfway`), `placements` are those of the plan, and the kernel's may be those from before.
    """

    directory: Path
    generation: int = 0
    document: str = ""
    marks: Marks = field(default_factory=Marks)
    placements: dict[str, Placement] = field(default_factory=dict)
    peers: dict[str, Peer] = field(default_factory=dict)
    owners: dict[Address, str] = field(default_factory=dict)  # whose peer an address was last given to
    admissions: dict[Pair, int] = field(default_factory=dict)
    new_peers: list[tuple[float, int]] = field(default_factory=list)
    sure: bool = True
    halfway: bool = False
    unread: str = ""
    refused: frozenset[str] = frozenset()  # what the last pass of this process found beyond the caps, so that it is journaled once
    heard: dict[str, tuple[str, int]] = field(default_factory=dict)  # where devices were, of this process only (`wg.recent`)
    _read: int = 0
    _inode: int = 0
    _compact: int = COMPACT_BYTES

    def load(self) -> None:
        """Read what was written since the last time, by this process or another. Half a last line does not count."""
        self.unread = ""
        try:
            data = self._news()
        except FileNotFoundError:
            self._forget()
            return
        except OSError as error:
            self._forget()
            self.sure = False
            self.unread = f"this PEP cannot read what it remembers, so nothing is opened: {error}"
            return
        whole = data[: data.rfind(b"\n") + 1]
        try:
            for line in whole.splitlines():
                self._replay(json.loads(line))
        except (ValueError, TypeError, KeyError, AttributeError):
            self._salvage()
            return
        self._read += len(whole)

    def _news(self) -> bytes:
        with (self.directory / FILE).open("rb") as handle:
            status = os.fstat(handle.fileno())
            if status.st_ino != self._inode or status.st_size < self._read:
                self._forget()
                self._inode = status.st_ino
            handle.seek(self._read)
            return handle.read()

    def intend(self, order: tuple[int, str], plan: Plan, now: float, *, rebuilds: bool = False) -> None:
        """Put the order and the plan on disk, before anything is done. Raises OSError where that is impossible."""
        if (self.generation, self.document) == order and not plan and not rebuilds:
            return
        new = sum(1 for peer in plan.set_peers if peer.key not in self.peers)
        record: dict[str, Any] = {"order": list(order), **_changes(plan)}
        if new:
            record["new_peers"] = [now, new]
        if plan or rebuilds:
            record["sure"] = False
        self._write(record, sync=True)

    def settle(self, held: State, scope: Scope | None, marks: Marks) -> None:
        """Note what the kernel really held afterwards. Losing this costs a second look, never access."""
        record = self._corrections(held, scope)
        if record or marks != self.marks or not self.sure:
            self._write({**record, "marks": asdict(marks), "sure": True}, sync=False)
        if self._read > self._compact:
            self._rewrite()

    def state(self) -> State:
        """Return what was last applied."""
        return State(
            self.sorted_placements(),
            tuple(self.peers.values()),
            tuple(Admission(slug, address, until) for (slug, address), until in self.admissions.items()),
        )

    def sorted_placements(self) -> tuple[Placement, ...]:
        return tuple(sorted(self.placements.values(), key=lambda placement: placement.id))

    def peers_about(self, keys: Iterable[str], addresses: Iterable[Address]) -> tuple[Peer, ...]:
        """Return the peers of these keys, and whoever has one of these addresses: what a scope is about, without a look at the rest."""
        owners = (self.owners.get(address) for address in addresses)
        found = {key: self.peers[key] for key in (*keys, *owners) if key in self.peers}
        return tuple(found[key] for key in sorted(found))

    def new_peers_since(self, then: float) -> int:
        return sum(count for at, count in self.new_peers if at > then)

    def _corrections(self, held: State, scope: Scope | None) -> dict[str, Any]:
        seen = {(a.resource, a.address): a.deadline for a in held.admissions}
        inside = self._inside(scope)
        wrong = {pair: until for pair, until in seen.items() if abs(self.admissions.get(pair, 0) - until) > EARLY_SECONDS}
        record: dict[str, Any] = {}
        if gone := [pair for pair in inside if pair not in seen]:
            record["expel"] = [[slug, str(address)] for slug, address in gone]
        if wrong:
            record["admit"] = [[slug, str(address), until] for (slug, address), until in wrong.items()]
        peers = {peer.key: peer for peer in held.peers}
        known = self.peers if scope is None else [peer.key for peer in self.peers_about((), scope.devices)]
        if away := [key for key in known if key not in peers]:
            record["drop_peers"] = away
        if other := [peer for key, peer in peers.items() if self.peers.get(key) != peer]:
            record["set_peers"] = [[p.key, [str(a) for a in p.addresses]] for p in other]
        placements = {placement.slug: placement for placement in held.placements}
        if closed := [slug for slug in self.placements if slug not in placements]:
            record["drop_placements"] = closed
        if opened := [p for slug, p in placements.items() if self.placements.get(slug) != p]:
            record["set_placements"] = to_json(State(tuple(opened)))["placements"]
        return record

    def _inside(self, scope: Scope | None) -> Iterable[Pair]:
        if scope is None:
            return self.admissions
        if scope.resources:
            return [pair for pair in self.admissions if scope.holds(*pair)]
        pairs = ((slug, address) for slug in self.placements for address in scope.devices)
        return [pair for pair in pairs if pair in self.admissions]

    def _replay(self, record: Mapping[str, Any]) -> None:
        if "order" in record:
            self.generation, self.document = record["order"]
        if "new_peers" in record:
            at, count = record["new_peers"]
            self.new_peers = [(then, n) for then, n in self.new_peers if then > at - HOUR] + [(at, count)]
        if "marks" in record:
            self.marks = Marks(**record["marks"])
        self.sure = record.get("sure", self.sure)
        self.halfway = not self.sure and (self.halfway or "drop_placements" in record or "set_placements" in record)
        self._replay_changes(record)

    def _replay_changes(self, record: Mapping[str, Any]) -> None:
        for slug in record.get("drop_placements", ()):
            self.placements.pop(slug, None)
            for pair in [pair for pair in self.admissions if pair[0] == slug]:
                del self.admissions[pair]
        if "set_placements" in record:
            state = from_json({"placements": record["set_placements"], "peers": [], "admissions": []})
            self.placements.update({p.slug: p for p in state.placements})
        for slug, address in record.get("expel", ()):
            self.admissions.pop((slug, held_address(address)), None)
        for slug, address, until in record.get("admit", ()):
            self.admissions[slug, held_address(address)] = until
        for key in record.get("drop_peers", ()):
            self._replay_peer(Peer(key, ()))
        for key, addresses in record.get("set_peers", ()):
            peer = Peer(key, tuple(held_address(a) for a in addresses))
            self._replay_peer(peer)
            self.peers[key] = peer

    def _replay_peer(self, peer: Peer) -> None:
        """Take the peer's place in the index anew; dropping it is having no address."""
        before = self.peers.pop(peer.key, None)
        for address in before.addresses if before else ():
            if self.owners.get(address) == peer.key:
                del self.owners[address]
        self.owners.update(dict.fromkeys(peer.addresses, peer.key))

    def _write(self, record: Mapping[str, Any], *, sync: bool) -> None:
        path = self.directory / FILE
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # what follows the last whole line is half a line of a crash
            os.ftruncate(handle, self._read)
            text = json.dumps(record, separators=(",", ":")).encode() + b"\n"
            os.lseek(handle, self._read, os.SEEK_SET)
            written = 0
            while written < len(text):
                written += os.write(handle, text[written:])
            if sync:
                os.fsync(handle)
            self._inode = os.fstat(handle).st_ino
        finally:
            os.close(handle)
        self._read += len(text)
        self._replay(record)

    def _rewrite(self) -> None:
        record = {
            "order": [self.generation, self.document],
            "set_placements": to_json(State(tuple(self.placements.values())))["placements"],
            "set_peers": [[p.key, [str(a) for a in p.addresses]] for p in self.peers.values()],
            "admit": [[slug, str(address), until] for (slug, address), until in self.admissions.items()],
            "marks": asdict(self.marks),
            "sure": self.sure,
        }
        lines = [json.dumps(record, separators=(",", ":"))]
        lines += [json.dumps({"new_peers": [at, count]}) for at, count in self.new_peers]
        text = ("\n".join(lines) + "\n").encode()
        new = self.directory / f"{FILE}.new"
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
            self._inode = os.fstat(stream.fileno()).st_ino
        new.replace(self.directory / FILE)
        self._read = len(text)
        self._compact = max(COMPACT_BYTES, GROWTH * len(text))

    def _salvage(self) -> None:
        """Put a broken log aside, but never let an older document win for it."""
        path = self.directory / FILE
        orders = [int(number) for number in ORDER.findall(path.read_bytes())]
        path.replace(self.directory / f"{FILE}.broken")
        self._forget()
        self._write({"order": [max(orders, default=0), ""]}, sync=True)

    def _forget(self) -> None:
        self.generation, self.document, self.marks, self.sure, self.halfway = 0, "", Marks(), True, False
        self.placements, self.peers, self.owners, self.admissions, self.new_peers = {}, {}, {}, {}, []
        self._read = self._inode = 0
        self._compact = COMPACT_BYTES


def _changes(plan: Plan) -> dict[str, Any]:
    set_placements = (*plan.add_placements, *(new for _, new in plan.replace_placements))
    changes = {
        "drop_placements": [p.slug for p in plan.drop_placements],
        "set_placements": to_json(State(set_placements))["placements"],
        "expel": [[a.resource, str(a.address)] for a in plan.expel],
        "admit": [[a.resource, str(a.address), a.deadline] for a in (*plan.shorten, *plan.admit)],
        "drop_peers": list(plan.drop_peers),
        "set_peers": [[p.key, [str(a) for a in p.addresses]] for p in (*plan.strip_peers, *plan.set_peers)],
    }
    return {name: value for name, value in changes.items() if value}
