"""Enrol a device.

A device has one owner for life. Whoever enrols gets the next slot that was never used,
and only when the pool has been through once, the lowest one that is free again. Where
enrolment needs approval, a new device has all that but access, until an admin lets it in.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Max

from enrollment import addresses, audit, keys, notices
from enrollment.lifecycle.device_keys import is_known, new_key
from enrollment.lifecycle.device_states import about
from enrollment.lifecycle.outcomes import Refused, refuse_if
from enrollment.lifecycle.words import clean_name
from enrollment.models import Device, DeviceKey, User
from enrollment.sentences import say

State = Device.State
CHOOSING_SLOTS = 0x6C796368  # names the lock among all others of the database
TRIES = 20  # each lost race means that somebody else was served
NO_ROOM = say("No address is free for another device. Tell an admin: the pool is full.")


def enrol_device(owner: User, *, name: str, kind: str, public_key: str, key_origin: str, now: datetime) -> Device:
    """Give the owner a device with this key. Tries again when somebody else took the same slot."""
    name = clean_name(name)
    key = new_key(public_key)
    refuse_if(kind not in Device.Kind.values, say("Choose what kind of device it is."), field="kind")
    refuse_if(key_origin not in Device.KeyOrigin.values, say("Choose where the key is made."), field="way")
    for _attempt in range(TRIES):
        try:
            with transaction.atomic():
                return _enrol(owner, name=name, kind=kind, key=key, key_origin=key_origin, now=now)
        except IntegrityError:
            _insist_still_new(owner, name, key)
    raise Refused(say("Many people enrol right now. Try again."))


def _enrol(owner: User, *, name: str, kind: str, key: str, key_origin: str, now: datetime) -> Device:
    locked = User.objects.select_for_update(no_key=True).get(pk=owner.pk)
    refuse_if(not locked.is_active, say("The account is disabled. Ask an admin."))
    insist_on_room(owner)
    _insist_on_new_name(owner, name)
    slot = _take_slot()
    v4, v6 = addresses.addresses_of(slot, settings.DEVICE_POOLS)
    device = Device.objects.create(
        owner=owner,
        name=name,
        kind=kind,
        public_key=key,
        key_origin=key_origin,
        slot=slot,
        address_v4=str(v4) if v4 else None,
        address_v6=str(v6) if v6 else None,
        enrolled_at=now,
        state=State.PENDING if settings.ENROLMENT_NEEDS_APPROVAL else State.ENROLLED,
    )
    DeviceKey.objects.create(public_key=key, device=device, since=now)
    _tell(device)
    data = {**about(device), "from": None, "to": device.state, "key": key, "key_origin": key_origin, "kind": kind}
    audit.append("device.enrolled", actor=owner, subject=device, data=data, now=now)
    return device


def insist_on_room(owner: User) -> None:
    """Refuse somebody who has as many devices as they may."""
    refuse_if(bool(full := no_room(owner)), full)


def no_room(owner: User) -> str:
    """Return why they may enrol no device more, or nothing where they may."""
    in_use = Device.objects.filter(owner=owner).exclude(state=State.RETIRED).count()
    if in_use < settings.DEVICE_LIMIT:
        return ""
    return say("You have {in_use} devices, and that is the limit. Retire one you no longer use.", in_use=in_use)


def _tell(device: Device) -> None:
    waits = device.state == State.PENDING
    notices.tell_device_owner(device, say("enrolled"), actor=device.owner, waits=waits)
    if waits:
        notices.ask_admins(device)


def _take_slot() -> int:
    """Return a slot that is free, and keep others from choosing until this transaction has ended."""
    if connection.vendor == "postgresql":  # else all who enrol at once choose the same slot, and all but one choose again
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHOOSING_SLOTS])
    highest: int | None = Device.objects.aggregate(highest=Max("slot"))["highest"]
    following = max(addresses.FIRST_SLOT, (highest or 0) + 1)
    if following <= addresses.last_slot(settings.DEVICE_POOLS):
        return following
    rested = Device.objects.filter(address_freed_at__isnull=False, slot__isnull=False).order_by("slot").first()
    if rested is None or rested.slot is None:
        raise Refused(NO_ROOM)
    if Device.objects.filter(pk=rested.pk, slot=rested.slot).update(slot=None) != 1:
        raise IntegrityError("somebody else took the slot")
    return rested.slot


def _insist_still_new(owner: User, name: str, key: str) -> None:
    """Say which of the unique things is taken; return where it was only the slot."""
    refuse_if(is_known(key), keys.KNOWN_ALREADY, field="public_key")
    _insist_on_new_name(owner, name)


def _insist_on_new_name(owner: User, name: str) -> None:
    """Refuse what another device is called in whatever capitals: people and file systems take it for the same."""
    others = Device.objects.filter(owner=owner).exclude(state=State.RETIRED).values_list("name", flat=True)
    taken = name.casefold() in {other.casefold() for other in others}
    refuse_if(taken, say("You have a device of this name already. Choose another name."), field="name")
