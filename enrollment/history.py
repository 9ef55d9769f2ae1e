"""The world as the audit log tells it: fold the events up to a moment, then ask what `decide` would have said.

Pure: events come in as (verb, data), facts go out. An event that this does not know
changes nothing, so old logs stay readable.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from enrollment.values import Facts, GrantFacts, Proof


@dataclass(frozen=True, slots=True)
class Past:
    """A device and a resource that a grant named, with the facts of the moment and the names of then."""

    user_id: int
    user: str
    device_id: int
    device: str
    resource_id: int
    resource: str
    grants: tuple[int, ...]  # that are live
    held_for: tuple[int, ...]  # that a kernel held it for
    break_glass: tuple[int, ...]  # those of either that nobody had approved
    facts: Facts


@dataclass(frozen=True, slots=True)
class Pair:
    """Which pairs are asked about: of one resource, of one person, or all."""

    resource_id: int | None = None
    user_id: int | None = None

    def fits(self, resource_id: int, user_id: int) -> bool:
        return self.resource_id in {None, resource_id} and self.user_id in {None, user_id}


ALL = Pair()


class World:
    """What the events so far add up to."""

    VERBS: ClassVar[tuple[str, ...]] = (
        "user.signed_in",
        "user.signed_out",
        "user.disabled",
        "user.enabled",
        "user.regrouped",
        "device.enrolled",
        "device.approved",
        "device.refused",
        "device.reported_lost",
        "device.found",
        "device.key_rotated",
        "device.suspended",
        "device.resumed",
        "device.retired",
        "resource.retired",
        "grant.made",
        "grant.revoked",
    )

    def __init__(self) -> None:
        self._disabled: set[int] = set()
        self._retired: set[int] = set()
        self._proofs: dict[int, dict[int, Proof]] = defaultdict(dict)  # of a user, by their number
        self._groups: dict[int, frozenset[int]] = {}
        self._states: dict[int, str] = {}
        self._grants: dict[int, GrantFacts] = {}
        self._told: dict[int, dict[str, Any]] = {}
        self._named: dict[tuple[int, int], list[int]] = defaultdict(list)

    def take(self, verb: str, data: dict[str, Any]) -> None:
        """Add one event."""
        name = "_" + verb.replace(".", "_")
        step: Callable[[dict[str, Any]], None] | None = getattr(self, name, None)
        if step is not None:
            step(data)

    def state_of(self, device_id: int) -> str:
        """Return a device's state; of one that is not told of, what enrolling makes it."""
        return self._states.get(device_id, "enrolled")

    def pairs(self, at: datetime, held: Collection[tuple[int, int]] = (), *, about: Pair = ALL) -> Iterable[Past]:
        """Yield each device and resource that a live grant names, or that a kernel `held` for one (grant, device) that is not over."""
        found: dict[tuple[int, int], Past] = {}
        for grant_id, told in self._told.items():
            grant = self._grants[grant_id]
            if not about.fits(told["resource"], told["user"]) or not grant.starts_at <= at < grant.ends_at:
                continue
            for device in told["devices"]:
                if grant.is_open or (grant_id, device["id"]) in held:
                    pair = found.get((device["id"], told["resource"])) or self._past(device, told)
                    live = (*pair.grants, grant_id) if grant.is_open else pair.grants
                    held_for = (*pair.held_for, grant_id) if (grant_id, device["id"]) in held else pair.held_for
                    loud = (*pair.break_glass, grant_id) if told.get("break_glass") else pair.break_glass
                    found[device["id"], told["resource"]] = replace(pair, grants=live, held_for=held_for, break_glass=loud)
        yield from found.values()

    def _past(self, device: dict[str, Any], told: dict[str, Any]) -> Past:
        facts = self._facts(device, told["resource"], told["user"])
        return Past(told["user"], told["user_name"], device["id"], device["name"], told["resource"], told["slug"], (), (), (), facts)

    def _facts(self, device: dict[str, Any], resource_id: int, user_id: int) -> Facts:
        return Facts(
            user_is_active=user_id not in self._disabled,
            proofs=tuple(self._proofs[user_id].values()),
            device_id=device["id"],
            device_owner_id=device["owner"],
            device_state=self.state_of(device["id"]),
            resource_is_retired=resource_id in self._retired,
            user_groups=self._groups.get(user_id, frozenset()),
            grants=tuple(self._grants[each] for each in self._named[user_id, resource_id]),
        )

    def _user_signed_in(self, data: dict[str, Any]) -> None:
        self._groups[data["user"]] = frozenset(data["group_ids"])
        if data["auth_time"]:
            proof = Proof(datetime.fromisoformat(data["auth_time"]), is_mfa=data.get("is_mfa", False))
            known = self._proofs[data["user"]]
            known[data.get("proof", -len(known))] = proof  # older logs do not number them

    def _user_signed_out(self, data: dict[str, Any]) -> None:
        known = self._proofs[data["user"]]
        for each in data["proofs"]:
            if each in known:
                known[each] = replace(known[each], is_open=False)

    def _user_regrouped(self, data: dict[str, Any]) -> None:
        self._groups[data["user"]] = frozenset(data["group_ids"])

    def _user_disabled(self, data: dict[str, Any]) -> None:
        self._disabled.add(data["user"])
        if data.get("ends_proofs"):
            self._proofs.pop(data["user"], None)

    def _user_enabled(self, data: dict[str, Any]) -> None:
        self._disabled.discard(data["user"])

    def _device_moved(self, data: dict[str, Any]) -> None:
        """Take the state over. A device that was reported lost stays so through whatever else is done to it, but for another key."""
        self._states[data["device"]] = "lost" if data.get("is_lost") and data["to"] == "suspended" else data["to"]

    _device_enrolled = _device_approved = _device_refused = _device_found = _device_moved
    _device_suspended = _device_reported_lost = _device_resumed = _device_retired = _device_moved

    def _device_key_rotated(self, data: dict[str, Any]) -> None:
        if self._states.get(data["device"]) == "lost":
            self._states[data["device"]] = "suspended"

    def _resource_retired(self, data: dict[str, Any]) -> None:
        self._retired.add(data["resource"])

    def _grant_made(self, data: dict[str, Any]) -> None:
        self._told[data["grant"]] = data
        self._named[data["user"], data["resource"]].append(data["grant"])
        self._grants[data["grant"]] = GrantFacts(
            id=data["grant"],
            user_id=data["user"],
            device_ids=frozenset(device["id"] for device in data["devices"]),
            starts_at=datetime.fromisoformat(data["starts_at"]),
            ends_at=datetime.fromisoformat(data["ends_at"]),
            session_length=data["session_length"],
            needs_mfa=data.get("needs_mfa", False),
            ends_at_logout=data.get("ends_at_logout", False),
            requesters=frozenset(data["requesters"]),
        )

    def _grant_revoked(self, data: dict[str, Any]) -> None:
        known = self._grants.get(data["grant"])
        if known:
            self._grants[data["grant"]] = replace(known, is_open=False)
