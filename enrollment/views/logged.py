"""What the audit log has of a request and its devices that no row keeps, in words for whoever asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from enrollment.audit import SYSTEM
from enrollment.models import AccessRequest, AuditEvent, Device, Grant, User
from enrollment.sentences import recalled

REMINDED, WITHDRAWN = "request.reminded", "request.withdrawn"
DEVICES = {  # what became of a device while it had access: by its owner, and by somebody else
    "device.suspended": (gettext_noop("You suspended %(device)s"), gettext_noop("%(person)s suspended %(device)s")),
    "device.resumed": (gettext_noop("You resumed %(device)s"), gettext_noop("%(person)s resumed %(device)s")),
    "device.reported_lost": (gettext_noop("You reported %(device)s lost"), gettext_noop("%(person)s reported %(device)s lost")),
    "device.found": (gettext_noop("You brought %(device)s back, with a new key"), gettext_noop("%(person)s brought %(device)s back")),
    "device.key_rotated": (gettext_noop("You gave %(device)s a new key"), gettext_noop("%(person)s gave %(device)s a new key")),
    "device.retired": (gettext_noop("You retired %(device)s"), gettext_noop("%(person)s retired %(device)s")),
}


def events(asked: AccessRequest, grant: Grant | None, now: datetime) -> list[AuditEvent]:
    """Find what was done about a request beside its answer, and to its devices while they had access; in one query."""
    about = Q(subject_type=AccessRequest._meta.model_name, subject_id=asked.pk, verb__in=(REMINDED, WITHDRAWN))
    if grant:
        until = min(grant.ended_at or grant.ends_at, grant.ends_at, now)
        devices = Q(subject_type=Device._meta.model_name, subject_id__in=[device.pk for device in grant.devices.all()], verb__in=DEVICES)
        about |= devices & Q(at__gte=grant.created_at, at__lte=until)
    return list(AuditEvent.objects.filter(about).order_by("seq"))


def in_words(event: AuditEvent, reader: User, devices: Collection[Device]) -> tuple[str, str]:
    """Return what somebody did, and their own words for it, where it was not the reader."""
    if event.verb == REMINDED:
        people = event.data["people"]
        return ngettext("You had %(count)d person reminded", "You had %(count)d people reminded", people) % {"count": people}, ""
    by_reader = event.actor_id == reader.pk
    mine, theirs = DEVICES[event.verb]
    name = next((device.name for device in devices if device.pk == event.subject_id), event.subject)
    return _(mine if by_reader else theirs) % {"person": _who(event), "device": name}, "" if by_reader else event.data.get("reason", "")


def withdrawals(requests: Iterable[AccessRequest]) -> dict[int, str]:
    """Return why each of these was withdrawn, by its number, as far as the log knows."""
    gone = {asked.pk: asked for asked in requests if asked.state == AccessRequest.State.WITHDRAWN}
    return {event.subject_id or 0: why(event, gone[event.subject_id or 0]) for event in _withdrawn(gone)} if gone else {}


def why(event: AuditEvent, asked: AccessRequest) -> str:
    """Say why a request was withdrawn."""
    if asked.extends is None or asked.extends.state != Grant.State.REVOKED:
        return recalled(event.data["reason"])
    if event.actor_id == asked.requester_id:
        return _("you ended the access it was to extend")
    return _("%(person)s ended the access it was to extend") % {"person": _who(event)}


def _withdrawn(requests: Collection[int]) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(subject_type=AccessRequest._meta.model_name, subject_id__in=requests, verb=WITHDRAWN).order_by("seq")


def _who(event: AuditEvent) -> str:
    return _("The portal") if event.actor == SYSTEM else event.actor
