"""Who could reach what at a moment, told from the audit log alone: rows change, history does not.

As authorised: what `decide` said then. Beside it, as enforced: which PEPs' kernels held
it, by their receipts. The two differ where a PEP was late, or could not be reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Q

from enrollment.enforced import Holding, Kernels, ended_by, together
from enrollment.history import Pair, Past, World
from enrollment.models import AuditEvent, Resource, User
from enrollment.policy import decide

LARGEST = 2**63
MOST_PEOPLE = 20
Receipt = tuple[str, dict[str, Any], tuple[int, str], datetime]


@dataclass(frozen=True, slots=True)
class Reach:
    """One device that could reach one resource: until when that was decided to last (None: it was not allowed), and who held it."""

    user_id: int
    user: str
    device_id: int
    device: str
    resource_id: int
    resource: str
    until: datetime | None
    grants: tuple[int, ...]
    held: tuple[Holding, ...] = ()
    break_glass: tuple[int, ...] = ()  # those of the grants that were taken in an emergency, approved by nobody


def reachable_by(resource: Resource, at: datetime) -> tuple[Reach, ...]:
    """Return who was allowed to reach this resource at that moment."""
    return tuple(reach for reach in reaches_at(at, resource=resource) if reach.until)


def reachable_of(user: User, at: datetime) -> tuple[Reach, ...]:
    """Return what this person was allowed to reach at that moment."""
    return tuple(reach for reach in reaches_at(at, user=user) if reach.until)


def people_called(said: str) -> list[User]:
    """Return whom a name, an e-mail address or the number of an account means; several may have the same name."""
    which = Q(name=said) | Q(email__iexact=said)
    if said.isascii() and said.isdigit() and len(said) < len(str(LARGEST)):
        which |= Q(pk=int(said))
    return list(User.objects.filter(which).order_by("pk")[:MOST_PEOPLE]) if "\0" not in said else []


def people_like(said: str) -> list[User]:
    """Return in whose name or e-mail address this occurs: by name, and no more than somebody would choose from."""
    return list(User.objects.filter(Q(name__icontains=said) | Q(email__icontains=said)).order_by("name", "pk")[:MOST_PEOPLE])


def log_begins() -> datetime | None:
    """Return since when the audit log tells; None while it is empty."""
    return AuditEvent.objects.order_by("seq").values_list("at", flat=True).first()


def reaches_at(at: datetime, *, resource: Resource | None = None, user: User | None = None) -> tuple[Reach, ...]:
    """Return all that was allowed at that moment, or held by some kernel."""
    world, kernels = World(), Kernels()
    for verb, data in _events(at):
        world.take(verb, data)
    for receipt in _receipts(before=at):
        kernels.take(*receipt)
    pairs = world.pairs(at, kernels.keys(), about=Pair(resource.pk if resource else None, user.pk if user else None))
    found = [_reach(pair, kernels, at) for pair in pairs]
    return tuple(_with_ends([reach for reach in found if reach.until or reach.held], at))


def _reach(pair: Past, kernels: Kernels, at: datetime) -> Reach:
    decision = decide(pair.facts, at)
    held = together(each for grant in pair.held_for for each in kernels.holding((grant, pair.device_id)))
    grants = tuple(dict.fromkeys((*pair.grants, *pair.held_for)))
    until = decision.until if decision else None
    known = (pair.user_id, pair.user, pair.device_id, pair.device, pair.resource_id, pair.resource)
    return Reach(*known, until, grants, held, pair.break_glass)


def _with_ends(reaches: list[Reach], at: datetime) -> Iterator[Reach]:
    """Look on from that moment, for when it was gone from each kernel that held it."""
    waiting = {(grant, reach.device_id, each.pep_id) for reach in reaches for grant in reach.grants for each in reach.held}
    gone: dict[tuple[int, int, int], datetime] = {}
    for verb, data, (pep_id, _pep), moment in _receipts(after=at) if waiting else ():
        if verb == "pep.enforced":
            ended = {(grant, device, pep_id) for grant, device in ended_by(data)} & waiting
            gone |= dict.fromkeys(ended, moment)
            waiting -= ended
        if not waiting:
            break
    for reach in reaches:
        ends = {each.pep_id: [gone.get((grant, reach.device_id, each.pep_id)) for grant in reach.grants] for each in reach.held}
        yield replace(reach, held=tuple(replace(each, gone_at=_last(ends[each.pep_id])) for each in reach.held))


def _last(ends: list[datetime | None]) -> datetime | None:
    known = [end for end in ends if end]
    return max(known) if len(known) == len(ends) else None


def _events(at: datetime) -> Iterable[tuple[str, dict[str, Any]]]:
    rows = AuditEvent.objects.filter(at__lte=at, verb__in=World.VERBS).order_by("seq")
    return rows.values_list("verb", "data").iterator(chunk_size=2000)


def _receipts(*, before: datetime | None = None, after: datetime | None = None) -> Iterator[Receipt]:
    rows = AuditEvent.objects.filter(verb__in=Kernels.VERBS).order_by("seq")
    rows = rows.filter(at__lte=before) if before else rows.filter(at__gt=after)
    for verb, data, pep_id, pep, at in rows.values_list("verb", "data", "subject_id", "subject", "at").iterator(chunk_size=2000):
        yield verb, data, (pep_id or 0, pep), at
