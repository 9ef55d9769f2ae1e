"""`manage.py export_pep PEP --config agent.json --out DIR`: what the PEP must hold, as plain files to read or to load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from enforcement.export import files
from enforcement.pep.caps import Caps, parse_caps, refusals, within
from enforcement.reconcile import want
from enrollment import clock
from enrollment.models import Pep


class Command(BaseCommand):
    """What exceeds the PEP's own file is left out, and said."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pep", help="the name of the PEP")
        parser.add_argument("--config", required=True, type=Path, help="a copy of the PEP's /etc/lychgate/agent.json")
        parser.add_argument("--out", required=True, type=Path, help="the directory to write to")
        parser.add_argument("--json", action="store_true", help="answer in one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        pep = Pep.objects.filter(name=options["pep"]).first()
        if pep is None:
            raise CommandError(f"there is no PEP {options['pep']}")
        caps, now = _caps(options["config"], pep.name), clock.now()
        desired = want(pep, now)
        refused = refusals(caps, desired.state)
        written = [_write(options["out"], *each) for each in files(caps, within(desired.state, refused), now).items()]
        left_out = [*desired.left_out, *(refusal.why for refusal in refused)]
        if options["json"]:
            self.stdout.write(json.dumps({"pep": pep.name, "files": written, "left_out": left_out}))
            return
        for line in (*written, *(f"left out: {why}" for why in left_out)):
            self.stdout.write(line)


def _caps(path: Path, name: str) -> Caps:
    try:
        caps = parse_caps(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {error}") from error
    if caps.pep != name:
        raise CommandError(f"{path} is the file of {caps.pep}")
    return caps


def _write(out: Path, name: str, content: str) -> str:
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return str(path)
