"""Verify the audit log, or write it out."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from enrollment import audit
from enrollment.models import AuditEvent


class Command(BaseCommand):
    help = "verify: name every problem of the chain, and fail if there is one. export: write the events as JSON Lines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["verify", "export"])
        parser.add_argument("--since", type=int, default=1, help="export from this event on")
        parser.add_argument(
            "--witness", action="append", default=[], metavar="SEQ:HASH", help="verify against what was seen elsewhere; repeatable"
        )
        parser.add_argument("--json", action="store_true", help="answer in JSON")

    def handle(self, *args: object, **options: Any) -> None:
        if options["what"] == "export":
            for line in audit.export(options["since"]):
                self.stdout.write(line)
            return
        problems = audit.verify(witness(text) for text in options["witness"])
        last = AuditEvent.objects.first()
        if options["json"]:
            answer = {
                "ok": not problems,
                "problems": problems,
                "seq": last.seq if last else 0,
                "hash": last.hash if last else audit.GENESIS,
            }
            self.stdout.write(json.dumps(answer))
        elif not problems:
            self.stdout.write(f"The chain holds: {last.seq if last else 0} events.")
        if problems:
            raise CommandError("\n".join(problems))


def witness(text: str) -> tuple[int, str]:
    seq, _colon, seal = text.partition(":")
    if not (seq.isascii() and seq.isdigit()) or not seal:
        raise CommandError("Write a witness as SEQ:HASH.")
    return int(seq), seal
