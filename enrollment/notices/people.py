"""What people hear of their devices and of whom they stand in for, and what admins alone can settle."""

from __future__ import annotations

from enrollment import keys
from enrollment.models import Delegation, Device, User
from enrollment.moments import in_words
from enrollment.notices.grants import NOT_YOU
from enrollment.notices.outbox import Words, write

NOT_YOU_YET = "If this was not you, retire it on its page, and tell an admin."
NOT_EXPECTED = "If you did not expect this, ask an admin."
ANSWERS = "/admin/enrollment/accessrequest/"


def ask_admins(device: Device) -> None:
    """Tell every admin who may let it in that a device waits."""
    admins = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=device.owner_id)
    text = (
        f"{device.owner} enrolled a device, {device.name}. It reaches nothing until an admin approves it.\n"
        f"Fingerprint of its key, which its owner sees too: {keys.fingerprint(device.public_key)}"
    )
    link = f"/admin/enrollment/device/{device.pk}/change/"
    write(admins, Words(f"A device of {device.owner} waits for approval", text, link=link, event="device.waits"))


def tell_admins(subject: str, text: str, *, path: str = "/admin/") -> None:
    """Tell every admin what only an admin can settle. `path` is the page that says more."""
    admins = User.objects.filter(is_superuser=True, is_active=True)
    write(admins, Words(subject, text, link=path, event="admin.told", chat=f"For the admins: {subject}."))


def tell_device_owner(device: Device, what: str, *, actor: User | None, key: str = "", reason: str = "") -> None:
    """Tell somebody what was done to a device of theirs. Its key is named by the fingerprint alone, its addresses not at all."""
    by = "" if actor is None else " by you" if actor.pk == device.owner_id else f" by {actor}"
    lead = "\n\nThe reason given:" if reason else ""
    text = (
        f"Your device {device.name} {what}{by}.\nFingerprint of its key: {keys.fingerprint(key or device.public_key)}\n\n"
        f"{_advice(device)}{lead}"
    )
    link, thread = f"/devices/{device.pk}/", f"device-{device.pk}"
    write([device.owner], Words(f"Your device {device.name} {what}", text, reason, link, "device.changed", thread))


def _advice(device: Device) -> str:
    return {Device.State.ENROLLED: NOT_YOU, Device.State.PENDING: NOT_YOU_YET}.get(Device.State(device.state), NOT_EXPECTED)


def tell_delegate(delegation: Delegation) -> None:
    """Tell somebody whom they stand in for, from when until when."""
    text = (
        f"From {in_words(delegation.starts_at)} until {in_words(delegation.ends_at)} you may answer requests in the stead of "
        f"{delegation.delegator}, and do not have to. Their page says what waits for you then.\n{NOT_EXPECTED}\n\nThe reason given:"
    )
    subject = f"You stand in for {delegation.delegator}"
    write([delegation.delegate], Words(subject, text, delegation.reason, ANSWERS, "delegation.made", f"delegation-{delegation.pk}"))


def tell_delegation_ended(delegation: Delegation, *, actor: User | None) -> None:
    """Tell both that it ended before its time, except whoever ended it."""
    by = f" by {actor}" if actor else ""
    subject = f"{delegation.delegate} no longer stands in for {delegation.delegator}"
    text = f"{subject}: the delegation was ended{by}.\n\n{NOT_EXPECTED}"
    people = [person for person in (delegation.delegator, delegation.delegate) if actor is None or person.pk != actor.pk]
    write(people, Words(subject, text, link="/", event="delegation.ended", thread=f"delegation-{delegation.pk}"))
