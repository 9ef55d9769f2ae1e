"""What happened to one request, in order: asked, answered, decided, in force, ended, confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from enrollment import facts
from enrollment.models import AccessRequest, Grant
from enrollment.sentences import recalled, spoken
from enrollment.templatetags.times import duration
from enrollment.views import logged
from enrollment.views.standing import Standing


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
    found = [
        Step(asked.created_at, begin % {"time": duration(asked.seconds)}, says=asked.reason),
        *_reviews(asked),
        *_logged(asked, grant, now),
    ]
    if grant is None:
        return sorted([*found, *_without_grant(asked, where, now)], key=lambda step: step.at)
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


def _without_grant(asked: AccessRequest, where: Standing, now: datetime) -> list[Step]:
    at = where.since or now
    if where.kind == AccessRequest.State.CANCELLED:
        return [Step(at, _("You cancelled it"))]
    if where.kind == AccessRequest.State.LAPSED:
        return [Step(at, _("Nobody answered in time, so it ended by itself. You can ask again"))]
    if where.kind == AccessRequest.State.WITHDRAWN:
        return [Step(at, _("Withdrawn: %(why)s") % {"why": spoken(where.why)} if where.why else _("Withdrawn"))]
    if where.kind == AccessRequest.State.PENDING:
        return [Step(asked.answer_by, _("If nobody answers by then, the request ends by itself"), "waiting")]
    return []


def _beginning(grant: Grant, now: datetime) -> list[Step]:
    """Tell of a start of its own, unless it was ended before."""
    if grant.starts_at <= grant.created_at or (grant.ended_at and grant.ended_at <= grant.starts_at):
        return []
    return [Step(grant.starts_at, _("It begins by itself"), "waiting") if grant.starts_at > now else Step(grant.starts_at, _("It began"))]


def _logged(asked: AccessRequest, grant: Grant | None, now: datetime) -> list[Step]:
    found = [each for each in logged.events(asked, grant, now) if each.verb != logged.WITHDRAWN]
    devices = grant.devices.all() if grant else ()
    told = [(each.at, *logged.in_words(each, asked.requester, devices)) for each in found]
    return [Step(at, words, says=says) for at, words, says in told]


def _in_force(grant: Grant) -> list[Step]:
    words = _("In force for %(device)s, as gateway %(pep)s confirms")
    return [Step(since, words % {"pep": row.pep, "device": row.device}, "good") for row, since, _gone in _times(grant) if since]


def _times(grant: Grant) -> list[tuple[Any, datetime | None, datetime | None]]:
    """Return every time that a gateway let a device in: from when on, and when it was read to be gone."""
    found: list[tuple[Any, datetime | None, datetime | None]] = []
    for row in grant.enforcements.all():
        found += [(row, datetime.fromisoformat(since), datetime.fromisoformat(gone) if gone else None) for since, gone in row.past]
        found.append((row, row.in_force_at, row.gone_at))
    return found


def _end(grant: Grant, where: Standing, now: datetime) -> list[Step]:
    if grant.state == Grant.State.REVOKED and grant.ended_at:
        by_owner = grant.ended_by_id == grant.user_id
        words = _("You ended it") if by_owner else _("%(person)s ended it") % {"person": grant.ended_by or _("The portal")}
        if by_owner and grant.extends and grant.extends.ended_at == grant.ended_at:
            words = _("You ended the access it was to extend, and this with it")
        reason = grant.end_reason if grant.ended_by else recalled(grant.end_reason)  # nobody's: words of ours
        return [Step(grant.ended_at, words, says="" if by_owner else reason)]
    if grant.ends_at <= now and (cut := facts.cut_of(grant)):
        return [Step(cut.at, _("It was cut off"), says=cut.why)]
    by_itself = Step(where.ends_at or grant.ends_at, _("It will end by itself, even if every server of ours is down by then"), "waiting")
    if where.goes_on_as:
        begins = (
            _("The extension begins, without a gap") if grant.ends_at > now else _("Time was up, and the extension went on without a gap")
        )
        return [Step(grant.ends_at, begins, "waiting" if grant.ends_at > now else "quiet", leads_to=where.goes_on_as), by_itself]
    return [Step(grant.ends_at, _("Time was up"))] if grant.ends_at <= now else [by_itself]


def _gone(grant: Grant) -> list[Step]:
    words = _("Gone for %(device)s, as gateway %(pep)s confirms")
    return [Step(gone, words % {"pep": row.pep, "device": row.device}) for row, _since, gone in _times(grant) if gone]
