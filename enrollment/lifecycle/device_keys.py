"""Which keys a device may have, and giving it another one: in its owner's hands, or after it was lost.

What makes a device itself is its key: a device that was out of its owner's hands may have
been copied, so what brings it back is another key, and nothing less.
"""

from __future__ import annotations

import base64
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.db import IntegrityError, transaction

from enrollment import audit, keys, notices
from enrollment.lifecycle.device_states import NOT_LOST, about, insist_on_right, insist_on_right_to_resume
from enrollment.lifecycle.outcomes import Conflict, Refused, conflict_over_device, refuse_if
from enrollment.lifecycle.reach import peps_of_device
from enrollment.models import Device, DeviceKey, Pep, User
from enrollment.sentences import say
from enrollment.signals import nudge

State = Device.State


def rotate_key(device: Device, *, public_key: str, key_origin: str, actor: User | None, now: datetime) -> None:
    """Replace the key. The old one is never accepted again, by anybody.

    A device that was reported lost is lost no longer then, only suspended: whoever may, resumes it.
    """
    insist_on_right(device, actor)
    key = new_key(public_key)
    old = device.public_key
    try:
        with transaction.atomic():
            kept = Device.objects.filter(pk=device.pk, public_key=old).exclude(state=State.RETIRED)
            if kept.update(public_key=key, key_origin=key_origin, lost_at=None, lost_by=None) != 1:
                raise conflict_over_device(device)
            data = _swap(device, old, key, key_origin, now)
            notices.tell_device_owner(device, say("given a new key"), actor=actor, key=key)
            audit.append("device.key_rotated", actor=actor, subject=device, data=data, now=now)
            nudge(peps_of_device(device), devices=[device.pk])
    except IntegrityError as error:
        raise Refused(keys.KNOWN_ALREADY, field="public_key") from error
    device.refresh_from_db()


def bring_back_device(device: Device, *, public_key: str, key_origin: str, actor: User | None, now: datetime) -> None:
    """Give a device that was lost and found another key and let it in again, both or neither.

    Whoever may resume it may do this: its owner, unless an admin cut it off.
    """
    insist_on_right(device, actor)
    key = new_key(public_key)
    try:
        with transaction.atomic():
            row = Device.objects.select_for_update(no_key=True).get(pk=device.pk)
            if row.state != State.SUSPENDED:
                raise conflict_over_device(device)
            if not row.is_lost:
                raise Conflict(NOT_LOST)
            insist_on_right_to_resume(row, actor)
            back = {"state": State.ENROLLED, "suspended_at": None, "suspended_by": None, "lost_at": None, "lost_by": None}
            Device.objects.filter(pk=device.pk).update(public_key=key, key_origin=key_origin, **back)
            data = _swap(device, row.public_key, key, key_origin, now)
            device.refresh_from_db()
            notices.tell_device_owner(device, say("brought back, with a new key"), actor=actor)
            audit.append("device.found", actor=actor, subject=device, data={**data, "from": row.state, "to": device.state}, now=now)
            nudge(peps_of_device(device), devices=[device.pk])
    except IntegrityError as error:
        raise Refused(keys.KNOWN_ALREADY, field="public_key") from error


def new_key(text: str) -> str:
    """Return a key that nobody has or had, or refuse."""
    try:
        key = keys.check(text)
    except keys.BadKey as bad:
        raise Refused(str(bad), field="public_key") from bad
    refuse_if(is_known(key), keys.KNOWN_ALREADY, field="public_key")
    refuse_if(is_private_half(key), keys.PRIVATE, field="public_key")
    return key


def is_known(key: str) -> bool:
    return DeviceKey.objects.filter(public_key=key).exists() or Pep.objects.filter(public_key=key).exists()


def is_private_half(key: str) -> bool:
    """Tell whether this is surely a private key: one whose public half somebody here has, or had."""
    public = X25519PrivateKey.from_private_bytes(base64.b64decode(key)).public_key().public_bytes_raw()
    return is_known(base64.b64encode(public).decode())


def _swap(device: Device, old: str, key: str, key_origin: str, now: datetime) -> dict[str, object]:
    """Close the old key, open the new one; return what the event tells of it."""
    DeviceKey.objects.filter(device=device, until=None).update(until=now)
    DeviceKey.objects.create(public_key=key, device=device, since=now)
    return {**about(device), "from_key": keys.fingerprint(old), "to_key": keys.fingerprint(key), "key_origin": key_origin}
