"""What one pass writes down, in one transaction: how the PEP is, where each grant stands, what was found.

Whoever was overtaken by a later turn writes nothing: what it saw is old. News (in force,
gone, drift, a PEP lost or found again) also goes to the audit log, one event a pass and
kind, so that a thousand grants cost as much as one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from enforcement import alarms, lock_down, turns
from enforcement import rows as standing
from enforcement.desired import Desired
from enforcement.models import Drift, Enforcement, Handshake, PepStatus
from enforcement.models import Receipt as ReceiptRow
from enforcement.pep.state import digest
from enforcement.receipts import Receipt
from enforcement.transport import Answer
from enrollment import audit
from enrollment.models import Pep
from enrollment.sentences import kept, say

NO_KEY_YET = kept("No admin has confirmed the public key of WireGuard on {name} yet, so no client file names it.")
ANOTHER_KEY = kept("WireGuard on {name} has another public key than the one that client files name.")
MOST_DRIFTS = 100  # of one pass; a PEP that reports more has said enough
MOST_BEHIND = 10**9  # passes: decades of them

Ended = tuple[str, datetime]  # the error, and when the next pass is due


def reached(
    turn: turns.Turn, pep: Pep, desired: Desired, rows: Iterable[Enforcement], answer: Answer, at: datetime, *, served: Iterable[int] = ()
) -> Ended:
    """Write down a receipt and all that follows from it. `served`: rows of `turns.touched` that it answers."""
    receipt, before = answer.receipt, PepStatus.objects.get(pk=pep.pk)
    error, failures = _complaint(pep, desired, answer), 0 if receipt.is_whole else before.failures + 1
    values: dict[str, Any] = {
        "reached_at": at,
        "unreached_since": None,
        "agent_version": receipt.agent,
        "skew_seconds": round(receipt.now - at.timestamp(), 3),
        "generation": _catch_up(turn.generation, answer.hello.generation),
    }
    speaks_for_all = turn.is_whole or not receipt.is_whole  # that some devices stand well says nothing of the others
    if speaks_for_all:
        values |= {
            "agreed_at": at if receipt.is_whole else before.agreed_at,
            "failing_since": None if receipt.is_whole else before.failing_since or at,
            "error": error,
            "failures": failures,
        }
    with transaction.atomic():
        ours, due_at = turns.finish(turn, due_at=_next(pep, desired, failures, at, is_whole=turn.is_whole), served=served, **values)
        if ours:
            settled = standing.settle(rows, desired, standing.Seen(at, receipt))
            _keep_receipt(turn, pep, desired, receipt, at)
            _keep_drift(pep, receipt, at)
            _keep_handshakes(pep, desired, receipt)
            begun = alarms.hear(pep, receipt, skew=values["skew_seconds"], lock=lock_down.hear(pep, before.lock, receipt.lock, at), at=at)
            _tell(pep, turn, settled, receipt, at)  # the audit log last: everybody waits for its end
            alarms.tell(begun, at)
            if speaks_for_all and bool(before.failing_since) == receipt.is_whole:
                _tell_health(pep, "pep.recovered" if receipt.is_whole else "pep.failing", error, at)
    return error, due_at


def unreached(
    turn: turns.Turn, pep: Pep, desired: Desired, rows: Iterable[Enforcement], error: str, at: datetime, *, agent: str = ""
) -> Ended:
    """Write down that the PEP gave no receipt. What was in force stays so until the deadline that was read back.

    `agent` is the version that greeted us, where one did.
    """
    still_ours = PepStatus.objects.filter(pk=pep.pk, generation=turn.generation)
    with transaction.atomic():
        still_ours.filter(unreached_since=None).update(unreached_since=turn.began)
        begun = alarms.hear_refusal(pep, error, at, agent=agent) if still_ours.exists() else []
        if agent:
            still_ours.update(agent_version=agent)
        ended = unread(turn, error, at)
        if still_ours.exists():
            standing.settle(rows, desired, standing.Seen(at, error=error))
        alarms.tell(begun, at)
    return ended


def unread(turn: turns.Turn, error: str, at: datetime) -> Ended:
    """Write down that a pass failed, and when to try again: a look at everything, so that no device that waits for one makes it sooner."""
    before = PepStatus.objects.select_related("pep").get(pk=turn.pep_id)
    failures = before.failures + 1
    values: dict[str, Any] = {"error": error, "failures": failures, "failing_since": before.failing_since or at}
    with transaction.atomic():
        ours, due_at = turns.finish(turn, due_at=at + turns.backoff(failures), served=turns.touched(turn.pep_id), **values)
        if ours and not before.failing_since:
            _tell_health(before.pep, "pep.failing", error, at)
    return error, due_at


def _catch_up(drawn: int, theirs: int) -> int:
    """Draw the next generation above the PEP's: a portal from a backup is behind. A number that no portal ever drew would use all up."""
    return max(drawn, theirs) if theirs - drawn <= MOST_BEHIND else drawn


