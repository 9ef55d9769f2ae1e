"""Plain mail: to those who may answer, to whoever asked, and to the owner of a device that changed.

Written with the change they speak of and sent by a worker of their own, so a mail server
that hangs holds back neither a page nor a PEP. A link in a mail carries no power: it
leads to a page that asks who is there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta

from celery import current_app
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q

from enrollment import facts, keys
from enrollment.models import AccessRequest, Delegation, Device, Grant, Notice, Review, User
from enrollment.policy import in_words, seconds_in_words

logger = logging.getLogger(__name__)
LONGEST_SUBJECT = 100
TASK = "enrollment.tasks.mail_due_notices"
MOST_TRIES = 12
LONGEST_WAIT = timedelta(hours=4)
KEPT = timedelta(days=30)
NOT_YOU = "If this was not you, report the device lost on its page, which cuts it off at once, and tell an admin."
NOT_YOU_YET = "If this was not you, retire it on its page, and tell an admin."
NOT_EXPECTED = "If you did not expect this, ask an admin."
BATCH = 500  # the next beat goes on


def ask_approvers(request: AccessRequest, *, now: datetime) -> None:
    """Tell everybody who could answer now that somebody waits."""
    subject = f"{request.requester} asks for {request.resource}"
    text = (
        f"{request.requester} asks to reach {request.resource} for {seconds_in_words(request.seconds)}.\n"
        f"Reason: {request.reason}\n{f'Ticket: {request.ticket}' if request.ticket else ''}\n"
        f"Please answer before {in_words(request.answer_by)}:\n"
        f"{settings.PUBLIC_URL}/admin/enrollment/accessrequest/{request.pk}/change/\n"
    )
    _later(facts.approvers_of(request, now), subject, text)


def ask_admins(device: Device) -> None:
    """Tell every admin who may let it in that a device waits."""
    admins = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=device.owner_id)
    text = (
        f"{device.owner} enrolled a device, {device.name}. It reaches nothing until an admin approves it.\n"
        f"Fingerprint of its key, which its owner sees too: {keys.fingerprint(device.public_key)}\n\n"
        f"{settings.PUBLIC_URL}/admin/enrollment/device/{device.pk}/change/\n"
    )
    _later(admins, f"A device of {device.owner} waits for approval", text)


def tell_admins(subject: str, text: str, *, path: str = "/admin/") -> None:
    """Tell every admin what only an admin can settle. `path` is the page that says more."""
    _later(User.objects.filter(is_superuser=True, is_active=True), subject, f"{text}\n{settings.PUBLIC_URL}{path}\n")


def tell_requester(request: AccessRequest, what: str, more: str) -> None:
    """Tell whoever asked what became of it."""
    text = f"Your request for {request.resource} {what}.\n{more}\n\n{settings.PUBLIC_URL}/requests/{request.pk}/\n"
    _later([request.requester], f"Your request for {request.resource} {what}", text)


def tell_owner(grant: Grant, what: str, more: str, *, actor: User | None) -> None:
    """Tell the owner of a grant what became of it, unless the owner did it."""
    if actor is None or actor.pk != grant.user_id:
        text = f"Your access to {grant.resource} {what}.\n{more}\n\n{settings.PUBLIC_URL}/\n"
        _later([grant.user], f"Your access to {grant.resource} {what}", text)


def tell_of_break_glass(grant: Grant, *, now: datetime) -> None:
    """Tell everybody who was passed over, all admins, and whoever took it: nobody was asked, so everybody hears of it."""
    asked = grant.request
    lasts = f"for {seconds_in_words(asked.seconds)}, until {in_words(grant.ends_at)}"
    why = f"Reason: {asked.reason}\n{f'Ticket: {asked.ticket}' if asked.ticket else ''}\n"
    others = (
        f"{grant.user} took emergency access to {grant.resource} {lasts}. Nobody approved it.\n{why}"
        "Somebody who approves for this resource must review it, and can end it there:\n"
        f"{settings.PUBLIC_URL}/admin/enrollment/grant/{grant.pk}/change/\n"
    )
    admins = User.objects.filter(is_superuser=True)
    passed_over = [person for person in (*facts.approvers_of(grant.resource, now), *admins) if person.pk != grant.user_id]
    _later(passed_over, f"EMERGENCY ACCESS: {grant.user} reaches {grant.resource}", others)
    own = (
        f"You took emergency access to {grant.resource} {lasts}.\n{why}"
        "Everybody who approves for it was told, and one of them must review it.\n"
        f"{NOT_YOU}\n{settings.PUBLIC_URL}/requests/{asked.pk}/\n"
    )
    _later([grant.user], f"You took emergency access to {grant.resource}", own)


def tell_of_review(grant: Grant, review: Review, *, has_ended: bool) -> None:
    """Tell whoever took emergency access what a second person thinks of it."""
    found = "justified" if review.verdict == Review.Verdict.APPROVE else "not justified"
    what = f"was found {found}{' and ended' if has_ended else ''} by {review.who}"
    text = f"Your emergency access to {grant.resource} {what}.\n{review.comment}\n\n{settings.PUBLIC_URL}/requests/{grant.request_id}/\n"
    _later([grant.user], f"Your emergency access to {grant.resource} was found {found}", text)


def tell_device_owner(device: Device, what: str, *, actor: User | None, key: str = "", reason: str = "") -> None:
    """Tell somebody what was done to a device of theirs. Its key is named by the fingerprint alone, its addresses not at all."""
    by = "" if actor is None else " by you" if actor.pk == device.owner_id else f" by {actor}"
    text = (
        f"Your device {device.name} {what}{by}.\n{f'Reason: {reason}' if reason else ''}\n"
        f"Fingerprint of its key: {keys.fingerprint(key or device.public_key)}\n\n"
        f"{_advice(device)}\n{settings.PUBLIC_URL}/devices/{device.pk}/\n"
    )
    _later([device.owner], f"Your device {device.name} {what}", text)


def _advice(device: Device) -> str:
    return {Device.State.ENROLLED: NOT_YOU, Device.State.PENDING: NOT_YOU_YET}.get(Device.State(device.state), NOT_EXPECTED)


def tell_delegate(delegation: Delegation) -> None:
    """Tell somebody whom they stand in for, from when until when."""
    text = (
        f"From {in_words(delegation.starts_at)} until {in_words(delegation.ends_at)} you may answer requests in the stead of "
        f"{delegation.delegator}, and do not have to.\nReason: {delegation.reason}\n\n"
        f"What waits for you then is at {settings.PUBLIC_URL}/admin/enrollment/accessrequest/\n{NOT_EXPECTED}\n"
    )
    _later([delegation.delegate], f"You stand in for {delegation.delegator}", text)


def tell_delegation_ended(delegation: Delegation, *, actor: User | None) -> None:
    """Tell both that it ended before its time, except whoever ended it."""
    by = f" by {actor}" if actor else ""
    text = f"{delegation.delegate} no longer stands in for {delegation.delegator}: the delegation was ended{by}.\n\n{NOT_EXPECTED}\n"
    people = [person for person in (delegation.delegator, delegation.delegate) if actor is None or person.pk != actor.pk]
    _later(people, f"{delegation.delegate} no longer stands in for {delegation.delegator}", text)


def send_due(now: datetime) -> int:
    """Send what waits, and say how many went. A mail that fails is tried again later, up to MOST_TRIES times."""
    Notice.objects.filter(sent_at__lt=now - KEPT).delete()
    due = Q(due_at__lte=now) | Q(due_at__gt=now + 2 * LONGEST_WAIT)  # nobody waits that long: a clock was ahead
    waiting = Notice.objects.filter(due, sent_at=None, tries__lt=MOST_TRIES)
    return sum(_send(notice, now) for notice in waiting[:BATCH])


def _later(people: Iterable[User], subject: str, text: str) -> None:
    """Write the mails down in the caller's transaction, one each: nobody learns who else was asked."""
    addresses = dict.fromkeys(person.email for person in people if person.email and person.is_active)
    line = " ".join(subject.split())[:LONGEST_SUBJECT]
    if addresses:
        Notice.objects.bulk_create([Notice(to=address, subject=line, text=text) for address in addresses])
        transaction.on_commit(_wake, robust=True)


def _wake() -> None:
    """Tell the mail worker. Whatever happens to the message, the next beat looks for what waits."""
    try:
        current_app.send_task(TASK, retry=False)
    except Exception as error:  # noqa: BLE001 - whatever the broker's client raises, what was decided stands
        logger.warning("the broker took no message, the mail goes with the next beat: %s", error)


def _send(notice: Notice, now: datetime) -> bool:
    """Claim one mail and send it. False: somebody else has it, or it must wait."""
    wait = min(LONGEST_WAIT, timedelta(minutes=2**notice.tries))
    mine = Notice.objects.filter(pk=notice.pk, sent_at=None, tries=notice.tries)
    if mine.update(tries=notice.tries + 1, due_at=now + wait) != 1:
        return False
    try:
        EmailMessage(notice.subject, notice.text, to=[notice.to]).send()
    except Exception:  # whatever a mail server does, what was decided stands
        logger.exception("A notice could not be mailed, try %s of %s: %s", notice.tries + 1, MOST_TRIES, notice.subject)
        return False
    Notice.objects.filter(pk=notice.pk).update(sent_at=now)
    return True
