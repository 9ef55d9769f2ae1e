"""What the PEPs' kernels held, as the audit log tells it: fold the events up to a moment, then ask about a grant and a device.

Pure. A receipt says when something was first read to be in force, and when it was read to
be gone; while a PEP fails nobody knows, and that is said too. A kernel ends by itself
what nobody renews, so nothing is held past its grant's end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

Key = tuple[int, int]  # grant, device


@dataclass(frozen=True, slots=True)
class Holding:
    """One PEP's kernel held it: read so first at `since`; since `unsure_since` the PEP fails, and at `gone_at` it was read to be gone."""

    pep_id: int
    pep: str
    since: datetime
    unsure_since: datetime | None = None
    gone_at: datetime | None = None


class Kernels:
    """What the receipts so far add up to."""

    VERBS = ("pep.enforced", "pep.failing", "pep.recovered")

    def __init__(self) -> None:
        self._held: dict[Key, dict[int, Holding]] = {}
        self._failing: dict[int, datetime] = {}

    def take(self, verb: str, data: dict[str, Any], pep: tuple[int, str], at: datetime) -> None:
        """Add one event about a PEP, given by number and name."""
        if verb == "pep.failing":
            self._failing.setdefault(pep[0], at)
        elif verb == "pep.recovered":
            self._failing.pop(pep[0], None)
        elif verb == "pep.enforced":
            for grant, device, *_until in data["in_force"]:
                self._held.setdefault((grant, device), {})[pep[0]] = Holding(*pep, at)
            for grant, device in ended_by(data):
                self._held.get((grant, device), {}).pop(pep[0], None)

    def holding(self, key: Key) -> tuple[Holding, ...]:
        """Return which PEPs hold it, and since when; whether one that fails does, nobody knows."""
        found = sorted(self._held.get(key, {}).values(), key=lambda each: each.pep)
        return tuple(replace(each, unsure_since=self._unsure(each)) for each in found)

    def keys(self) -> Collection[Key]:
        return {key for key, peps in self._held.items() if peps}

    def _unsure(self, each: Holding) -> datetime | None:
        since = self._failing.get(each.pep_id)
        return max(since, each.since) if since else None


def ended_by(data: dict[str, Any]) -> Iterable[Key]:
    """Return what a receipt said was gone, or that it was lost though it was wanted."""
    yield from ((grant, device) for grant, device in (*data["gone"], *data.get("lost", ())))


def together(holdings: Iterable[Holding]) -> tuple[Holding, ...]:
    """Make one of what a PEP held for several grants of the same pair: from the first of them to the last."""
    found: dict[int, Holding] = {}
    for each in holdings:
        known = found.get(each.pep_id, each)
        ends = (known.gone_at, each.gone_at)
        found[each.pep_id] = replace(known, since=min(known.since, each.since), gone_at=max(filter(None, ends)) if all(ends) else None)
    return tuple(sorted(found.values(), key=lambda each: each.pep))
