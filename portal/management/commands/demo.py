"""Everything on one machine, nothing to configure: `manage.py demo`.

Starts the portal, its worker, its broker, a provider with five people, and, as root on
Linux, a lab with a real WireGuard gateway. `--headless` plays the whole story alone.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

if TYPE_CHECKING:
    from portal.demo.stage import Stage


class Command(BaseCommand):
    """Runs the demo until Ctrl-C, or plays its story and exits."""

    help = "Run the whole product on this machine, with a provider, a gateway and people to try it."
    requires_system_checks = ()  # the parts check themselves, under their own settings

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="the portal's port on localhost (default 8000)")
        parser.add_argument(
            "--headless", action="store_true", help="play the story alone, print one JSON line a step, exit 0 only if each step held"
        )
        parser.add_argument("--reset", action="store_true", help="begin with an empty database")
        parser.add_argument("--lab", default="lg", help="what the names of the lab's namespaces begin with (default: lg, as in lg-laptop)")
        parser.add_argument("--folder", default="", help="where to keep everything (default: var/demo in the project)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Prepare the folder, start the stage, and wait or play."""
        os.environ["LYCHGATE_DEMO"] = "yes"
        from portal.demo.home import ROOT, free_port, open_home  # noqa: PLC0415 - never imported outside the demo
        from portal.demo.netns import LabError, why_not  # noqa: PLC0415
        from portal.demo.processes import PartFailedError  # noqa: PLC0415
        from portal.demo.stage import Stage  # noqa: PLC0415

        headless = options["headless"]
        folder = Path(options["folder"] or ROOT / "var" / "demo").absolute()
        home = open_home(folder, free_port(options["port"]), reset=options["reset"] or headless)
        stage = Stage(home, self.tell_json if headless else self.tell, lab_prefix=options["lab"])
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            if headless and why_not():
                raise CommandError(f"The story needs a gateway with a kernel: {why_not()}.")
            stage.open()
            if headless:
                self.play(stage)
            else:
                self.welcome(stage, why_not())
        except (PartFailedError, LabError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("\nEnding what was started.")
        finally:
            stage.close()

    def play(self, stage: Stage) -> None:
        """Play the story; the exit code says whether each step held."""
        from portal.demo.story import play  # noqa: PLC0415

        held = play(stage, self.tell_step)
        if not held:
            raise CommandError("The story broke: the last line says where. The logs are in " + str(stage.home.folder / "log"))

    def welcome(self, stage: Stage, no_lab: str) -> None:
        """Say where to go and who to be, and wait for Ctrl-C."""
        self.stdout.write("\n".join(guide(stage, no_lab)))
        self.stdout.flush()
        while True:
            time.sleep(3600)

    def tell(self, what: str, seconds: float) -> None:
        """Say a step as a person reads it."""
        self.stdout.write(f"{seconds:6.2f} s  {what}")
        self.stdout.flush()

    def tell_json(self, what: str, seconds: float) -> None:
        """Say a step of the start as the story does."""
        self.tell_step({"step": f"start {what}", "ok": True, "ms": round(seconds * 1000)})

    def tell_step(self, line: dict[str, Any]) -> None:
        """Print one JSON line."""
        self.stdout.write(json.dumps(line))
        self.stdout.flush()


def guide(stage: Stage, no_lab: str) -> list[str]:
    """Return what to do next, in words that can be pasted into a shell as they are."""
    lab = stage.lab_prefix
    lines = [
        "",
        f"Open {stage.home.url} and sign in as one of:",
        "  alice (employee), bob (approver), carol (auditor), dave (admin), erin (another employee)",
        "The provider shows a button for each; it is a demo and asks for no password.",
        "",
    ]
    if no_lab:
        lines += [
            f"There is no gateway here ({no_lab}): the agent records what it would do,",
            "and the portal never says that access is in force.",
            "",
        ]
    else:
        lines += [
            f"The lab: {lab}-laptop and {lab}-phone reach the gateway {lab}-pep, and behind it the host {lab}-lan.",
            "Enrol a device named Laptop, save its file laptop.conf, get access to the file share,",
            "then, where the file is, in another shell of root:",
            f"  ip netns exec {lab}-laptop wg-quick up ./laptop.conf",
            f"  ip netns exec {lab}-laptop curl http://10.89.65.2:445/welcome.txt",
            "",
        ]
    kept = "Ctrl-C ends everything; people, devices and grants are kept for the next start, unless that is with --reset."
    return [*lines, f"Logs, and in worker.log the mail that people would get: {stage.home.folder / 'log'}", kept, ""]
