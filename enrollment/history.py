"""The world as the audit log tells it: fold the events up to a moment, then ask what `decide` would have said.

Pure: events come in as (verb, data), facts go out. An event that this does not know
changes nothing, so old logs stay readable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from enrollment.values import Facts, GrantFacts


@dataclass(frozen=True, slots=True)
class Past:
    """A device and a resource that a grant named, with the facts of the moment and the names of then."""

    user_id: int
    user: str
    device_id: int
    device: str
    resource_id: int
    resource: str
    grants: tuple[int, ...]
    facts: Facts


class World:
    """What the events so far add up to."""

    VERBS: ClassVar[tuple[str, ...]] = (
        "user.signed_in",
        "user.disabled",
        "user.enabled",
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
        self._proven: dict[int, datetime] = {}
        self._groups: dict[int, frozenset[int]] = {}
        self._states: dict[int, str] = {}
        self._grants: dict[int, GrantFacts] = {}
        self._told: dict[int, dict[str, Any]] = {}

    def take(self, verb: str, data: dict[str, Any]) -> None:
        """Add one event."""
        name = "_" + verb.replace(".", "_")
        step: Callable[[dict[str, Any]], None] | None = getattr(self, name, None)
        if step is not None:
            step(data)

    def state_of(self, device_id: int) -> str:
        """Return a device's state; of one that is not told of, what enrolling makes it."""
        return self._states.get(device_id, "enrolled")

    def pairs(self, at: datetime) -> Iterable[Past]:
        """Yield each device and resource that a grant names and that is not over at this moment."""
        together: dict[tuple[int, int], list[int]] = {}
        for grant_id, grant in self._grants.items():
            if grant.is_open and grant.starts_at <= at < grant.ends_at:
                for device in self._told[grant_id]["devices"]:
                    together.setdefault((device["id"], self._told[grant_id]["resource"]), []).append(grant_id)
        for (device_id, resource_id), live in together.items():
            told = self._told[live[0]]
            device = next(each for each in told["devices"] if each["id"] == device_id)
            facts = self._facts(device, resource_id, told["user"])
            yield Past(told["user"], told["user_name"], device_id, device["name"], resource_id, told["slug"], tuple(live), facts)

    def _facts(self, device: dict[str, Any], resource_id: int, user_id: int) -> Facts:
        named = (self._grants[each] for each, told in self._told.items() if told["resource"] == resource_id and told["user"] == user_id)
        return Facts(
            user_is_active=user_id not in self._disabled,
            proven_at=self._proven.get(user_id),
            device_id=device["id"],
            device_owner_id=device["owner"],
            device_state=self.state_of(device["id"]),
            resource_is_retired=resource_id in self._retired,
            user_groups=self._groups.get(user_id, frozenset()),
            grants=tuple(named),
        )

    def _user_signed_in(self, data: dict[str, Any]) -> None:
        self._groups[data["user"]] = frozenset(data["group_ids"])
        if data["auth_time"]:
            proven = datetime.fromisoformat(data["auth_time"])
            self._proven[data["user"]] = max(proven, self._proven.get(data["user"], proven))

    def _user_disabled(self, data: dict[str, Any]) -> None:
        self._disabled.add(data["user"])

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
        self._grants[data["grant"]] = GrantFacts(
            id=data["grant"],
            user_id=data["user"],
            device_ids=frozenset(device["id"] for device in data["devices"]),
            starts_at=datetime.fromisoformat(data["starts_at"]),
            ends_at=datetime.fromisoformat(data["ends_at"]),
            session_length=data["session_length"],
            requesters=frozenset(data["requesters"]),
        )

    def _grant_revoked(self, data: dict[str, Any]) -> None:
        known = self._grants.get(data["grant"])
        if known:
            self._grants[data["grant"]] = replace(known, is_open=False)
