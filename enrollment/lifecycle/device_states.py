"""Let a device in or refuse it; suspend, resume, report lost, retire it.

Suspending is for a device in its owner's hands, and undone by resuming. One that was lost
may have been copied: it comes back by another key only (`device_keys`). Requests that name
it wait meanwhile: whatever is answered, it reaches nothing before it is back.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction

from enrollment import audit, notices
from enrollment.lifecycle.outcomes import Refused, conflict_over_approval, conflict_over_device, refuse_if
from enrollment.lifecycle.reach import peps_of_device
from enrollment.lifecycle.withdrawals import requests_left_without_device, tell_withdrawn, withdraw
from enrollment.lifecycle.words import clean_text
from enrollment.models import AccessRequest, Device, DeviceKey, User
from enrollment.sentences import recalled, say
from enrollment.signals import nudge

State = Device.State
NOT_YET_IN = say("The device waits for approval, so it reaches nothing yet. Retire it, and enrol anew once you have it back.")
NOT_LOST = say("The device was not reported lost, or has a new key already. Look again.")
KEY_FIRST = say("The device was reported lost, so its key may be in other hands. Give it a new key first; then it can come back.")


@transaction.atomic
def approve_device(device: Device, *, actor: User, now: datetime) -> None:
    """Let in a device that waits for it. Admins only, and nobody their own."""
    _insist_on_another_admin(device, actor)
    owner = User.objects.select_for_update(no_key=True).get(pk=device.owner_id)
    refuse_if(not owner.is_active, say("The account of its owner is disabled. Enable it first, or refuse the device."))
    changes = {"approved_at": now, "approved_by": actor}
    if Device.objects.filter(pk=device.pk, state=State.PENDING).update(state=State.ENROLLED, **changes) != 1:
        raise conflict_over_approval(device)
    device.refresh_from_db()
    notices.tell_device_owner(device, say("approved"), actor=actor)
    data = {**about(device), "from": State.PENDING, "to": State.ENROLLED}
    audit.append("device.approved", actor=actor, subject=device, data=data, now=now)
    nudge(peps_of_device(device), devices=[device.pk])


@transaction.atomic
def refuse_device(device: Device, *, actor: User, reason: str, now: datetime) -> None:
    """Turn away, for good, a device that waits for approval. Admins only, and nobody their own: an owner retires it."""
    _insist_on_another_admin(device, actor)
    reason = clean_text(reason, "reason", required=True)
    if not Device.objects.select_for_update(no_key=True).filter(pk=device.pk, state=State.PENDING).exists():
        raise conflict_over_approval(device)
    changes = {"retired_at": now, "retired_by": actor, "refusal": reason}
    _move(device, "refused", (State.PENDING,), State.RETIRED, changes, actor=actor, reason=reason, now=now)


def suspend_device(device: Device, *, actor: User | None, reason: str, now: datetime) -> None:
    """Cut the device off for the time being, whatever was granted. An admin takes an owner's suspension over: only admins undo it then."""
    insist_on_right(device, actor)
    with transaction.atomic():
        row = Device.objects.select_for_update(no_key=True).get(pk=device.pk)
        before = (State.ENROLLED, State.SUSPENDED) if _takes_over(row, actor) else (State.ENROLLED,)
        changes = {"suspended_at": now, "suspended_by": actor}
        _move(device, "suspended", before, State.SUSPENDED, changes, actor=actor, reason=reason, now=now)


def report_lost(device: Device, *, actor: User | None, reason: str, now: datetime) -> None:
    """Cut the device off at once, because its key may be in other hands: it comes back by another key only.

    What an admin suspended stays an admin's to undo, whoever reports it lost.
    """
    insist_on_right(device, actor)
    with transaction.atomic():
        row = Device.objects.select_for_update(no_key=True).get(pk=device.pk)
        refuse_if(row.state == State.PENDING, NOT_YET_IN)
        if row.is_lost:
            raise conflict_over_device(device)
        changes: dict[str, Any] = {"lost_at": now, "lost_by": actor}
        if row.state != State.SUSPENDED or _takes_over(row, actor):
            changes |= {"suspended_at": now, "suspended_by": actor}
        _move(device, "reported lost", (State.ENROLLED, State.SUSPENDED), State.SUSPENDED, changes, actor=actor, reason=reason, now=now)


