"""Enrol, suspend, resume, retire a device; rotate its key.

A device has one owner for life. Whoever enrols gets the next slot that was never used,
and only when the pool has been through once, the lowest one that is free again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max

from enrollment import addresses, audit, keys, notices
from enrollment.lifecycle.outcomes import Refused, conflict_over_device, refuse_if
from enrollment.lifecycle.reach import peps_of_device
from enrollment.lifecycle.withdrawals import requests_left_without_device, tell_withdrawn, withdraw
from enrollment.lifecycle.words import clean_name, clean_text
from enrollment.models import AccessRequest, Device, DeviceKey, Pep, User
from enrollment.signals import nudge

State = Device.State
TRIES = 20  # each lost race means that somebody else was served
NO_ROOM = "No address is free for another device. Tell an admin: the pool is full."


def enrol_device(owner: User, *, name: str, kind: str, public_key: str, key_origin: str, now: datetime) -> Device:
    """Give the owner a device with this key. Tries again when somebody else took the same slot."""
    name = clean_name(name)
    key = _new_key(public_key)
    refuse_if(kind not in Device.Kind.values or key_origin not in Device.KeyOrigin.values, "Choose what kind of device it is.")
    for _attempt in range(TRIES):
        try:
            with transaction.atomic():
                return _enrol(owner, name=name, kind=kind, key=key, key_origin=key_origin, now=now)
        except IntegrityError:
            _insist_still_new(owner, name, key)
    raise Refused("Many people enrol right now. Try again.")


def rotate_key(device: Device, *, public_key: str, key_origin: str, actor: User | None, now: datetime) -> None:
    """Replace the key. The old one is never accepted again, by anybody."""
    _insist_on_right(device, actor)
    key = _new_key(public_key)
    old = device.public_key
    try:
        with transaction.atomic():
            kept = Device.objects.filter(pk=device.pk, public_key=old).exclude(state=State.RETIRED)
            if kept.update(public_key=key, key_origin=key_origin) != 1:
                raise conflict_over_device(device)
            DeviceKey.objects.filter(device=device, until=None).update(until=now)
            DeviceKey.objects.create(public_key=key, device=device, since=now)
            notices.tell_device_owner(device, "was given a new key", actor=actor, key=key)
            data = {**_about(device), "from_key": keys.fingerprint(old), "to_key": keys.fingerprint(key), "key_origin": key_origin}
            audit.append("device.key_rotated", actor=actor, subject=device, data=data, now=now)
            nudge(peps_of_device(device), devices=[device.pk])
    except IntegrityError as error:
        raise Refused(keys.KNOWN_ALREADY) from error
    device.refresh_from_db()


def suspend_device(device: Device, *, actor: User | None, reason: str, now: datetime) -> None:
    """Cut the device off for the time being, whatever was granted. An admin takes an owner's suspension over: only admins undo it then."""
    _insist_on_right(device, actor)
    with transaction.atomic():
        row = Device.objects.select_for_update().get(pk=device.pk)
        takes_over = row.suspended_by_id == row.owner_id and (actor is None or actor.pk != row.owner_id)
        before = (State.ENROLLED, State.SUSPENDED) if takes_over else (State.ENROLLED,)
        _move(device, "suspended", before, State.SUSPENDED, actor=actor, reason=reason, now=now)


def resume_device(device: Device, *, actor: User | None, reason: str, now: datetime) -> None:
    """Let it back in. Its owner may undo what the owner did, an admin anything."""
    _insist_on_right(device, actor)
    with transaction.atomic():
        row = Device.objects.select_for_update().get(pk=device.pk)  # the one in hand may know of an earlier suspension
        if actor and not actor.is_admin and row.state == State.SUSPENDED and row.suspended_by_id != actor.pk:
            raise Refused("An admin suspended this device. Ask an admin to resume it.")
        _move(device, "resumed", (State.SUSPENDED,), State.ENROLLED, actor=actor, reason=reason, now=now)


