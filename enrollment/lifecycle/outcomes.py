"""What a verb says instead of doing it: Refused (not allowed, or not possible) and Conflict (somebody was faster)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import models

from enrollment.models import AccessRequest, AuditEvent, Delegation, Device, Grant, Review, User
from enrollment.moments import in_words
from enrollment.sentences import joined, recalled, say

IN_DOUBT = say("The portal's clock went back, so nobody knows when new access would end: nothing is opened now. Tell an admin.")
LET_IN = {
    "device.enrolled": say("enrolled"),
    "device.approved": say("approved"),
    "device.resumed": say("resumed"),
    "device.found": say("brought back"),
    "device.key_rotated": say("given a new key"),
}


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """Not allowed, or not possible: `reasons` are sentences that a person can act on; `field` names what was typed wrongly."""

    def __init__(self, *reasons: str, field: str | None = None) -> None:
        self.reasons = reasons
        self.field = field
        super().__init__(" ".join(reasons))


class Conflict(Exception):  # noqa: N818 - an answer, not an error
    """It was decided already; the sentence says by whom and when."""


def refuse_if(broken: bool, reason: str, *, field: str | None = None) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise Refused with this reason where something is broken."""
    if broken:
        raise Refused(reason, field=field)


def conflict_over_request(request: AccessRequest, now: datetime) -> Conflict:
    """Look up who closed the request. Reads the row anew: the one in hand is what lost."""
    row = AccessRequest.objects.select_related("closed_by").get(pk=request.pk)
    if row.state == AccessRequest.State.PENDING:
        return Conflict(say("Nobody answered in time: the request lapsed on {when}.", when=in_words(min(row.answer_by, now))))
    said = {"approved": say("approved"), "denied": say("denied"), "cancelled": say("cancelled"), "withdrawn": say("withdrawn")}
    if row.state not in said:
        return Conflict(say("Nobody answered in time: the request lapsed on {when}.", when=in_words(row.closed_at or now)))
    return Conflict(was_done(say("The request"), said[row.state], row.closed_by, row.closed_at))


def conflict_over_grant(grant: Grant) -> Conflict:
    row = Grant.objects.select_related("ended_by").get(pk=grant.pk)
    said = {"revoked": say("revoked"), "expired": say("found expired")}.get(row.state, say("changed"))
    return Conflict(was_done(say("The grant"), said, row.ended_by, row.ended_at))


def conflict_over_review(grant: Grant) -> Conflict:
    """Look up who reviewed this emergency access."""
    review = Review.objects.select_related("reviewer", "on_behalf_of").get(request=grant.request_id)
    return Conflict(was_done(say("The emergency access"), say("reviewed"), review.who, review.created_at))


def conflict_over_device(device: Device) -> Conflict:
    row = Device.objects.select_related("suspended_by", "retired_by", "lost_by").get(pk=device.pk)
    if row.state == Device.State.RETIRED:
        return Conflict(was_done(say("The device"), say("refused") if row.refusal else say("retired"), row.retired_by, row.retired_at))
    if row.state == Device.State.PENDING:
        return Conflict(say("The device waits for approval."))
    if row.is_lost:
        return Conflict(was_done(say("The device"), say("reported lost"), row.lost_by, row.lost_at))
    if row.state == Device.State.SUSPENDED:
        return Conflict(was_done(say("The device"), say("suspended"), row.suspended_by, row.suspended_at))
    return conflict_told(device, say("The device"), LET_IN)


def conflict_over_approval(device: Device) -> Conflict:
    """Look up who let the device in or turned it away; where nobody did, what else became of it."""
    row = Device.objects.select_related("approved_by").get(pk=device.pk)
    if row.approved_at and row.state != Device.State.RETIRED:
        return Conflict(was_done(say("The device"), say("approved"), row.approved_by, row.approved_at))
    if row.state == Device.State.ENROLLED:
        return Conflict(say("The device needs no approval: it is enrolled."))
    return conflict_over_device(device)


def conflict_told(subject: models.Model, what: str, said: Mapping[str, str]) -> Conflict:
    """Look up in the log who did the last of these to it: where rows keep what is so, the log keeps who made it so."""
    events = AuditEvent.objects.filter(subject_type=subject._meta.model_name, subject_id=subject.pk, verb__in=list(said))
    last = events.order_by("-seq").first()
    if last is None:
        return Conflict(say("{what} was changed meanwhile. Look again.", what=what))
    return Conflict(was_done(what, said[last.verb], recalled(last.actor), last.at))


def conflict_over_delegation(delegation: Delegation, now: datetime) -> Conflict:
    row = Delegation.objects.select_related("ended_by").get(pk=delegation.pk)
    if row.ended_at is None:
        return Conflict(say("The delegation was over on {when}.", when=in_words(min(row.ends_at, now))))
    return Conflict(was_done(say("The delegation"), say("ended"), row.ended_by, row.ended_at))


def conflict_over_seat(review: Review, reader: User) -> Conflict:
    """Say who has spoken already, to somebody who would have filled the same seat."""
    when, stood_in = in_words(review.created_at), review.on_behalf_of
    if review.reviewer_id == reader.pk:
        said = say("You answered this on {when}.", when=when)
    elif stood_in is None:
        said = say("{reviewer}, for whom you stand in, answered this on {when}.", reviewer=review.reviewer, when=when)
    elif stood_in.pk == reader.pk:
        said = say("{reviewer} answered this in your stead on {when}.", reviewer=review.reviewer, when=when)
    else:
        said = say("{reviewer} answered this in the stead of {stood_in} on {when}.", reviewer=review.reviewer, stood_in=stood_in, when=when)
    return Conflict(joined([said, say("Somebody else must agree too.")]))


def was_done(what: str, said: str, who: User | str | None, when: datetime | None) -> str:
    """Say what was done to it, by whom and when, as far as that is known."""
    if who and when:
        return say("{what} was {said} by {who} on {when}.", what=what, said=said, who=who, when=in_words(when))
    if when:
        return say("{what} was {said} on {when}.", what=what, said=said, when=in_words(when))
    return say("{what} was {said} by {who}.", what=what, said=said, who=who) if who else say("{what} was {said}.", what=what, said=said)
