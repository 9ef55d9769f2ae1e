"""What the next pass over a PEP would change: what is wanted against what its kernel holds. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from enforcement import ways
from enforcement.pep.state import Address, Admission, State
from enforcement.reconcile import want
from enforcement.transport import ask
from enrollment.models import Pep

TOLERANCE_SECONDS = 2  # what the kernel's own rounding makes of a deadline


def preview(pep: Pep, now: datetime) -> Mapping[str, list[str]]:
    """Return sentences by what would happen. Raises TransportError where the PEP cannot be asked."""
    desired = want(pep, now)
    answer = ask(pep.name, ways.to(pep), lambda _hello: {"verb": "read", "version": 1, "pep": pep.name})
    held = answer.receipt.held or State()
    return {
        "would add": _more(desired.state, held, leased=pep.lease_seconds > 0),
        "would remove": _more(held, desired.state, leased=False),
        "left out": list(desired.left_out),
        "the PEP says": list(answer.receipt.why),
    }


def _more(one: State, other: State, *, leased: bool) -> list[str]:
    """Say what one state has, or has for longer, and the other has not. A lease may hold an admission for less."""
    known = {(a.resource, a.address): a.deadline for a in other.admissions}
    longer = [a for a in one.admissions if _is_more(a, known, leased=leased)]
    return [
        *(f"resource {placement.slug}" for placement in one.placements if placement not in other.placements),
        *(f"peer {peer.key} with {_list(peer.addresses)}" for peer in one.peers if peer not in other.peers),
        *(f"{a.address} in {a.resource} until {datetime.fromtimestamp(a.deadline, tz=UTC).isoformat()}" for a in longer),
    ]


def _is_more(admission: Admission, known: Mapping[tuple[str, Address], int], *, leased: bool) -> bool:
    deadline = known.get((admission.resource, admission.address))
    return deadline is None or (not leased and admission.deadline > deadline + TOLERANCE_SECONDS)


def _list(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
