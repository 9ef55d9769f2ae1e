"""The demo's identity provider for tests: a real process on a free port of loopback, ended by its pid.

with running_provider(tmp_path, portal="http://localhost:8000") as provider:
    ...start a portal with provider.environment, or settings from provider.settings...
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SECRET = "a secret of this test"
PEOPLE = ("alice", "bob", "carol", "dave", "erin")


@dataclass(frozen=True)
class RunningProvider:
    issuer: str
    client_id: str
    client_secret: str
    home: Path

    @property
    def settings(self) -> dict[str, object]:
        """What a portal in this process needs: settings.X = value."""
        return {
            "DEMO": True,
            "OIDC_ISSUER": self.issuer,
            "OIDC_CLIENT_ID": self.client_id,
            "OIDC_CLIENT_SECRET": self.client_secret,
            "OIDC_NAME": "the demo's provider",
        }

    @property
    def environment(self) -> dict[str, str]:
        """What a portal in a process of its own needs, besides LYCHGATE_PUBLIC_URL and a database."""
        return {
            "LYCHGATE_DEMO": "yes",
            "LYCHGATE_OIDC_ISSUER": self.issuer,
            "LYCHGATE_OIDC_CLIENT_ID": self.client_id,
            "LYCHGATE_OIDC_CLIENT_SECRET": self.client_secret,
        }

    @staticmethod
    def subject(username: str) -> str:
        return f"demo-{username}"


@contextmanager
def running_provider(home: Path, *, portal: str, client_secret: str = SECRET) -> Iterator[RunningProvider]:
    argv = [sys.executable, "-m", "portal.demo.provider", "--port", "0", "--portal", portal, "--home", str(home)]
    with running(argv, home, client_secret) as said:
        yield RunningProvider(said["issuer"], said["client_id"], client_secret, home)


@contextmanager
def running(argv: list[str], home: Path, client_secret: str) -> Iterator[dict[str, str]]:
    """Run a provider until the `with` ends; yield the JSON line that it prints once it answers."""
    env = {**os.environ, "LYCHGATE_OIDC_CLIENT_SECRET": client_secret}
    with (home / "provider.log").open("w") as log:
        process = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        line = process.stdout.readline()
        if not line:
            words = (home / "provider.log").read_text()
            raise RuntimeError(f"The provider did not start:\n{words}")
        yield json.loads(line)
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()
