"""Where each grant stands on a PEP, for each device: opened before the PEP is asked, settled by what its kernel held.

A row exists before the kernel can hold anything for it, so that an address rests until
every PEP that may ever have held it has said that it does not. "In force" and "gone" are
said of what was read back, never of what was sent; an error is a flag, not a state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from enforcement.desired import Decided, Desired
from enforcement.models import Enforcement, Handshake
from enforcement.receipts import Receipt
from enrollment.models import Pep
from enrollment.sentences import say

State = Enforcement.State
Key = tuple[int, int]  # grant, device
Change = Literal["in force", "gone", "lost", "changed", ""]

BATCH = 500
ONE_SECOND = timedelta(seconds=1)
NOTICEABLE_SECONDS = 60  # a lease is renewed all the time: only what a person would notice is worth a write
FIELDS = ("state", "until", "in_force_at", "ending_at", "gone_at", "wanted_at", "past", "error", "note")
MOST_PAST = 20  # earlier times in force that a row keeps; the audit log has all
RECORDED = say("This PEP only notes what it is told: nothing is enforced on it.")
GOES_ON = say("Access goes on under another grant.")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one pass learnt: a receipt, or why there is none."""

    at: datetime
    receipt: Receipt | None = None
    error: str = ""


@dataclass(slots=True)
class Settled:
    """Which rows changed, and which of these changes are news."""

    in_force: list[Enforcement] = field(default_factory=list)
    gone: list[Enforcement] = field(default_factory=list)
    lost: list[Enforcement] = field(default_factory=list)  # still wanted, and read not to be there any more


def wanted(desired: Desired) -> Mapping[Key, Decided]:
    """Return what must be in force, by grant and device."""
    return {(grant_id, each.device_id): each for each in desired.decided if each.decision for grant_id in each.grant_ids}


def open_rows(pep: Pep, desired: Desired, now: datetime, devices: Iterable[int] | None = None) -> list[Enforcement]:
    """Return the rows of everything that is wanted or not yet gone, made where there was none. `devices` None: everybody's."""
    keys, mine = wanted(desired), _rows(pep) if devices is None else _rows(pep).filter(device__in=list(devices))
    rows = {_key(row): row for row in mine.exclude(state=State.GONE)}
    lacking = [key for key in keys if key not in rows]
    for start in range(0, len(lacking), BATCH):
        grant_ids = {grant_id for grant_id, _device_id in lacking[start : start + BATCH]}
        closed = _rows(pep).filter(state=State.GONE, grant_id__in=grant_ids)
        rows |= {_key(row): row for row in closed if _key(row) in keys}
    reopened = [_reopen(rows[key], now) for key in lacking if key in rows]
    _save(reopened)
    new = [Enforcement(pep=pep, grant_id=g, device_id=d, wanted_at=now) for g, d in lacking if (g, d) not in rows]
    Enforcement.objects.bulk_create(new, batch_size=BATCH)
    return [*rows.values(), *new]


def settle(rows: Iterable[Enforcement], desired: Desired, seen: Seen) -> Settled:
    """Write down where each row stands now. Rows that nothing happened to are not touched."""
    keys, settled, touched = wanted(desired), Settled(), []
    access = {(each.device_id, each.resource): each for each in desired.decided if each.admissions}
    for row in rows:
        each = keys.get(_key(row))
        change = _settle_wanted(row, each, seen) if each else _settle_unwanted(row, access, seen)
        if change:
            touched.append(row)
        if change == "in force":
            settled.in_force.append(row)
        if change == "gone":
            settled.gone.append(row)
        if change == "lost":
            settled.lost.append(row)
    _save(touched)
    return settled


def keep_heard(pep: Pep, devices: Sequence[int]) -> None:
    """Note with each grant that these devices were heard under it: a handshake's own row keeps only the last, whatever it was for.

    WireGuard tells whole seconds, so one in the second in which access was wanted counts.
    """
    last = Handshake.objects.filter(device=OuterRef("device"), pep=OuterRef("pep"), at__gt=OuterRef("wanted_at") - ONE_SECOND)
    for start in range(0, len(devices), BATCH):
        held = Enforcement.objects.filter(Exists(last), pep=pep, state=State.IN_FORCE, device__in=devices[start : start + BATCH])
        held.update(heard_at=Subquery(last.values("at")[:1]))


