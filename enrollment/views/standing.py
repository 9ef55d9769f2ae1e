"""Where a grant or a request stands, said honestly: approved is not enforced, and ended is not confirmed.

What a PEP's kernel was read to hold comes through the relation `enforcements`; times
decide before states do, so that no dead worker leaves "active" on a screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils.translation import gettext as _

from enrollment import facts
from enrollment.models import AccessRequest, Grant, Review, User
from enrollment.sentences import joined, recalled
from enrollment.values import Step
from enrollment.views import logged
from enrollment.views.held import NOTHING, Held, Look, looks
from enrollment.views.people import those

WANTED, IN_FORCE, ENDING, GONE = "wanted", "in_force", "ending", "gone"
OVER = {"extended", "expired", "revoked", "denied", "cancelled", "lapsed", "withdrawn"}
RECENT = timedelta(days=1)
TOGETHER = timedelta(seconds=5)
Rows = Sequence[Any]  # of a model of enforcement, which is not imported here


@dataclass(frozen=True)
class Place:
    """A device that a PEP was read to let in, since when."""

    device: str
    pep: str
    since: datetime


@dataclass(frozen=True)
class Standing:
    """One word for it, the tone of that word, since when, and the PEPs it speaks of."""

    kind: str
    tone: str
    since: datetime | None = None
    peps: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()  # where it is in force since when, where that was not all at once
    missing: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    latest: datetime | None = None  # when the kernel ends by itself what is not confirmed gone
    held: tuple[Held, ...] = ()  # the devices that may not reach it now, with the reasons
    is_settled: bool = True
    is_orphan: bool = False  # it waits, and too few people are left who could answer
    is_emergency: bool = False  # nobody approved it
    by: str = ""  # who ended or denied it, where that was not its owner
    says: str = ""  # and why, in their words
    why: str = ""  # it was withdrawn, in ours
    pauses_at: datetime | None = None  # when the sign-in is too old for it, where that is before its end
    ends_at: datetime | None = None  # of a grant: when access ends, with what goes on where the grant ends
    goes_on_as: int | None = None  # the number of the request for that
    is_more_time: bool = False  # it was asked for to extend what runs, and has not begun

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more comes of it."""
        return self.kind in OVER

    @property
    def rank(self) -> int:
        """Return its place in a list: what runs, what will begin, what waits for an answer, what is over."""
        return 3 if self.is_over else {"scheduled": 1, "pending": 2}.get(self.kind, 0)

    @property
    def look_again(self) -> int:
        """Return in how many seconds an open page looks again; 0 where nothing more comes of it. Others can end what is in force."""
        if self.is_settled:
            return 0 if self.is_over else 15
        return 5 if self.kind == "pending" else 2

    @property
    def gist(self) -> str:
        """Return what an open page compares: it shows all anew once this is another."""
        held = (str(each.device.pk) for each in self.held)
        moments = (self.since, self.ends_at, self.pauses_at, *(place.since for place in self.places))
        return " ".join((self.kind, *self.missing, *self.errors, *held, str(self.goes_on_as or ""), *(str(each or "") for each in moments)))


def with_standing(grants: QuerySet[Grant]) -> QuerySet[Grant]:
    """Fetch what `of_grant` reads, in a constant number of queries."""
    return grants.select_related("resource", "ended_by", "request", "user").prefetch_related(
        "devices", "enforcements__pep", "enforcements__device", "resource__placements__pep"
    )


def with_answers(requests: QuerySet[AccessRequest]) -> QuerySet[AccessRequest]:
    """Fetch the answers so far, and what the grant's standing reads."""
    grants = Prefetch("grant", queryset=with_standing(Grant.objects.all()))
    return requests.select_related("resource", "closed_by", "extends").prefetch_related(
        "devices", "reviews__reviewer", "reviews__on_behalf_of", grants
    )


def current(user: User, now: datetime) -> QuerySet[AccessRequest]:
    """Find what matters today: what waits for an answer or a review, what runs, and what ended, or came to nothing, less than a day ago."""
    state = AccessRequest.State
    waits = Q(state=state.PENDING, answer_by__gt=now - RECENT)
    came_to_nothing = Q(state__in=(state.DENIED, state.LAPSED, state.WITHDRAWN), closed_at__gt=now - RECENT)
    runs = Q(grant__ends_at__gt=now - RECENT) & (Q(grant__ended_at=None) | Q(grant__ended_at__gt=now - RECENT))
    unreviewed = Q(grant__review_due=True)
    unconfirmed = Q(grant__enforcements__state__in=(WANTED, IN_FORCE, ENDING))
    return user.access_requests.filter(waits | came_to_nothing | runs | unreviewed | unconfirmed).distinct().order_by("-created_at", "-id")


def of_all(requests: Iterable[AccessRequest], now: datetime) -> list[tuple[AccessRequest, Grant | None, Standing]]:
    """Where requests stand, or the grants they became; whom they wait for and what keeps devices out is read for all at once."""
    found = [(request, grant_of(request)) for request in requests]
    grants = [grant for _request, grant in found if grant]
    seen, onward = looks(grants, now), facts.onward(grants)
    pending = [request for request, grant in found if not grant and request.state == AccessRequest.State.PENDING]
    left = facts.answerers_left(pending, pending[0].requester, now) if pending else {}
    orphans = facts.orphans_among(pending) if pending else frozenset()
    why = logged.withdrawals(request for request, _grant in found)
    where = [
        (request, grant, of_grant(grant, seen.get(grant.pk, NOTHING), onward.get(grant.pk, ()), now))
        if grant
        else (request, None, of_request(request, now, left.get(request.pk, ()), why.get(request.pk, ""), is_orphan=request.pk in orphans))
        for request, grant in found
    ]
    return [(request, grant, replace(each, is_more_time=_is_more_time(request, grant, now))) for request, grant, each in where]


