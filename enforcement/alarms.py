"""What somebody must look at on a PEP: a mail to the admins when it begins, and one when it is over.

Each kind of alarm has one row a PEP, turned on and off by a conditional UPDATE: of two
workers that see the same, one tells. It ends once it has not been so for
LYCHGATE_ALARM_SECONDS, so what comes and goes is one alarm, and not a mail a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Min, Q

from enforcement.fitness import why_skewed, why_too_old
from enforcement.models import Alarm, Enforcement, PepStatus
from enforcement.receipts import ALARM, Receipt
from enforcement.rows import NOTICEABLE_SECONDS
from enrollment import audit, notices
from enrollment.models import Pep
from enrollment.moments import in_words
from enrollment.sentences import SEVERAL, joined, kept, say

Kind = Alarm.Kind
ABOUT_THE_LOG = f"{ALARM}the audit log"
MOST_WORDS = 5  # of many things done by hand at once; the PEP's page has them all
HELD_STILL, FIRST_SINCE = kept("{count} of what had to end there may be held still"), kept("the first since {since}.")
NO_END = say("No pass over it comes to an end: see what the workers log.")
BY_THE_SWEEP = frozenset({Kind.UNREACHED, Kind.UNCONFIRMED})  # not so any more means over; of the others only an answer tells


def hear(pep: Pep, receipt: Receipt, *, skew: float, lock: str, at: datetime) -> list[Alarm]:
    """Turn on what a receipt gives reason for, and return what is new; `tell` of it last, as the audit log is written last."""
    said = [words for words in receipt.why if words.startswith(ALARM)]
    found = {
        Kind.SKEW: why_skewed(skew),
        Kind.AGENT: why_too_old(pep.name, receipt.agent),
        Kind.DRIFT: "; ".join(each.words for each in receipt.drift[:MOST_WORDS]),
        Kind.LOG: "; ".join(words for words in said if words.startswith(ABOUT_THE_LOG)),
        Kind.SAID: "; ".join(words for words in said if not words.startswith(ABOUT_THE_LOG)),
        Kind.LOCK: lock,
    }
    return _turn_on(pep, found, at)


def hear_refusal(pep: Pep, error: str, at: datetime, *, agent: str = "") -> list[Alarm]:
    """Do the same for a pass without a receipt: the way there was not what it should be, or whoever greeted us is too old to go on."""
    return _turn_on(pep, {Kind.HOST_KEY: error if error.startswith(ALARM) else "", Kind.AGENT: why_too_old(pep.name, agent)}, at)


def judge(now: datetime) -> None:
    """Turn on what has been so for too long, and turn off what is over. For the sweep; twice is the same as once."""
    limit = now - timedelta(seconds=settings.ALARM_SECONDS - min(settings.SWEEP_SECONDS, settings.ALARM_SECONDS))  # the next sweep is late
    _notice_silence(now)
    late = Q(unreached_since__lte=limit) | Q(failing_since__lte=limit, unreached_since=None)
    for status in PepStatus.objects.filter(late, pep__is_enabled=True).select_related("pep"):
        _begin(status.pep, _of_status(status), now)
    unconfirmed = _unconfirmed(limit, now)
    for pep in Pep.objects.filter(pk__in=unconfirmed):
        _begin(pep, {Kind.UNCONFIRMED: unconfirmed[pep.pk]}, now)
    for alarm in (
        Alarm.objects.exclude(since=None).filter(seen_at__lte=now - timedelta(seconds=settings.ALARM_SECONDS)).select_related("pep__status")
    ):
        if _is_over(alarm):
            _end(alarm, now)


def tell(begun: Iterable[Alarm], now: datetime) -> None:
    """Mail the admins, and write it down: within the transaction that turned these on."""
    for alarm in begun:
        text = (
            say("{alarm} since {when}.", alarm=alarm.sentence, when=in_words(now)),
            alarm.what,
            "",
            say("There is a mail when it is over. All there is to know of this PEP:"),
        )
        notices.tell_admins(say("ALARM: {alarm}", alarm=alarm.sentence), joined(text, "\n"), path=_page(alarm.pep_id))
    for alarm in begun:
        audit.append("pep.alarm", actor=None, subject=alarm.pep, data={"kind": alarm.kind, "words": [alarm.words]}, now=now)


@transaction.atomic
def _begin(pep: Pep, found: Mapping[Kind, str], now: datetime) -> None:
    tell(_turn_on(pep, found, now), now)


def _turn_on(pep: Pep, found: Mapping[Kind, str], at: datetime) -> list[Alarm]:
    """Return those that were off until now. Those that are on already stay so."""
    kinds = [kind for kind, words in found.items() if words]
    if not kinds:
        return []
    rows, begun = Alarm.objects.filter(pep=pep), []
    known = set(rows.filter(kind__in=kinds).values_list("kind", flat=True))
    new = [Alarm(pep=pep, kind=kind, seen_at=at) for kind in kinds if kind not in known]
    Alarm.objects.bulk_create(new, ignore_conflicts=True)
    for kind in sorted(kinds):
        seen: dict[str, object] = {"seen_at": at, "words": found[kind]}
        if rows.filter(kind=kind, since=None).update(since=at, **seen):
            begun.append(Alarm(pep=pep, kind=kind, since=at, seen_at=at, words=found[kind]))
        else:
            rows.filter(kind=kind).update(**seen)
    return begun


def _notice_silence(now: datetime) -> None:
    """Count from now where no pass comes to an end, well or not: a portal that was off itself has a whole wait to make it good."""
    usual = settings.ALARM_SECONDS + settings.SWEEP_SECONDS + settings.PEP_TIMEOUT_SECONDS
    silent = Q(reached_at=None) | Q(reached_at__lte=now - timedelta(seconds=usual))
    PepStatus.objects.filter(silent, unreached_since=None, failing_since=None, pep__is_enabled=True).update(unreached_since=now)


def _of_status(status: PepStatus) -> Mapping[Kind, str]:
    return {Kind.UNREACHED if status.unreached_since else Kind.LACKING: status.error or NO_END}


def _unconfirmed(limit: datetime, now: datetime) -> Mapping[int, str]:
    """Return what to say of PEPs that were to end access before `limit`, have not confirmed it, and may hold it still."""
    was_to_end = Q(ending_at__lte=limit) | Q(grant__ended_at__lte=limit)
    held_still = Q(until__gt=now - timedelta(seconds=NOTICEABLE_SECONDS)) | Q(until=None, grant__ends_at__gt=now)
    rows = Enforcement.objects.filter(was_to_end, held_still, state=Enforcement.State.ENDING).order_by()
    return {
        pep_id: joined([say(HELD_STILL, count=count), say(FIRST_SINCE, since=in_words(since))], SEVERAL)
        for pep_id, count, since in rows.values_list("pep").annotate(Count("pk"), Min("ending_at"))
    }


def _is_over(alarm: Alarm) -> bool:
    """Tell whether what has not been so for a while is over. A PEP that has not answered since may be as it was."""
    status: PepStatus = alarm.pep.status
    if alarm.kind in BY_THE_SWEEP or not alarm.pep.is_enabled:
        return True
    return status.unreached_since is None and status.reached_at is not None and status.reached_at > alarm.seen_at


@transaction.atomic
def _end(alarm: Alarm, now: datetime) -> None:
    """Turn it off, unless somebody did, or saw it again meanwhile."""
    if Alarm.objects.filter(pk=alarm.pk, since=alarm.since, seen_at=alarm.seen_at).update(since=None) != 1 or alarm.since is None:
        return
    text = say(
        "{alarm}: that is over. It began on {since} and was last seen on {seen}.",
        alarm=alarm.sentence,
        since=in_words(alarm.since),
        seen=in_words(alarm.seen_at),
    )
    notices.tell_admins(say("Over: {alarm}", alarm=alarm.sentence), text, path=_page(alarm.pep_id))
    audit.append("pep.alarm_over", actor=None, subject=alarm.pep, data={"kind": alarm.kind, "since": alarm.since}, now=now)


def _page(pep_id: int) -> str:
    return f"/admin/enforcement/pepstatus/{pep_id}/change/"
