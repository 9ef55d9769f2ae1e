"""Makes the demo's database, and plants its gateway, resources and policy: called by `manage.py demo`, inside its own settings."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from enrollment import clock


class Command(BaseCommand):
    """Refuses outside the demo."""

    help = "Plant the demo's estate (only inside the demo)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("public_key", help="the gateway's WireGuard key; empty where there is no gateway")

    def handle(self, *_: Any, **options: Any) -> None:
        """Migrate and plant, or bring up to date."""
        if not settings.DEMO:
            message = "This plants a demo into the database: it runs inside `manage.py demo` only."
            raise CommandError(message)
        from portal.demo.estate import plant  # noqa: PLC0415 - never imported outside the demo

        call_command("migrate", verbosity=0)
        plant(options["public_key"] or NOBODY, clock.now())


NOBODY = "bG9jYWwgcmVjb3JkaW5nIGFnZW50LCBubyBnYXRld2E="  # a key that nobody holds: there is no gateway to reach