def _settle_wanted(row: Enforcement, each: Decided, seen: Seen) -> Change:
    before = _values(row)
    why = _why_not_held(each, seen)
    if not why:
        was_in_force = row.state == State.IN_FORCE
        if row.state == State.ENDING:
            _keep_past(row, None)  # whether it was gone in between, nobody has read
        _fill(row, state=State.IN_FORCE, error="", note="", ending_at=None, gone_at=None)
        row.in_force_at = row.in_force_at if was_in_force and row.in_force_at else seen.at
        row.until = _held_until(each, seen, row.until)
        return "in force" if not was_in_force else "changed" if _values(row) != before else ""
    row.error = why
    is_lost = seen.receipt is not None and row.state == State.IN_FORCE
    ran_out = row.until is None or row.until <= seen.at
    if seen.receipt or row.state != State.IN_FORCE or ran_out:  # unreachable: what was read back holds until its deadline
        since = seen.at if row.state == State.IN_FORCE else row.wanted_at
        _keep_past(row, seen.at if seen.receipt else None)
        _fill(row, state=State.WANTED, wanted_at=since, until=None, in_force_at=None, ending_at=None)
    if is_lost:
        return "lost"
    return "changed" if _values(row) != before else ""


def _settle_unwanted(row: Enforcement, access: Mapping[tuple[int, str], Decided], seen: Seen) -> Change:
    before = _values(row)
    why = _why_not_gone(row, seen)
    if not why:
        goes_on = (row.device_id, row.grant.resource.slug) in access
        _fill(row, state=State.GONE, gone_at=seen.at, error="", note=GOES_ON if goes_on else "")
        row.ending_at = row.ending_at or seen.at
        return "gone"
    _fill(row, state=State.ENDING, error=why)
    row.ending_at = row.ending_at or seen.at
    return "changed" if _values(row) != before else ""


def _why_not_held(each: Decided, seen: Seen) -> str:
    receipt = seen.receipt
    if receipt is None:
        return seen.error
    if receipt.is_recorded:
        return RECORDED
    if not each.admissions:
        return say("Nothing to apply here: the device and the resource share no address family, or the resource has no sound placement.")
    lacks = each.resource in receipt.missing_placements or each.key in receipt.missing_peers
    lacks = lacks or any((a.resource, str(a.address)) in receipt.missing_admissions for a in each.admissions)
    if receipt.outcome == "refused" or lacks:
        return "; ".join(receipt.why) or say("The PEP does not hold it yet.")
    return ""


def _why_not_gone(row: Enforcement, seen: Seen) -> str:
    receipt = seen.receipt
    if receipt is None:
        return seen.error
    if receipt.is_recorded:
        return RECORDED
    ours = {(row.grant.resource.slug, address) for address in row.device.addresses}
    if receipt.outcome == "refused":
        return "; ".join(receipt.why) or say("The PEP refused.")
    if ours & receipt.extra_admissions or ours & receipt.missing_admissions or row.device.public_key in receipt.extra_peers:
        return say("The PEP still holds it, or holds it longer than it should.")
    return ""


def _held_until(each: Decided, seen: Seen, before: datetime | None) -> datetime:
    """Return what the kernel holds, but for the small steps of a lease that is renewed all the time."""
    deadline = each.admissions[0].deadline
    held = min(deadline, (seen.receipt and seen.receipt.lease_until) or deadline)
    until = datetime.fromtimestamp(held, tz=UTC)
    if held < deadline and before and 0 <= (until - before).total_seconds() < NOTICEABLE_SECONDS:
        return before
    return until


def _reopen(row: Enforcement, now: datetime) -> Enforcement:
    _keep_past(row, row.gone_at)
    _fill(row, state=State.WANTED, wanted_at=now, until=None, in_force_at=None, ending_at=None, gone_at=None, error="", note="")
    return row


def _keep_past(row: Enforcement, gone_at: datetime | None) -> None:
    """Note that it was in force, before that is forgotten for another time."""
    if row.in_force_at:
        row.past = [*row.past, [row.in_force_at.isoformat(), gone_at.isoformat() if gone_at else ""]][-MOST_PAST:]


def _fill(row: Enforcement, **values: object) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def _values(row: Enforcement) -> tuple[object, ...]:
    return tuple(getattr(row, name) for name in FIELDS)


def _save(rows: Iterable[Enforcement]) -> None:
    """Write what may have changed of rows that exist. Not by `bulk_update`: its CASE for each row and field took most of a large pass."""
    Enforcement.objects.bulk_create(rows, BATCH, update_conflicts=True, unique_fields=["pk"], update_fields=FIELDS)


def _rows(pep: Pep) -> QuerySet[Enforcement]:
    return Enforcement.objects.filter(pep=pep).select_related("grant__resource", "device")


def _key(row: Enforcement) -> Key:
    return row.grant_id, row.device_id
