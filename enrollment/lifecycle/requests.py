"""Ask for access, and take the question back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from enrollment import audit, facts, notices, policy
from enrollment.lifecycle import told
from enrollment.lifecycle.outcomes import Refused, conflict_over_request, refuse_if
from enrollment.lifecycle.withdrawals import close
from enrollment.lifecycle.words import TICKET_LENGTH, clean_line, clean_text
from enrollment.models import AccessRequest, Device, Grant, RequestedDevice, Resource, User
from enrollment.sentences import say

State = AccessRequest.State
WAITS_ALREADY = say("You have asked for this with one of these devices already; that request waits for an answer.")


def request_access(  # noqa: PLR0913 - one argument for each thing the form says
    requester: User,
    *,
    resource: Resource,
    devices: Sequence[Device],
    seconds: int,
    reason: str,
    ticket: str = "",
    starts_at: datetime | None = None,
    extends: Grant | None = None,
    bundle: UUID | None = None,
    now: datetime,
) -> AccessRequest:
    """Open a request under the current terms, and tell those who may answer. Refused with every reason at once.

    One of a `bundle` is told of by whoever makes that, together with the others.
    """
    reason, ticket = clean_question(devices=devices, seconds=seconds, reason=reason, ticket=ticket)
    refuse_if(starts_at is not None and starts_at.utcoffset() is None, say("The start needs a time zone."))
    try:
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=requester.pk)
            made = _request(
                requester,
                resource,
                devices,
                seconds=seconds,
                reason=reason,
                ticket=ticket,
                starts_at=starts_at,
                extends=extends,
                bundle=bundle,
                now=now,
            )
            if bundle is None:
                notices.ask_approvers(made, now=now)
            return made
    except IntegrityError as error:
        raise Refused(WAITS_ALREADY) from error


def clean_question(*, devices: Sequence[Device], seconds: int, reason: str, ticket: str) -> tuple[str, str]:
    """Return the reason and the ticket tidied, or refuse what no terms could allow."""
    reason = clean_text(reason, "reason", required=True)
    ticket = clean_line(ticket, "ticket", longest=TICKET_LENGTH)
    refuse_if(not devices, say("Choose at least one device."), field="devices")
    refuse_if(type(seconds) is not int, say("Say for how long, in whole seconds."), field="duration")
    return reason, ticket


@transaction.atomic
def cancel_request(request: AccessRequest, *, actor: User, now: datetime) -> None:
    """Take it back. Only whoever asked can."""
    refuse_if(actor.pk != request.requester_id, say("Only whoever asked can take a request back."))
    if not close(request, State.CANCELLED, by=actor, now=now):
        raise conflict_over_request(request, now)
    data = {"request": request.pk, "from": State.PENDING, "to": State.CANCELLED}
    audit.append("request.cancelled", actor=actor, subject=request, data=data, now=now)
    notices.tell_nobody_need_answer(request, say("taken back"), actor=actor)


def _request(  # noqa: PLR0913 - as above
    requester: User,
    resource: Resource,
    devices: Sequence[Device],
    *,
    seconds: int,
    reason: str,
    ticket: str,
    starts_at: datetime | None,
    extends: Grant | None,
    bundle: UUID | None,
    now: datetime,
) -> AccessRequest:
    requester, resource = User.objects.get(pk=requester.pk), Resource.objects.select_related("policy").get(pk=resource.pk)
    fresh = list(Device.objects.filter(pk__in=[device.pk for device in devices]).order_by("pk"))
    version = resource.policy.current
    asking = facts.asking(requester, resource, now, devices=fresh, seconds=seconds, starts_at=starts_at, ticket=ticket)
    reasons = policy.may_ask(asking, now)
    reasons += _extension_reasons(extends, requester, resource, starts_at, now)
    waiting = RequestedDevice.objects.filter(device__in=fresh, resource=resource, is_open=True).order_by("device__name")
    if names := list(waiting.values_list("device__name", flat=True)):
        reasons += (say("You have asked for this with {devices} already; that request waits for an answer.", devices=", ".join(names)),)
    if reasons or version is None:
        raise Refused(*reasons)
    request = AccessRequest.objects.create(
        requester=requester,
        resource=resource,
        policy_version=version,
        seconds=seconds,
        starts_at=starts_at,
        reason=reason,
        ticket=ticket,
        extends=extends,
        bundle=bundle,
        created_at=now,
        answer_by=now + timedelta(seconds=version.time_to_answer),
    )
    RequestedDevice.objects.bulk_create([RequestedDevice(request=request, device=device, resource=resource) for device in fresh])
    audit.append("request.made", actor=requester, subject=request, data=told.request_made(request, fresh), now=now)
    return request


def _extension_reasons(
    extends: Grant | None, requester: User, resource: Resource, starts_at: datetime | None, now: datetime
) -> tuple[str, ...]:
    if extends is None:
        return ()
    row = Grant.objects.get(pk=extends.pk)
    found = [
        (
            row.user_id != requester.pk or row.resource_id != resource.pk,
            say("Only access of your own to the same resource can be extended."),
        ),
        (row.state not in Grant.OPEN or row.ends_at <= now, say("That access has ended. Ask anew.")),
        (starts_at is not None, say("An extension begins where the access ends; it takes no start of its own.")),
    ]
    return tuple(sentence for broken, sentence in found if broken)