def resume_device(device: Device, *, actor: User | None, reason: str, now: datetime) -> None:
    """Let it back in. Its owner may undo what the owner did, an admin anything; a lost one needs another key first."""
    insist_on_right(device, actor)
    with transaction.atomic():
        row = Device.objects.select_for_update(no_key=True).get(pk=device.pk)  # the one in hand may know of an earlier suspension
        insist_on_right_to_resume(row, actor)
        refuse_if(row.is_lost, KEY_FIRST)
        changes = {"suspended_at": None, "suspended_by": None}
        _move(device, "resumed", (State.SUSPENDED,), State.ENROLLED, changes, actor=actor, reason=reason, now=now)


def retire_device(device: Device, *, actor: User | None, reason: str, now: datetime) -> None:
    """Take the device out of use for good. Its address rests before anybody else gets it; its key never returns."""
    insist_on_right(device, actor)
    before = (State.PENDING, State.ENROLLED, State.SUSPENDED)
    _move(device, "retired", before, State.RETIRED, {"retired_at": now, "retired_by": actor}, actor=actor, reason=reason, now=now)


def retire_all(owner: User, *, actor: User | None, now: datetime) -> list[tuple[Device, str]]:
    """Retire whatever somebody who leaves still has; return each with its state before. The caller writes the events, after all rows."""
    kept = list(Device.objects.select_for_update(no_key=True).filter(owner=owner).exclude(state=State.RETIRED).order_by("pk"))
    retired = [(device, device.state) for device in kept]
    for device in kept:
        device.state, device.retired_at, device.retired_by = State.RETIRED, now, actor
    Device.objects.bulk_update(kept, ["state", "retired_at", "retired_by"])
    DeviceKey.objects.filter(device__in=kept, until=None).update(until=now)
    return retired


def tell_retired(retired: Iterable[tuple[Device, str]], *, actor: User | None, why: str, now: datetime) -> None:
    """Write down what `retire_all` did."""
    for device, was in retired:
        data = {**about(device), "from": was, "to": State.RETIRED, "reason": why, "is_lost": False}
        audit.append("device.retired", actor=actor, subject=device, data=data, now=now)


def insist_on_right(device: Device, actor: User | None) -> None:
    """Only the owner, an admin or the system (None) may change a device."""
    refuse_if(actor is not None and actor.pk != device.owner_id and not actor.is_admin, say("Only its owner or an admin may do this."))


def insist_on_right_to_resume(row: Device, actor: User | None) -> None:
    """Whoever cut it off, or an admin. Judge the row as locked, not the one in hand."""
    if actor and not actor.is_admin and row.state == State.SUSPENDED and row.suspended_by_id != actor.pk:
        raise Refused(say("An admin suspended this device. Ask an admin to resume it."))


def about(device: Device) -> dict[str, object]:
    """Return what every event about a device tells."""
    return {
        "device": device.pk,
        "owner": device.owner_id,
        "owner_name": str(device.owner),
        "name": device.name,
        "addresses": device.addresses,
    }


def _insist_on_another_admin(device: Device, actor: User) -> None:
    refuse_if(not actor.is_admin, say("Only an admin may do this."))
    refuse_if(actor.pk == device.owner_id, say("Nobody lets in or refuses a device of their own. Ask another admin."))


def _takes_over(row: Device, actor: User | None) -> bool:
    """Whether an admin, or the system, does to a suspended device what its owner did before."""
    return row.state == State.SUSPENDED and row.suspended_by_id == row.owner_id and (actor is None or actor.pk != row.owner_id)


def _move(
    device: Device,
    verb: str,
    before: tuple[str, ...],
    after: str,
    changes: dict[str, Any],
    *,
    actor: User | None,
    reason: str,
    now: datetime,
) -> None:
    reason = clean_text(reason, "reason")
    with transaction.atomic():
        was = Device.objects.select_for_update(no_key=True).get(pk=device.pk).state
        if was not in before or Device.objects.filter(pk=device.pk, state=was).update(state=after, **changes) != 1:
            raise conflict_over_device(device)
        device.refresh_from_db()
        withdrawn: list[AccessRequest] = []
        if after == State.RETIRED:
            DeviceKey.objects.filter(device=device, until=None).update(until=now)
            withdrawn = withdraw(requests_left_without_device(device), now=now)
        if actor is None or actor.pk != device.owner_id:
            notices.tell_device_owner(device, recalled(verb), actor=actor, reason=reason)
        data = {**about(device), "from": was, "to": after, "reason": reason, "is_lost": device.is_lost}
        audit.append(f"device.{verb.replace(' ', '_')}", actor=actor, subject=device, data=data, now=now)
        tell_withdrawn(withdrawn, actor=actor, why=say("the device was retired"), now=now)
        nudge(peps_of_device(device), devices=[device.pk])
