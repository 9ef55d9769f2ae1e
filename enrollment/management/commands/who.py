"""Who can reach a resource, or could at a time: told from the audit log."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from enrollment import audit, facts
from enrollment.models import Resource
from enrollment.policy import in_words


class Command(BaseCommand):
    help = "Say who can reach RESOURCE now, or could at a time, by the audit log."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("resource", help="its slug")
        parser.add_argument("--at", help="an instant with its zone, like 2026-03-02T09:00:00Z; now without")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: object, **options: Any) -> None:
        at = moment(options["at"]) if options["at"] else timezone.now()
        resource = Resource.objects.filter(slug=options["resource"]).first()
        if resource is None:
            raise CommandError(f"There is no resource {options['resource']!r}.")
        reaches = facts.reachable_by(resource, at)
        if options["json"]:
            rows = [{**asdict(reach), "until": audit.instant(reach.until)} for reach in reaches]
            self.stdout.write(json.dumps({"resource": resource.slug, "at": audit.instant(at), "reach": rows}))
            return
        for reach in reaches:
            self.stdout.write(f"{reach.user} with {reach.device} until {in_words(reach.until)}")
        if not reaches:
            self.stdout.write(f"Nobody, on {in_words(at)}.")


def moment(text: str) -> datetime:
    """Read an instant; one without a zone could mean two, so it is refused."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is no instant. Write it like 2026-03-02T09:00:00Z.") from error
    if at.utcoffset() is None:
        raise CommandError("Say the zone too, like 2026-03-02T09:00:00Z.")
    return at
