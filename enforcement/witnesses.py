"""What the PEPs saw of the audit log: witnesses that whoever owns the database cannot change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from enforcement import ways
from enforcement.transport import TransportError, ask_for_witnesses
from enrollment.chain import Witness
from enrollment.models import Pep
from enrollment.sentences import kept, say

AT_A_TIME = 8
NOT_ASKED = kept("{name} could not be asked what it saw of the log: {error}")


@dataclass(frozen=True, slots=True)
class Heard:
    """What they said, and in words who could not be asked."""

    witnesses: tuple[Witness, ...]
    warnings: tuple[str, ...]


def of_peps() -> Heard:
    """Ask every enabled PEP. One that does not answer is a warning: it says nothing about the log."""
    peps = list(Pep.objects.filter(is_enabled=True).order_by("name"))
    with ThreadPoolExecutor(AT_A_TIME) as threads:
        answers = list(threads.map(_of_pep, peps))
    return Heard(
        tuple(witness for heard in answers for witness in heard.witnesses),
        tuple(warning for heard in answers for warning in heard.warnings),
    )


def _of_pep(pep: Pep) -> Heard:
    try:
        return Heard(tuple(Witness(seq, seal, pep.name) for seq, seal in ask_for_witnesses(pep.name, ways.to(pep))), ())
    except TransportError as error:
        return Heard((), (say(NOT_ASKED, name=pep.name, error=error.args[0]),))
