"""What time does by itself, written down. Pages and decisions read times, so running this late, twice or never opens nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from enrollment import audit, facts, notices
from enrollment.lifecycle.reach import devices_of, peps_of_resource
from enrollment.lifecycle.withdrawals import close
from enrollment.models import AccessRequest, Device, Grant
from enrollment.sentences import say
from enrollment.signals import nudge

BATCH = 1000  # the next sweep goes on


def lapse_due(now: datetime) -> int:
    """Close the requests that nobody answered in time."""
    due = AccessRequest.objects.filter(state=AccessRequest.State.PENDING, answer_by__lte=now)
    return sum(_lapse(request, now) for request in due.select_related("requester", "resource")[:BATCH])


def activate_due(now: datetime) -> int:
    """Mark the grants whose time has come."""
    due = Grant.objects.filter(state=Grant.State.SCHEDULED, starts_at__lte=now, ends_at__gt=now)
    return sum(_move(grant, "activated", Grant.State.ACTIVE, now) for grant in due.select_related("resource")[:BATCH])


def expire_due(now: datetime) -> int:
    """Mark the grants whose time is over."""
    due = Grant.objects.filter(state__in=Grant.OPEN, ends_at__lte=now)
    return sum(_move(grant, "expired", Grant.State.EXPIRED, now) for grant in due.select_related("user", "resource")[:BATCH])


def free_addresses(now: datetime) -> int:
    """End the rest of addresses that no PEP holds any more, a day after retirement at least."""
    rested = now - timedelta(seconds=settings.QUARANTINE_SECONDS)
    due = Device.objects.filter(state=Device.State.RETIRED, address_freed_at=None, retired_at__lte=rested)
    return sum(_free(device, now) for device in due.exclude(Exists(_held()))[:BATCH])


def _held() -> QuerySet[Device]:
    """Find devices that some PEP has not given a receipt without. Read through the relation: machines write that table."""
    return Device.objects.filter(pk=OuterRef("pk"), enforcements__isnull=False, enforcements__gone_at=None)


@transaction.atomic
def _lapse(request: AccessRequest, now: datetime) -> bool:
    mine = close(request, AccessRequest.State.LAPSED, by=None, now=now)
    if mine:
        data = {"request": request.pk, "from": AccessRequest.State.PENDING, "to": AccessRequest.State.LAPSED}
        audit.append("request.lapsed", actor=None, subject=request, data=data, now=now)
        notices.tell_requester(request, say("not answered in time"), say("You can ask again."))
    return mine


@transaction.atomic
def _move(grant: Grant, verb: str, after: str, now: datetime) -> bool:
    before = grant.state
    ended = now if after == Grant.State.EXPIRED else None
    mine = Grant.objects.filter(pk=grant.pk, state=before).update(state=after, ended_at=ended) == 1
    if mine:
        grant.state = after
        audit.append(f"grant.{verb}", actor=None, subject=grant, data={"grant": grant.pk, "from": before, "to": after}, now=now)
        if ended and facts.ends_something(grant):
            notices.tell_owner_of_end(grant)
        nudge(peps_of_resource(grant.resource), devices=devices_of([grant]))
    return mine


@transaction.atomic
def _free(device: Device, now: datetime) -> bool:
    mine = Device.objects.filter(pk=device.pk, state=Device.State.RETIRED, address_freed_at=None).update(address_freed_at=now) == 1
    if mine:
        audit.append("device.address_freed", actor=None, subject=device, data={"device": device.pk, "addresses": device.addresses}, now=now)
    return mine