def _complaint(pep: Pep, desired: Desired, answer: Answer) -> str:
    receipt, key = answer.receipt, answer.hello.public_key
    found = [*receipt.why, *desired.left_out]
    if receipt.is_recorded:
        found.append(standing.RECORDED)
    if not receipt.is_whole and not found:
        found.append(say("The PEP does not hold what is wanted."))
    if key is not None and pep.public_key is None:
        found.append(say(NO_KEY_YET, name=pep.name))
    elif key is not None and key != pep.public_key:
        found.append(say(ANOTHER_KEY, name=pep.name))
    return "; ".join(found)


def _next(pep: Pep, desired: Desired, failures: int, at: datetime, *, is_whole: bool) -> datetime:
    """Return when to look again: when something ends or begins, before a lease runs out, and now and then anyway."""
    if failures and not is_whole:
        return at  # some devices do not stand well: look at everything
    moments = [at + timedelta(seconds=settings.SWEEP_SECONDS)]
    if failures:
        moments.append(at + turns.backoff(failures))
    if desired.recheck_at:
        moments.append(max(desired.recheck_at, at))
    if pep.lease_seconds:
        moments.append(at + timedelta(seconds=pep.lease_seconds / 2))
    return min(moments)


def _tell(pep: Pep, turn: turns.Turn, settled: standing.Settled, receipt: Receipt, at: datetime) -> None:
    if receipt.drift:
        words = [each.words for each in receipt.drift[:MOST_DRIFTS]]
        audit.append("pep.drift", actor=None, subject=pep, data={"count": len(receipt.drift), "words": words}, now=at)
    if not settled.in_force and not settled.gone and not settled.lost:
        return
    data = {
        "generation": turn.generation,
        "digest": receipt.digest,
        "in_force": [[row.grant_id, row.device_id, row.until.isoformat() if row.until else ""] for row in settled.in_force],
        "gone": [[row.grant_id, row.device_id] for row in settled.gone],
        "lost": [[row.grant_id, row.device_id] for row in settled.lost],
    }
    audit.append("pep.enforced", actor=None, subject=pep, data=data, now=at)


def _tell_health(pep: Pep, verb: str, error: str, at: datetime) -> None:
    audit.append(verb, actor=None, subject=pep, data={"error": error}, now=at)


def _keep_receipt(turn: turns.Turn, pep: Pep, desired: Desired, receipt: Receipt, at: datetime) -> None:
    last = ReceiptRow.objects.filter(pep=pep, is_whole=turn.is_whole).first()
    says = (receipt.digest, list(receipt.why))
    if last and receipt.outcome == "unchanged" and says == (last.digest, last.why):
        return
    ReceiptRow.objects.create(
        pep=pep,
        generation=receipt.generation,
        at=at,
        digest=receipt.digest,
        wanted_digest=digest(desired.state),
        outcome=receipt.outcome,
        is_whole=turn.is_whole,
        why=list(receipt.why),
        peers=receipt.peers,
        admissions=receipt.admissions,
        took_ms=receipt.took_ms,
    )


def _keep_drift(pep: Pep, receipt: Receipt, at: datetime) -> None:
    found = receipt.drift[:MOST_DRIFTS]
    Drift.objects.bulk_create([Drift(pep=pep, at=at, kind=each.kind, what=dict(each.what), words=each.words) for each in found])


def _keep_handshakes(pep: Pep, desired: Desired, receipt: Receipt) -> None:
    devices = {each.key: each.device_id for each in desired.decided}
    heard = {devices[key]: datetime.fromtimestamp(at, tz=UTC) for key, at in receipt.handshakes.items() if key in devices}
    known = dict(Handshake.objects.filter(pep=pep).values_list("device_id", "at")) if heard else {}
    news = [Handshake(device_id=device_id, pep=pep, at=at) for device_id, at in heard.items() if known.get(device_id) != at]
    Handshake.objects.bulk_create(news, update_conflicts=True, unique_fields=["device", "pep"], update_fields=["at"])
    standing.keep_heard(pep, [each.device_id for each in news])
