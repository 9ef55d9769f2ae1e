"""Pending requests that make no sense any more: their requester, resource or last device is gone.

Rows first, events last: the end of the audit chain is the last thing that a transaction takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from enrollment import audit, notices
from enrollment.models import AccessRequest, Device, RequestedDevice, User
from enrollment.sentences import say

State = AccessRequest.State


def requests_left_without_device(device: Device) -> QuerySet[AccessRequest]:
    """Return the pending requests that name this device and no other that could still be used."""
    others = RequestedDevice.objects.filter(request=OuterRef("pk")).exclude(device__state=Device.State.RETIRED)
    return AccessRequest.objects.filter(requested_devices__device=device, state=State.PENDING).exclude(Exists(others))


def withdraw(requests: QuerySet[AccessRequest], *, now: datetime) -> list[AccessRequest]:
    """Close those that are still pending; return which. Everybody takes many rows in one order, so that no two wait for each other."""
    return [request for request in requests.order_by("pk") if close(request, State.WITHDRAWN, by=None, now=now)]


def tell_withdrawn(requests: Iterable[AccessRequest], *, actor: User | None, why: str, now: datetime) -> None:
    """Write down, and tell each requester, that the request was withdrawn."""
    for request in requests:
        data = {"request": request.pk, "from": State.PENDING, "to": State.WITHDRAWN, "reason": why}
        audit.append("request.withdrawn", actor=actor, subject=request, data=data, now=now)
        notices.tell_requester(request, say("withdrawn"), say("Why: {why}.", why=why))
        notices.tell_nobody_need_answer(request, say("withdrawn"), actor=actor)


def close(request: AccessRequest, state: str, *, by: User | None, now: datetime) -> bool:
    """Move a pending request to a final state. False: somebody else was faster."""
    mine = AccessRequest.objects.filter(pk=request.pk, state=State.PENDING).update(state=state, closed_at=now, closed_by=by) == 1
    if mine:
        RequestedDevice.objects.filter(request=request).update(is_open=False)
        request.state, request.closed_at, request.closed_by = state, now, by
    return mine
