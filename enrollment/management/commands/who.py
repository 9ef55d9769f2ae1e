"""Who can reach a resource, or could at a time, as authorised and as enforced: told from the audit log."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from enrollment import audit, clock, facts, moments
from enrollment.enforced import Holding
from enrollment.facts import Reach
from enrollment.models import Resource, User
from enrollment.moments import in_words


class Command(BaseCommand):
    help = "Say who can reach RESOURCE now, or could at a time, by the audit log: as authorised, and as the PEPs enforced it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("resource", nargs="?", help="its slug")
        parser.add_argument("--user", help="what this person can reach: number, name or e-mail address; with RESOURCE, that alone")
        parser.add_argument("--at", help="an instant with its zone, like 2026-03-02T09:00:00Z; now without")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: object, **options: Any) -> None:
        now = clock.now()
        at = moment(options["at"], now) if options["at"] else now
        if not options["resource"] and not options["user"]:
            raise CommandError("Name a resource, or somebody with --user.")
        resource = the_resource(options["resource"]) if options["resource"] else None
        user = the_user(options["user"]) if options["user"] else None
        reaches = facts.reaches_at(at, resource=resource, user=user)
        if options["json"]:
            about = {"resource": resource and resource.slug, "user": user and user.pk, "at": audit.instant(at)}
            self.stdout.write(json.dumps({**about, "reach": [_plain(reach) for reach in reaches]}))
            return
        for reach in reaches:
            self.stdout.write(in_a_line(reach, names_resource=resource is None))
        if not reaches:
            self.stdout.write(f"{'Nothing' if resource is None else 'Nobody'}, on {in_words(at)}.")


def in_a_line(reach: Reach, *, names_resource: bool = False) -> str:
    """Say it for people: whether it was allowed, and what the PEPs held."""
    to = f" to {reach.resource}" if names_resource else ""
    allowed = f"authorised until {in_words(reach.until)}" if reach.until else "not authorised"
    loud = ", in an emergency: nobody approved it" if reach.break_glass else ""
    return f"{reach.user} with {reach.device}{to}: {allowed}{loud}; {'; '.join(sentences(reach)) or 'in force nowhere'}"


def sentences(reach: Reach) -> Iterator[str]:
    for each in reach.held:
        gone = f", gone on {in_words(each.gone_at)}" if each.gone_at else "" if reach.until else ", not confirmed gone"
        unsure = f", unsure since {in_words(each.unsure_since)}, when the PEP failed" if each.unsure_since else ""
        yield f"in force on {each.pep} since {in_words(each.since)}{unsure}{gone}"


def the_resource(slug: str) -> Resource:
    resource = Resource.objects.filter(slug=slug).first()
    if resource is None:
        raise CommandError(f"There is no resource {slug!r}.")
    return resource


def the_user(said: str) -> User:
    """Find the one person that this means; several of one name are listed by number."""
    found = facts.people_called(said)
    if not found:
        raise CommandError(f"There is nobody called {said!r}.")
    if len(found) > 1:
        raise CommandError(
            "Several people match: " + ", ".join(f"{user.pk} ({user}, {user.email})" for user in found) + ". Say the number."
        )
    return found[0]


def moment(text: str, now: datetime) -> datetime:
    try:
        at = moments.read(text)
        moments.insist_on_known(at, begins=facts.log_begins(), now=now)
    except moments.BadMomentError as bad:
        raise CommandError(str(bad)) from bad
    return at


def _plain(reach: Reach) -> dict[str, object]:
    names = ("user_id", "user", "device_id", "device", "resource_id", "resource")
    return {
        **{name: getattr(reach, name) for name in names},
        "grants": list(reach.grants),
        "break_glass": list(reach.break_glass),
        "authorised": reach.until is not None,
        "until": _instant(reach.until),
        "enforced": [_held(each) for each in reach.held],
    }


def _held(each: Holding) -> dict[str, object]:
    return {
        "pep": each.pep,
        "since": audit.instant(each.since),
        "unsure_since": _instant(each.unsure_since),
        "gone_at": _instant(each.gone_at),
    }


def _instant(moment: datetime | None) -> str | None:
    return audit.instant(moment) if moment else None
