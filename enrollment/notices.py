"""Plain mail: to those who may answer, and to whoever asked.

Sent after the commit; a mail that fails is logged and breaks nothing. A link in a mail
carries no power: it leads to a page that asks who is there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction

from enrollment import facts
from enrollment.models import AccessRequest, Grant, User
from enrollment.policy import in_words, seconds_in_words

logger = logging.getLogger(__name__)
LONGEST_SUBJECT = 100


def ask_approvers(request: AccessRequest) -> None:
    """Tell everybody who could answer now that somebody waits."""
    subject = f"{request.requester} asks for {request.resource}"
    text = (
        f"{request.requester} asks to reach {request.resource} for {seconds_in_words(request.seconds)}.\n"
        f"Reason: {request.reason}\n{f'Ticket: {request.ticket}' if request.ticket else ''}\n"
        f"Please answer before {in_words(request.answer_by)}:\n"
        f"{settings.PUBLIC_URL}/admin/enrollment/accessrequest/{request.pk}/change/\n"
    )
    _later(facts.approvers_of(request), subject, text)


def tell_requester(request: AccessRequest, what: str, more: str) -> None:
    """Tell whoever asked what became of it."""
    text = f"Your request for {request.resource} {what}.\n{more}\n\n{settings.PUBLIC_URL}/requests/{request.pk}/\n"
    _later([request.requester], f"Your request for {request.resource} {what}", text)


def tell_owner(grant: Grant, what: str, more: str, *, actor: User | None) -> None:
    """Tell the owner of a grant what became of it, unless the owner did it."""
    if actor is None or actor.pk != grant.user_id:
        text = f"Your access to {grant.resource} {what}.\n{more}\n\n{settings.PUBLIC_URL}/\n"
        _later([grant.user], f"Your access to {grant.resource} {what}", text)


def _later(people: Iterable[User], subject: str, text: str) -> None:
    addresses = tuple(dict.fromkeys(person.email for person in people if person.email and person.is_active))
    line = " ".join(subject.split())[:LONGEST_SUBJECT]
    if addresses:
        transaction.on_commit(partial(_send, addresses, line, text), robust=True)


def _send(addresses: tuple[str, ...], subject: str, text: str) -> None:
    try:
        with get_connection() as connection:
            for address in addresses:  # one each: nobody learns who else was asked
                EmailMessage(subject, text, to=[address], connection=connection).send()
    except Exception:  # whatever a mail server does, what was decided stands
        logger.exception("A notice could not be mailed: %s", subject)
