"""Who could reach what at a moment, as authorised, told from the audit log alone: rows change, history does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from enrollment.history import World
from enrollment.models import AuditEvent, Resource, User
from enrollment.policy import decide

VERBS = World.VERBS


@dataclass(frozen=True, slots=True)
class Reach:
    """One device that could reach one resource, and until when that was decided to last."""

    user_id: int
    user: str
    device_id: int
    device: str
    resource_id: int
    resource: str
    until: datetime
    grants: tuple[int, ...]


def reachable_by(resource: Resource, at: datetime) -> tuple[Reach, ...]:
    """Return who could reach this resource at that moment."""
    return tuple(reach for reach in _reaches(at) if reach.resource_id == resource.pk)


def reachable_of(user: User, at: datetime) -> tuple[Reach, ...]:
    """Return what this person could reach at that moment."""
    return tuple(reach for reach in _reaches(at) if reach.user_id == user.pk)


def _reaches(at: datetime) -> Iterable[Reach]:
    world = World()
    for verb, data in _events(at):
        world.take(verb, data)
    for pair in world.pairs(at):
        decision = decide(pair.facts, at)
        if decision:
            yield Reach(pair.user_id, pair.user, pair.device_id, pair.device, pair.resource_id, pair.resource, decision.until, pair.grants)


def _events(at: datetime) -> Iterable[tuple[str, dict[str, Any]]]:
    rows = AuditEvent.objects.filter(at__lte=at, verb__in=VERBS).order_by("seq")
    return rows.values_list("verb", "data").iterator(chunk_size=2000)
