"""Lock-down of a PEP: an admin asks, a worker tries it, and what the PEP then says of itself is kept.

It is tried once. Where the trial fails, the PEP opens again by itself, and nobody tries
until an admin asks anew. Only root on the PEP ends it; the portal then says so, and
mails, until an admin locks it down again or leaves it open.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from enforcement import ways
from enforcement.models import PepStatus
from enforcement.receipts import ReceiptError, parse_lock
from enforcement.transport import OF_ITS_ANSWER, Stream, TransportError
from enrollment import audit
from enrollment.lifecycle import Conflict, Refused
from enrollment.models import Pep, User
from enrollment.sentences import kept, say

Lock = PepStatus.Lock
NOBODY_GOT_IN = kept("{pep} was closed on trial, and no new connection got in, so it opens again within a minute: {error}")
DID_NOT_STAY = kept("{pep} was closed on trial and did not stay so: it says that it is {state}")
LONGEST_TRIAL = timedelta(minutes=3)  # above all that an attempt may take
DIED = say("The worker that tried it ended before it was done. If the trial had begun, the PEP is open again.")
LOST = say("It is not locked down any more: root there ended it, or its files are gone. Lock it down again, or leave it open.")


@transaction.atomic
def ask(pep: Pep, *, actor: User, now: datetime) -> None:
    """Want the PEP locked down. A worker tries it at once. Raises Conflict where it is, or is being tried; Refused where it cannot be."""
    if _is_in_overlay(pep.ssh_host):
        raise Refused(
            say(
                "The workers reach it at {host}, which is in the overlay: no device is let in there after a boot, and a grant of their"
                " own ends. Give it an SSH host outside the overlay first, as docs/running.md says.",
                host=pep.ssh_host,
            )
        )
    if not _rows(pep).filter(lock__in=(Lock.OPEN, Lock.LOST)).update(lock=Lock.ASKED, lock_since=now, lock_words=""):
        raise Conflict(_as_it_is(pep))
    audit.append("pep.lock_down_asked", actor=actor, subject=pep, data={}, now=now)


@transaction.atomic
def leave_open(pep: Pep, *, actor: User, reason: str, now: datetime) -> None:
    """Accept that a PEP is open that was locked down. Raises Conflict where it is not so."""
    if not _rows(pep).filter(lock=Lock.LOST).update(lock=Lock.OPEN, lock_since=now, lock_words=""):
        raise Conflict(_as_it_is(pep))
    audit.append("pep.left_open", actor=actor, subject=pep, data={"reason": reason}, now=now)


def attempt(pep_id: int, now: datetime) -> None:
    """Try it, if it is asked for and nobody is at it. Twice, late or never is safe."""
    if not PepStatus.objects.filter(pk=pep_id, lock=Lock.ASKED).update(lock=Lock.TRYING, lock_since=now):
        return
    pep = Pep.objects.get(pk=pep_id)
    try:
        _try(pep.name, ways.to(pep))
    except TransportError as error:
        _settle(pep, Lock.TRYING, Lock.OPEN, "pep.lock_down_failed", now, words=str(error))
    else:
        _settle(pep, Lock.TRYING, Lock.LOCKED, "pep.locked_down", now)


def asked() -> list[int]:
    """Return the PEPs whose trial nobody has begun."""
    return list(PepStatus.objects.filter(lock=Lock.ASKED).order_by("pk").values_list("pk", flat=True))


def give_up(now: datetime) -> None:
    """End the attempts of workers that died. For the sweep; twice is the same as once."""
    for status in PepStatus.objects.filter(lock=Lock.TRYING, lock_since__lte=now - LONGEST_TRIAL).select_related("pep"):
        _settle(status.pep, Lock.TRYING, Lock.OPEN, "pep.lock_down_failed", now, words=DIED)


def hear(pep: Pep, lock: str, said: str, now: datetime) -> str:
    """Keep what the PEP says of itself (empty: an agent that says nothing), `lock` being how it stood; return what is wrong with it."""
    if said == "locked" and lock in (Lock.OPEN, Lock.LOST):  # of a database from a backup, or ended on the PEP and put back there
        _settle(pep, lock, Lock.LOCKED, "pep.locked_down", now)
    elif said == "open" and lock == Lock.LOCKED:
        _settle(pep, lock, Lock.LOST, "pep.lock_down_lost", now, words=LOST)
        return LOST
    elif said != "locked" and lock == Lock.LOST:
        return LOST
    return ""


def _try(pep: str, argv: Sequence[str]) -> None:
    """Close the PEP from outside on trial, and make that lasting over a second connection, which shows that one still gets in.

    Neither is a warm stream: that one was let in before. Raises TransportError; a PEP that was closed opens again within a minute.
    """
    state, token = _exchange(pep, argv, "")
    if state == "locked":
        return
    try:
        state, _token = _exchange(pep, argv, token)
    except TransportError as error:
        raise TransportError(say(NOBODY_GOT_IN, pep=pep, error=str(error))) from None
    if state != "locked":
        raise TransportError(say(DID_NOT_STAY, pep=pep, state=state))


def _exchange(pep: str, argv: Sequence[str], token: str) -> tuple[str, str]:
    stream, deadline = Stream(pep, argv), time.monotonic() + settings.PEP_TIMEOUT_SECONDS
    try:
        return parse_lock(stream.exchange({"verb": "lock", "version": 1, "pep": pep, "token": token}, deadline), pep)
    except ReceiptError as error:
        raise TransportError(say(OF_ITS_ANSWER, pep=pep, error=str(error))) from None
    finally:
        stream.kill()


@transaction.atomic
def _settle(pep: Pep, before: str, after: str, verb: str, now: datetime, *, words: str = "") -> None:
    if _rows(pep).filter(lock=before).update(lock=after, lock_since=now, lock_words=words):
        data: Mapping[str, object] = {"words": [words]} if words else {}
        audit.append(verb, actor=None, subject=pep, data=data, now=now)


def _rows(pep: Pep) -> QuerySet[PepStatus]:
    return PepStatus.objects.filter(pk=pep.pk)


def _as_it_is(pep: Pep) -> str:
    return say("{pep} is {state}.", pep=pep, state=_rows(pep).get().get_lock_display())


def _is_in_overlay(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in settings.OVERLAY)
