"""What people hear of their devices and of whom they stand in for, and what admins alone can settle."""

from __future__ import annotations

from enrollment import keys
from enrollment.models import Delegation, Device, User
from enrollment.moments import in_words
from enrollment.notices.grants import NOT_YOU
from enrollment.notices.outbox import Words, write
from enrollment.notices.requests import ANSWERS
from enrollment.sentences import Sentence, joined, say

NOT_YOU_YET = say("If this was not you, retire it on its page, and tell an admin.")
NOT_EXPECTED = say("If you did not expect this, ask an admin.")


def ask_admins(device: Device) -> None:
    """Tell every admin who may let it in that a device waits."""
    admins = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=device.owner_id)
    text = (
        say(
            "{owner} enrolled a device, {device}. It reaches nothing until an admin approves it.",
            owner=device.owner,
            device=device.name,
        ),
        say("Fingerprint of its key, which its owner sees too: {fingerprint}", fingerprint=keys.fingerprint(device.public_key)),
    )
    subject = say("A device of {owner} waits for approval", owner=device.owner)
    write(admins, Words(subject, joined(text, "\n"), link=f"/admin/enrollment/device/{device.pk}/change/", event="device.waits"))


def tell_admins(subject: Sentence, text: Sentence, *, path: str = "/admin/") -> None:
    """Tell every admin what only an admin can settle. `path` is the page that says more."""
    admins = User.objects.filter(is_superuser=True, is_active=True)
    write(admins, Words(subject, text, link=path, event="admin.told", chat=f"For the admins: {subject}."))


def tell_device_owner(device: Device, what: Sentence, *, actor: User | None, key: str = "", reason: str = "", waits: bool = False) -> None:
    """Tell somebody what was done to a device of theirs. Its key is named by the fingerprint alone, its addresses not at all."""
    done = say("Your device {device} was {said}", device=device.name, said=what)
    subject = say("{done}, and waits for approval", done=done) if waits else done
    text = (
        _by(device, what, actor),
        say("Fingerprint of its key: {fingerprint}", fingerprint=keys.fingerprint(key or device.public_key)),
        "",
        _advice(device),
        *(("", say("The reason given:")) if reason else ()),
    )
    link, thread = f"/devices/{device.pk}/", f"device-{device.pk}"
    write([device.owner], Words(subject, joined(text, "\n"), reason, link, "device.changed", thread))


def _by(device: Device, what: Sentence, actor: User | None) -> Sentence:
    if actor is None:
        return say("Your device {device} was {said}.", device=device.name, said=what)
    if actor.pk == device.owner_id:
        return say("Your device {device} was {said} by you.", device=device.name, said=what)
    return say("Your device {device} was {said} by {who}.", device=device.name, said=what, who=actor)


def _advice(device: Device) -> Sentence:
    return {Device.State.ENROLLED: NOT_YOU, Device.State.PENDING: NOT_YOU_YET}.get(Device.State(device.state), NOT_EXPECTED)


def tell_delegate(delegation: Delegation) -> None:
    """Tell somebody whom they stand in for, from when until when."""
    text = (
        say(
            "From {start} until {end} you may answer requests in the stead of {person}, and do not have to."
            " Their page says what waits for you then.",
            start=in_words(delegation.starts_at),
            end=in_words(delegation.ends_at),
            person=delegation.delegator,
        ),
        NOT_EXPECTED,
        "",
        say("The reason given:"),
    )
    words = Words(
        say("You stand in for {person}", person=delegation.delegator),
        joined(text, "\n"),
        delegation.reason,
        ANSWERS,
        "delegation.made",
        f"delegation-{delegation.pk}",
    )
    write([delegation.delegate], words)


def tell_delegation_ended(delegation: Delegation, *, actor: User | None) -> None:
    """Tell both that it ended before its time, except whoever ended it."""
    two = {"delegate": delegation.delegate, "delegator": delegation.delegator}
    subject = say("{delegate} no longer stands in for {delegator}", **two)
    ended = say("{subject}: the delegation was ended.", subject=subject)
    if actor:
        ended = say("{subject}: the delegation was ended by {who}.", subject=subject, who=actor)
    people = [person for person in (delegation.delegator, delegation.delegate) if actor is None or person.pk != actor.pk]
    text = joined([ended, NOT_EXPECTED], "\n\n")
    write(people, Words(subject, text, link="/", event="delegation.ended", thread=f"delegation-{delegation.pk}"))