def _is_more_time(request: AccessRequest, grant: Grant | None, now: datetime) -> bool:
    """Tell whether it is about more time for what runs, and not access that has begun."""
    return request.extends_id is not None and (grant is None or grant.starts_at > (grant.ended_at or now))


def of_grant(grant: Grant, look: Look, onward: Sequence[Grant], now: datetime) -> Standing:
    where = _of_grant(grant, look, onward, now)
    return replace(where, ends_at=onward[-1].ends_at, goes_on_as=onward[-1].request_id) if onward else replace(where, ends_at=grant.ends_at)


def _of_grant(grant: Grant, look: Look, onward: Sequence[Grant], now: datetime) -> Standing:
    held = look.held
    rows = list(grant.enforcements.all())
    if grant.ends_at <= now and onward and not facts.cut_of(grant):
        return Standing("extended", "quiet", grant.ends_at)
    if grant.state == Grant.State.REVOKED or grant.ends_at <= now:
        return _ended(grant, rows)
    if grant.starts_at > now:
        return Standing("scheduled", "waiting", grant.starts_at)
    where = _live(grant, rows, is_held=len(held) == len(grant.devices.all()))
    kept_out = {each.device.pk for each in held}
    leaving = any(row.state == IN_FORCE and row.device_id in kept_out for row in rows)
    settled = where.is_settled and not leaving
    return replace(where, held=held, is_settled=settled, is_emergency=grant.is_break_glass, pauses_at=look.pauses_at)


def _live(grant: Grant, rows: Rows, *, is_held: bool) -> Standing:
    in_force = [row for row in rows if row.state == IN_FORCE]
    wanted = [row for row in rows if row.state == WANTED]
    errors = tuple(dict.fromkeys(joined([str(row.pep), recalled(row.error)], ": ") for row in rows if row.error))
    places = tuple(Place(str(row.device), str(row.pep), row.in_force_at) for row in in_force if row.in_force_at)
    since = _at_once(places)
    if in_force and not wanted:
        return Standing("in force", "good", since, peps=_names(in_force), places=() if since else places, errors=errors)
    if in_force:
        return Standing("partly", "busy", since, peps=_names(in_force), missing=_names(wanted), errors=errors, is_settled=False)
    if is_held:
        leaving = [row for row in rows if row.state == ENDING]
        return Standing("held back", "bad", missing=_names(leaving), errors=errors, is_settled=not leaving)
    peps = _names(wanted) or tuple(str(placement.pep) for placement in grant.resource.placements.all() if placement.pep.is_enabled)
    return Standing("applying" if peps else "nowhere", "busy" if peps else "bad", missing=peps, errors=errors, is_settled=False)


def _at_once(places: Sequence[Place]) -> datetime | None:
    """Return when all of it was in force, where that came together."""
    moments = [place.since for place in places]
    return max(moments) if moments and max(moments) - min(moments) < TOGETHER else None


def _ended(grant: Grant, rows: Rows) -> Standing:
    since = grant.ended_at if grant.state == Grant.State.REVOKED else grant.ends_at
    kind = "revoked" if grant.state == Grant.State.REVOKED else "expired"
    by, says = _ended_by(grant)
    if kind == "expired" and (cut := facts.cut_of(grant)):
        kind, since, says = "revoked", cut.at, cut.why
    unconfirmed = [row for row in rows if row.state != GONE]
    errors = tuple(dict.fromkeys(joined([str(row.pep), recalled(row.error)], ": ") for row in unconfirmed if row.error))
    if unconfirmed:
        latest = max((row.until for row in unconfirmed if row.until), default=None)
        return Standing(
            f"{kind}, unconfirmed",
            "busy",
            since,
            missing=_names(unconfirmed),
            errors=errors,
            latest=latest,
            by=by,
            says=says,
            is_settled=False,
        )
    return Standing(kind, "quiet", since, peps=_names(rows), by=by, says=says)


def _ended_by(grant: Grant) -> tuple[str, str]:
    """Return who revoked it and why; nothing where its owner ended it, or time did."""
    if grant.state != Grant.State.REVOKED or grant.ended_by_id == grant.user_id:
        return "", ""
    return (str(grant.ended_by), grant.end_reason) if grant.ended_by else (_("the portal"), recalled(grant.end_reason))


def of_request(request: AccessRequest, now: datetime, left: Sequence[Step] = (), why: str = "", *, is_orphan: bool = False) -> Standing:
    """Where a request stands that has no grant; one whose time ran out has lapsed, whoever has noticed."""
    if request.state == AccessRequest.State.DENIED:
        no = next((each for each in request.reviews.all() if each.verdict == Review.Verdict.DENY), None)
        return Standing(request.state, "bad", request.closed_at, by=no.who if no else "", says=no.comment if no else "")
    if request.state != AccessRequest.State.PENDING:
        return Standing(request.state, "quiet", request.closed_at, why=why)
    if request.answer_by <= now:
        return Standing("lapsed", "quiet", request.answer_by)
    missing = (those(left),) if left else ()
    return Standing(
        "pending", "bad" if is_orphan else "waiting", request.created_at, missing=missing, is_settled=False, is_orphan=is_orphan
    )


def grant_of(request: AccessRequest) -> Grant | None:
    """Return what a request became, if it became anything."""
    return getattr(request, "grant", None)


def _names(rows: Rows) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(row.pep) for row in rows))
