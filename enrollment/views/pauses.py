"""Access that pauses because the sign-in grows old, or has already: what to warn of, on any page, while a click can keep it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from enrollment import facts
from enrollment.models import Grant, User
from enrollment.policy import Allow, decide, identity_is_fresh
from enrollment.values import Facts

AHEAD = timedelta(hours=1)  # or half of the session length, where that is shorter


@dataclass(frozen=True)
class Pause:
    """A resource that a live grant stops opening at `at`, or did; `why` is what `decide` says then."""

    resource: str
    at: datetime
    is_over: bool
    why: str


def pauses(user: User, now: datetime) -> tuple[Pause, ...]:
    """Return what pauses soon or has paused for want of a fresh sign-in, the soonest first, once for each resource."""
    found: dict[str, Pause] = {}
    for grant, at, why in _ends_of_proof(_bound(user, now), now):
        ahead = min(AHEAD, timedelta(seconds=(grant.session_length or 0) / 2))
        if at - now <= ahead and at < grant.ends_at:
            name = grant.resource.name
            pause = Pause(name, at, at <= now, why)
            found[name] = min(found.get(name, pause), pause, key=lambda each: each.at)
    return tuple(sorted(found.values(), key=lambda each: each.at))


def proof_ends(known: Facts, grant: Grant) -> tuple[datetime, str] | None:
    """Return when this grant stops for the age of the sign-in, and what it says then; None where it does not ask."""
    mine = next((each for each in known.grants if each.id == grant.pk), None)
    if mine is None or mine.session_length is None:
        return None
    until = identity_is_fresh(known, mine)
    return until.deadline, until.otherwise


def _bound(user: User, now: datetime) -> list[Grant]:
    live = Grant.objects.filter(user=user, state__in=Grant.OPEN, starts_at__lte=now, ends_at__gt=now, session_length__isnull=False)
    return list(live.select_related("resource").prefetch_related("devices"))


def _ends_of_proof(grants: Iterable[Grant], now: datetime) -> Iterable[tuple[Grant, datetime, str]]:
    first = {grant.pk: device for grant in grants for device in list(grant.devices.all())[:1]}
    pairs = [(first[grant.pk], grant.resource) for grant in grants if grant.pk in first]
    known = facts.facts_of_all(pairs, now) if pairs else {}
    for grant in grants:
        about = known.get((first[grant.pk].pk, grant.resource_id)) if grant.pk in first else None
        ends = proof_ends(about, grant) if about else None
        decision = decide(about, now) if about else None
        if ends and not (isinstance(decision, Allow) and decision.until >= grant.ends_at):  # another grant does not ask
            yield grant, *ends
