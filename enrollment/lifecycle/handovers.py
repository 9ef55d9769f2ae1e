"""Hand enrolment over to a phone by a link that works once, for minutes.

The link is no power: whoever holds it may only say "this is my key". A device comes of
it in two ways, and both need its owner: signed in on the phone, they enrol there as
anywhere; or they compare, on the computer, the key that a phone offers. So whoever
scans first, and is somebody else, gets nothing.
"""

from __future__ import annotations

import base64
import secrets
from datetime import datetime, timedelta

from django.db import transaction

from enrollment import audit
from enrollment.lifecycle.device_keys import new_key
from enrollment.lifecycle.devices import enrol_device, insist_on_room
from enrollment.lifecycle.outcomes import Conflict, Refused, refuse_if
from enrollment.models import Device, Handover, User, digest_of
from enrollment.sentences import say

State = Handover.State
LASTS = timedelta(minutes=10)
TOKEN_BYTES = 16
OF_NO_USE = say("This link was used already, its time is up, or there never was one. Make a new one on the computer.")
NO_CODE = say("This is not a code as the computer shows it: 26 letters and digits, and none of them is 0, 1, 8 or 9.")
UNKNOWN_CODE = say(
    "No link has this code now. If it is what the computer shows, the link was used already or its time is up: make a new one there."
)
NOT_YOURS = say(
    "This link is not yours: somebody else made it, for a phone of their own. Nothing was changed, and it still works for them."
)


@transaction.atomic
def make_handover(owner: User, *, now: datetime) -> tuple[Handover, str]:
    """Return a link's row and its token, which is kept nowhere. An earlier link of the same owner stops working."""
    locked = User.objects.select_for_update(no_key=True).get(pk=owner.pk)
    refuse_if(not locked.is_active, say("The account is disabled. Ask an admin."))
    insist_on_room(owner)
    earlier = list(Handover.objects.filter(owner=owner, state__in=(State.OPEN, State.OFFERED)))
    Handover.objects.filter(pk__in=[each.pk for each in earlier]).update(state=State.REPLACED, public_key="")
    token = base64.b32encode(secrets.token_bytes(TOKEN_BYTES)).decode().rstrip("=").lower()
    made = Handover.objects.create(owner=owner, digest=digest_of(token), made_at=now, expires_at=now + LASTS)
    for each in earlier:
        _tell("replaced", each, actor=owner, now=now, move=(each.state, State.REPLACED))
    _tell("made", made, actor=owner, now=now, move=(None, State.OPEN), expires_at=made.expires_at)
    return made, token


def open_handover(handover: Handover, *, actor: User, now: datetime) -> None:
    """Use the link up for its owner, who is signed in on the phone and enrols there. Somebody else uses up nothing, and is told of."""
    if actor.pk != handover.owner_id:
        _tell("refused", handover, actor=actor, now=now, why="somebody else opened it")
        raise Refused(NOT_YOURS)
    with transaction.atomic():
        if not _move(handover, State.OPEN, State.OPENED, now):
            raise Conflict(OF_NO_USE)
        _tell("opened", handover, actor=actor, now=now, move=(State.OPEN, State.OPENED))


@transaction.atomic
def offer_key(handover: Handover, *, public_key: str, now: datetime) -> None:
    """Use the link up for a key that a phone made. Nothing comes of it until the link's owner has compared it."""
    key = new_key(public_key)
    if not _move(handover, State.OPEN, State.OFFERED, now, public_key=key):
        raise Conflict(OF_NO_USE)
    _tell("offered", handover, actor=None, now=now, move=(State.OPEN, State.OFFERED), fingerprint=handover.fingerprint)


@transaction.atomic
def confirm_handover(handover: Handover, *, name: str, actor: User, now: datetime) -> Device:
    """Enrol what the phone offered, in its owner's name; the phone has some minutes to fetch what it needs."""
    _insist_on_owner(handover, actor)
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)  # before the link, as `make_handover` does
    offered = Handover.objects.select_for_update(no_key=True).filter(pk=handover.pk, state=State.OFFERED, expires_at__gt=now).first()
    if offered is None:
        raise _too_late(handover, now)
    device = enrol_device(
        actor, name=name, kind=Device.Kind.PHONE, public_key=offered.public_key, key_origin=Device.KeyOrigin.BROWSER, now=now
    )
    _move(handover, State.OFFERED, State.CONFIRMED, now, device=device, expires_at=now + LASTS)
    _tell("confirmed", handover, actor=actor, now=now, move=(State.OFFERED, State.CONFIRMED), device=device.pk)
    return device


@transaction.atomic
def finish_handover(link: int, device: Device, *, now: datetime) -> None:
    """Note what its owner enrolled on the phone where they opened the link, so that the computer says it too. Harmless to repeat."""
    opened = Handover.objects.select_for_update(no_key=True).filter(pk=link, owner=device.owner_id, state=State.OPENED)
    for handover in opened:
        Handover.objects.filter(pk=handover.pk).update(state=State.CONFIRMED, device=device, expires_at=now + LASTS)
        _tell("confirmed", handover, actor=device.owner, now=now, move=(State.OPENED, State.CONFIRMED), device=device.pk)


@transaction.atomic
def refuse_handover(handover: Handover, *, actor: User, now: datetime) -> None:
    """Turn the offered key away: it is not the phone in its owner's hand."""
    _insist_on_owner(handover, actor)
    if Handover.objects.filter(pk=handover.pk, state=State.OFFERED).update(state=State.REFUSED) != 1:
        raise _too_late(handover, now)
    handover.refresh_from_db()
    data = {"fingerprint": handover.fingerprint, "why": "its owner did not know the key"}
    _tell("refused", handover, actor=actor, now=now, move=(State.OFFERED, State.REFUSED), **data)


def forget_handovers(*, now: datetime) -> None:
    """Let go of links that nobody can use or ask about any more; the log keeps what became of them."""
    Handover.objects.filter(expires_at__lte=now - LASTS).delete()


def _insist_on_owner(handover: Handover, actor: User) -> None:
    refuse_if(actor.pk != handover.owner_id, say("Only whoever made the link may do this."))


def _too_late(handover: Handover, now: datetime) -> Conflict:
    row = Handover.objects.select_related("device").get(pk=handover.pk)
    if row.state == State.CONFIRMED:
        return Conflict(say("This was confirmed already: the phone is enrolled as {device}.", device=row.device))
    if row.state == State.REFUSED:
        return Conflict(say("You refused this key already. Make a new link."))
    if row.is_over(now):
        return Conflict(say("The link's time is up, so nothing was enrolled. Make a new one."))
    return Conflict(say("No key waits for you here: you have made a newer link, or enrol on the phone itself."))


def _move(handover: Handover, was: str, to: str, now: datetime, **changes: object) -> bool:
    """Move a link whose time is not up, if it still stands where it is thought to."""
    rows = Handover.objects.filter(pk=handover.pk, state=was, expires_at__gt=now)
    if rows.update(state=to, **changes) != 1:
        return False
    handover.refresh_from_db()
    return True


def _tell(
    verb: str, handover: Handover, *, actor: User | None, now: datetime, move: tuple[str | None, str] | None = None, **more: object
) -> None:
    data = {"handover": handover.pk, "owner": handover.owner_id, "owner_name": str(handover.owner), **more}
    if move:
        data |= {"from": move[0], "to": move[1]}
    audit.append(f"handover.{verb}", actor=actor, subject=handover, data=data, now=now)
