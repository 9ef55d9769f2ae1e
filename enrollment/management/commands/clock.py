"""What time the portal goes by, and whether its clock is in doubt; `--trust` settles that it is right."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from enrollment import audit, clock, lifecycle
from enrollment.durations import seconds_in_words
from enrollment.moments import in_words


class Command(BaseCommand):
    help = "Say what time the portal goes by. --trust: the clock is right although it was later once; what ended meanwhile stays ended."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--trust", action="store_true", help="believe the clock from now on")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: object, **options: Any) -> None:
        reading = clock.look()
        if options["trust"] and reading.behind:
            self._trust(reading)
            reading = clock.look()
        behind = int(reading.behind.total_seconds())
        if options["json"]:
            answer = {"clock": audit.instant(reading.clock), "now": audit.instant(reading.now), "behind_seconds": behind}
            self.stdout.write(json.dumps({**answer, "in_doubt": reading.doubted_since is not None}))
            return
        self.stdout.write(f"It is {in_words(reading.now)}.")
        if behind:
            self.stdout.write(f"The clock is {seconds_in_words(behind)} behind: it says {in_words(reading.clock)}.")
        if reading.doubted_since:
            self.stdout.write("Nothing new is opened until it is put right, or until --trust says that it is right.")

    def _trust(self, reading: clock.Reading) -> None:
        for end in (lifecycle.expire_due, lifecycle.lapse_due):
            while end(reading.now):
                pass
        clock.trust(reading)
