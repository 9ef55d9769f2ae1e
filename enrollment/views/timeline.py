"""What happened to one request, in order: asked, answered, decided, in force, ended, confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from enrollment.models import AccessRequest, Grant
from enrollment.sentences import recalled
from enrollment.templatetags.times import duration
from enrollment.views.standing import Standing, of_request


@dataclass(frozen=True)
class Step:
    """One thing that happened, or is still to come."""

    at: datetime
    words: str
    tone: str = "quiet"
    says: str = ""
    leads_to: int | None = None  # another request of mine


def steps(asked: AccessRequest, grant: Grant | None, where: Standing, now: datetime) -> list[Step]:
    """Return what happened so far and, at its end, what will happen by itself."""
    begin = _("You took emergency access for %(time)s; nobody approved it") if asked.is_break_glass else _("You asked for %(time)s")
    found = [Step(asked.created_at, begin % {"time": duration(asked.seconds)}, says=asked.reason), *_reviews(asked)]
    if grant is None:
        return [*found, *_without_grant(asked, now)]
    found += [*_beginning(grant, now), *_in_force(grant), *_end(grant, where, now), *_gone(grant)]
    return sorted(found, key=lambda step: step.at)


def _reviews(asked: AccessRequest) -> list[Step]:
    words = {"approve": _("%(person)s approved"), "deny": _("%(person)s denied")}
    if asked.is_break_glass:
        words = {"approve": _("%(person)s found it justified"), "deny": _("%(person)s found it not justified")}
    tones = {"approve": "good", "deny": "bad"}
    return [
        Step(review.created_at, words[review.verdict] % {"person": review.who}, tones[review.verdict], review.comment)
        for review in asked.reviews.all()
    ]


def _without_grant(asked: AccessRequest, now: datetime) -> list[Step]:
    where = of_request(asked, now)
    at = where.since or now
    if where.kind == AccessRequest.State.CANCELLED:
        return [Step(at, _("You cancelled it"))]
    if where.kind == AccessRequest.State.LAPSED:
        return [Step(at, _("Nobody answered in time, so it ended by itself. You can ask again"))]
    if where.kind == AccessRequest.State.WITHDRAWN:
        return [Step(at, _("Withdrawn: the access it was to extend, the account, a device or the resource is gone"))]
    if where.kind == AccessRequest.State.PENDING:
        return [Step(asked.answer_by, _("If nobody answers by then, the request ends by itself"), "waiting")]
    return []


def _beginning(grant: Grant, now: datetime) -> list[Step]:
    """Tell of a start of its own, unless it was ended before."""
    if grant.starts_at <= grant.created_at or (grant.ended_at and grant.ended_at <= grant.starts_at):
        return []
    return [Step(grant.starts_at, _("It begins by itself"), "waiting") if grant.starts_at > now else Step(grant.starts_at, _("It began"))]


def _in_force(grant: Grant) -> list[Step]:
    return [
        Step(
            row.in_force_at,
            _("In force on %(pep)s for %(device)s, read back from its kernel") % {"pep": row.pep, "device": row.device},
            "good",
        )
        for row in grant.enforcements.all()
        if row.in_force_at
    ]


def _end(grant: Grant, where: Standing, now: datetime) -> list[Step]:
    if grant.state == Grant.State.REVOKED and grant.ended_at:
        by_owner = grant.ended_by_id == grant.user_id
        words = _("You ended it") if by_owner else _("%(person)s ended it") % {"person": grant.ended_by or _("The portal")}
        reason = grant.end_reason if grant.ended_by else recalled(grant.end_reason)  # nobody's: words of ours
        return [Step(grant.ended_at, words, says="" if by_owner else reason)]
    by_itself = Step(where.ends_at or grant.ends_at, _("It will end by itself, even if every server of ours is down by then"), "waiting")
    if where.goes_on_as:
        begins = (
            _("The extension begins, without a gap") if grant.ends_at > now else _("Time was up, and the extension went on without a gap")
        )
        return [Step(grant.ends_at, begins, "waiting" if grant.ends_at > now else "quiet", leads_to=where.goes_on_as), by_itself]
    return [Step(grant.ends_at, _("Time was up"))] if grant.ends_at <= now else [by_itself]


def _gone(grant: Grant) -> list[Step]:
    return [
        Step(row.gone_at, _("Gone from %(pep)s for %(device)s, confirmed by its kernel") % {"pep": row.pep, "device": row.device}, "quiet")
        for row in grant.enforcements.all()
        if row.gone_at
    ]
