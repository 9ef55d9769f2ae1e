"""`manage.py reconcile [PEP] [--dry-run] [--json]`: make PEPs hold what is wanted, now and here, without a worker."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from enforcement import turns
from enforcement.preview import preview
from enforcement.reconcile import reconcile
from enforcement.transport import TransportError
from enrollment import clock
from enrollment.models import Pep


class Command(BaseCommand):
    """Exit status 1 where a PEP does not hold what is wanted in the end (or, in a dry run, could not be asked)."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pep", nargs="?", help="the name of one PEP; all of them without it")
        parser.add_argument("--dry-run", action="store_true", help="show what is wanted and what is held; change nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object a PEP")

    def handle(self, *args: Any, **options: Any) -> None:
        peps = list(Pep.objects.filter(name=options["pep"]) if options["pep"] else Pep.objects.all())
        if not peps:
            raise CommandError(f"there is no PEP {options['pep']}" if options["pep"] else "there is no PEP yet")
        look = _dry if options["dry_run"] else _pass
        answers = [{"pep": pep.name, **look(pep)} for pep in peps]
        for answer in answers:
            self.stdout.write(json.dumps(answer) if options["json"] else "\n".join(_sentences(answer)))
        if any(answer["error"] for answer in answers):
            raise SystemExit(1)


def _pass(pep: Pep) -> Mapping[str, Any]:
    turns.mark_due([pep.pk])
    outcome = reconcile(pep.pk, clock.tick())
    if outcome is None:
        return {"error": "", "words": ["a worker is at it just now, and looks again when it is done"]}
    return {"error": outcome.error, "words": [] if outcome.error else ["holds what is wanted, and nothing else"]}


def _dry(pep: Pep) -> Mapping[str, Any]:
    try:
        return {"error": "", **preview(pep, clock.now())}
    except TransportError as error:
        return {"error": str(error)}


def _sentences(answer: Mapping[str, Any]) -> Iterable[str]:
    yield f"{answer['pep']}: {answer['error'] or 'well'}"
    for name, values in answer.items():
        if name not in {"pep", "error"}:
            yield from (f"  {name}: {value}" if name != "words" else f"  {value}" for value in values)