def retire_device(device: Device, *, actor: User | None, reason: str, now: datetime) -> None:
    """Take the device out of use for good. Its address rests before anybody else gets it; its key never returns."""
    _insist_on_right(device, actor)
    _move(device, "retired", (State.PENDING, State.ENROLLED, State.SUSPENDED), State.RETIRED, actor=actor, reason=reason, now=now)


def _enrol(owner: User, *, name: str, kind: str, key: str, key_origin: str, now: datetime) -> Device:
    locked = User.objects.select_for_update().get(pk=owner.pk)
    refuse_if(not locked.is_active, "The account is disabled. Ask an admin.")
    in_use = Device.objects.filter(owner=owner).exclude(state=State.RETIRED).count()
    refuse_if(in_use >= settings.DEVICE_LIMIT, f"You have {in_use} devices, and that is the limit. Retire one you no longer use.")
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
    )
    DeviceKey.objects.create(public_key=key, device=device, since=now)
    notices.tell_device_owner(device, "was enrolled", actor=owner)
    data = {**_about(device), "from": None, "to": State.ENROLLED, "key": key, "key_origin": key_origin, "kind": kind}
    audit.append("device.enrolled", actor=owner, subject=device, data=data, now=now)
    return device


def _take_slot() -> int:
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


def _new_key(text: str) -> str:
    try:
        key = keys.check(text)
    except keys.BadKey as bad:
        raise Refused(str(bad)) from bad
    refuse_if(_is_known(key), keys.KNOWN_ALREADY)
    return key


def _is_known(key: str) -> bool:
    return DeviceKey.objects.filter(public_key=key).exists() or Pep.objects.filter(public_key=key).exists()


def _insist_still_new(owner: User, name: str, key: str) -> None:
    """Say which of the unique things is taken; return where it was only the slot."""
    refuse_if(_is_known(key), keys.KNOWN_ALREADY)
    taken = Device.objects.filter(owner=owner, name=name).exclude(state=State.RETIRED).exists()
    refuse_if(taken, "You have a device of this name already. Choose another name.")


def _insist_on_right(device: Device, actor: User | None) -> None:
    """Only the owner, an admin or the system (None) may change a device."""
    refuse_if(actor is not None and actor.pk != device.owner_id and not actor.is_admin, "Only its owner or an admin may do this.")


def _move(device: Device, verb: str, before: tuple[str, ...], after: str, *, actor: User | None, reason: str, now: datetime) -> None:
    reason = clean_text(reason, "reason")
    when: dict[Device.State, dict[str, Any]] = {
        State.SUSPENDED: {"suspended_at": now, "suspended_by": actor},
        State.ENROLLED: {"suspended_at": None, "suspended_by": None},
        State.RETIRED: {"retired_at": now},
    }
    with transaction.atomic():
        was = Device.objects.select_for_update().get(pk=device.pk).state
        if was not in before or Device.objects.filter(pk=device.pk, state=was).update(state=after, **when[State(after)]) != 1:
            raise conflict_over_device(device)
        device.refresh_from_db()
        withdrawn: list[AccessRequest] = []
        if after == State.RETIRED:
            DeviceKey.objects.filter(device=device, until=None).update(until=now)
            withdrawn = withdraw(requests_left_without_device(device), now=now)
        if actor is None or actor.pk != device.owner_id:
            notices.tell_device_owner(device, f"was {verb}", actor=actor, reason=reason)
        data = {**_about(device), "from": was, "to": after, "reason": reason}
        audit.append(f"device.{verb}", actor=actor, subject=device, data=data, now=now)
        tell_withdrawn(withdrawn, actor=actor, why="the device was retired", now=now)
        nudge(peps_of_device(device), devices=[device.pk])


def _about(device: Device) -> dict[str, object]:
    return {
        "device": device.pk,
        "owner": device.owner_id,
        "owner_name": str(device.owner),
        "name": device.name,
        "addresses": device.addresses,
    }
