"""What a verb says instead of doing it: Refused (not allowed, or not possible) and Conflict (somebody was faster)."""

from __future__ import annotations

from datetime import datetime

from enrollment.models import AccessRequest, Device, Grant, User
from enrollment.policy import in_words


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """Not allowed, or not possible: `reasons` are sentences that a person can act on."""

    def __init__(self, *reasons: str) -> None:
        self.reasons = reasons
        super().__init__(" ".join(reasons))


class Conflict(Exception):  # noqa: N818 - an answer, not an error
    """It was decided already; the sentence says by whom and when."""


def refuse_if(broken: bool, reason: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise Refused with this reason where something is broken."""
    if broken:
        raise Refused(reason)


def conflict_over_request(request: AccessRequest, now: datetime) -> Conflict:
    """Look up who closed the request. Reads the row anew: the one in hand is what lost."""
    row = AccessRequest.objects.select_related("closed_by").get(pk=request.pk)
    if row.state == AccessRequest.State.PENDING:
        return Conflict(f"Nobody answered in time: the request lapsed on {in_words(min(row.answer_by, now))}.")
    said = {"approved": "approved", "denied": "denied", "cancelled": "cancelled", "withdrawn": "withdrawn"}
    if row.state not in said:
        return Conflict(f"Nobody answered in time: the request lapsed on {in_words(row.closed_at or now)}.")
    return Conflict(_sentence("The request", said[row.state], row.closed_by, row.closed_at))


def conflict_over_grant(grant: Grant) -> Conflict:
    row = Grant.objects.select_related("ended_by").get(pk=grant.pk)
    said = {"revoked": "revoked", "expired": "found expired"}.get(row.state, "changed")
    return Conflict(_sentence("The grant", said, row.ended_by, row.ended_at))


def conflict_over_device(device: Device) -> Conflict:
    row = Device.objects.select_related("suspended_by", "retired_by", "lost_by").get(pk=device.pk)
    if row.state == Device.State.RETIRED:
        return Conflict(_sentence("The device", "refused" if row.refusal else "retired", row.retired_by, row.retired_at))
    if row.state == Device.State.PENDING:
        return Conflict("The device waits for approval.")
    if row.is_lost:
        return Conflict(_sentence("The device", "reported lost", row.lost_by, row.lost_at))
    if row.state == Device.State.SUSPENDED:
        return Conflict(_sentence("The device", "suspended", row.suspended_by, row.suspended_at))
    return Conflict("The device was changed meanwhile. Look again.")


def conflict_over_approval(device: Device) -> Conflict:
    """Look up who let the device in or turned it away; where nobody did, what else became of it."""
    row = Device.objects.select_related("approved_by").get(pk=device.pk)
    if row.approved_at and row.state != Device.State.RETIRED:
        return Conflict(_sentence("The device", "approved", row.approved_by, row.approved_at))
    if row.state == Device.State.ENROLLED:
        return Conflict("The device needs no approval: it is enrolled.")
    return conflict_over_device(device)


def _sentence(what: str, said: str, who: User | None, when: datetime | None) -> str:
    return f"{what} was {said}{f' by {who}' if who else ''}{f' on {in_words(when)}' if when else ''}."
