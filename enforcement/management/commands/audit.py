"""`manage.py audit verify|export`: name every problem of the audit log, or write it out."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from enforcement import witnesses
from enforcement.witnesses import Heard
from enrollment import audit, chain, clock, exports
from enrollment.chain import Checked, Witness
from enrollment.models import AuditEvent


class Command(BaseCommand):
    """Exit status 1 where the log does not hold. A PEP that cannot be asked is a warning: it says nothing about the log."""

    help = (
        "verify: name every problem of the chain, and fail if there is one. export: write the events as JSON Lines or CSV, and note that."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["verify", "export"])
        parser.add_argument("--since", type=int, default=1, help="export from this event on")
        parser.add_argument("--csv", action="store_true", help="export for a spreadsheet: formulas are marked as text")
        parser.add_argument("--file", type=Path, help="verify what was exported, without a database; add witnesses of your own")
        parser.add_argument("--no-peps", action="store_true", help="do not ask the PEPs what they saw")
        parser.add_argument(
            "--witness", action="append", default=[], metavar="SEQ:HASH", help="verify against what was seen elsewhere; repeatable"
        )
        parser.add_argument(
            "--witness-file", action="append", default=[], type=Path, help="lines with SEQ:HASH in them, or a system log; repeatable"
        )
        parser.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *args: object, **options: Any) -> None:
        if options["what"] == "export":
            rows = AuditEvent.objects.filter(seq__gte=options["since"])
            kind, chosen = "csv" if options["csv"] else "jsonl", f"since={options['since']}"
            for line in exports.begin(exports.EVENTS, rows, actor=None, kind=kind, chosen=chosen, now=clock.now()):
                self.stdout.write(line, ending="")
            return
        own = [witness(text) for text in options["witness"]]
        own += [each for path in options["witness_file"] for each in witnesses_in(path)]
        if options["file"]:
            heard, done = Heard((), ()), of_file(options["file"], own)
        else:
            heard = Heard((), ()) if options["no_peps"] else witnesses.of_peps()
            check = audit.verify_and_note([*own, *heard.witnesses], heard.warnings, by="manage.py", now=clock.now())
            done = Checked(check.problems, check.seq, check.hash)
        self._answer(done, heard, len(own) + len(heard.witnesses), as_json=options["json"])
        if done.problems:
            raise CommandError("\n".join(done.problems))

    def _answer(self, done: Checked, heard: Heard, told: int, *, as_json: bool) -> None:
        if as_json:
            answer = {"ok": not done.problems, "problems": done.problems, "warnings": list(heard.warnings), "witnesses": told}
            self.stdout.write(json.dumps({**answer, "from": done.began or 1, "seq": done.seq, "hash": done.hash}))
            return
        for warning in heard.warnings:
            self.stderr.write(warning)
        if not done.problems:
            begun = f" from event {done.began} on" if done.began > 1 else ""
            self.stdout.write(f"The chain holds{begun}: {done.seq} events, {told} witnesses.")


def of_file(path: Path, own: list[Witness]) -> Checked:
    """Check an export. One that begins later than the first event is judged from there on."""
    try:
        with path.open(encoding="utf-8") as lines:
            return chain.check(chain.read_export(lines), own, from_start=False)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error
    except chain.BadFileError as error:
        raise CommandError(f"{path}: {error}") from error


def witness(text: str) -> Witness:
    found = chain.WITNESS.fullmatch(text)
    if found is None:
        raise CommandError("Write a witness as SEQ:HASH, the number of an event and the 64 digits that seal it.")
    return Witness(int(found[1]), found[2])


def witnesses_in(path: Path) -> list[Witness]:
    """Return the witnesses of a file. One without any is a mistake, not a proof."""
    try:
        found = list(chain.find_witnesses(path.read_text(encoding="utf-8", errors="replace"), path.name))
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error}") from error
    if not found:
        raise CommandError(f"There is no witness in {path}: no line has SEQ:HASH in it.")
    return found
