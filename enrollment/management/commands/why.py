"""Why a device can reach a resource, or cannot: the same words as on the page."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q

from enrollment import audit, clock, facts
from enrollment.models import Device, Resource
from enrollment.moments import in_words
from enrollment.policy import decide


class Command(BaseCommand):
    help = "Say why DEVICE can reach RESOURCE now, or why not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("device", help="its number, name, overlay address or public key")
        parser.add_argument("resource", help="its slug")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: object, **options: Any) -> None:
        now = clock.now()
        resource = Resource.objects.filter(slug=options["resource"]).first()
        if resource is None:
            raise CommandError(f"There is no resource {options['resource']!r}.")
        device = the_device(options["device"])
        decision = decide(facts.facts_of(device, resource, now), now)
        recheck_at = audit.instant(decision.recheck_at) if decision.recheck_at else None
        if options["json"]:
            until = audit.instant(decision.until) if decision else None
            reasons = [] if decision else list(decision.reasons)
            answer = {"device": device.pk, "resource": resource.slug, "allowed": bool(decision), "until": until, "reasons": reasons}
            self.stdout.write(json.dumps({**answer, "recheck_at": recheck_at}))
        elif decision:
            self.stdout.write(f"Yes, until {in_words(decision.until)}.")
        else:
            self.stdout.write("\n".join(["No.", *decision.reasons]))


def the_device(said: str) -> Device:
    """Find the one device that this means; several of one name are listed by number."""
    which = Q(name=said) | Q(public_key=said)
    if said.isascii() and said.isdigit():
        which |= Q(pk=int(said))
    if any(mark in said for mark in ".:"):
        which |= Q(address_v4=said, address_freed_at=None) | Q(address_v6=said, address_freed_at=None)
    found = list(Device.objects.filter(which).select_related("owner").order_by("pk")[:20])
    if not found:
        raise CommandError(f"There is no device {said!r}.")
    if len(found) > 1:
        raise CommandError(
            "Several devices match: "
            + ", ".join(f"{device.pk} ({device.name} of {device.owner})" for device in found)
            + ". Say the number."
        )
    return found[0]
