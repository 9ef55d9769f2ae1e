"""Where the demo lives: its folder, its ports, and the environment of its processes.

Everything is below one folder, so that `--reset` is the removal of that folder. Secrets
are drawn at the first start and stay there; nothing is shared with a real deployment.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CLIENT_ID = "lychgate"
PEP = "pep-1"


@dataclass(frozen=True, slots=True)
class Home:
    """The demo's folder and ports; `open_home` makes one."""

    folder: Path
    port: int
    provider_port: int
    keys: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.provider_port}"

    @property
    def broker(self) -> str:
        """REDIS_URL where the operator set one, else the embedded broker's unix socket."""
        return os.environ.get("REDIS_URL") or f"redis+socket://{self.folder / 'broker.sock'}"

    def log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def environment(self) -> dict[str, str]:
        """Return the environment of the portal, the worker, beat and every management command of the demo."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("LYCHGATE_")},
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PYTHONUNBUFFERED": "1",
            "DATABASE_URL": f"sqlite:///{self.folder / 'lychgate.sqlite3'}",
            "REDIS_URL": self.broker,
            "LYCHGATE_DEMO": "yes",
            "LYCHGATE_VAR": str(self.folder),
            "LYCHGATE_SECRET_KEY": self.keys["portal"],
            "LYCHGATE_PUBLIC_URL": self.url,
            "LYCHGATE_OIDC_ISSUER": self.issuer,
            "LYCHGATE_OIDC_CLIENT_ID": CLIENT_ID,
            "LYCHGATE_OIDC_CLIENT_SECRET": self.keys["client"],
            "LYCHGATE_OIDC_NAME": "the demo's provider",
            "LYCHGATE_SWEEP_SECONDS": "5",
            "LYCHGATE_PEP_ARGV": json.dumps({PEP: json.loads(self.keys["argv"])} if "argv" in self.keys else {}),
        }


def open_home(folder: Path, port: int, *, reset: bool) -> Home:
    """Make or reopen the folder. Raises OSError where it cannot be written."""
    if reset and folder.exists():
        shutil.rmtree(folder)
    (folder / "log").mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    drawn = folder / "secrets.json"
    if not drawn.exists():
        drawn.touch(mode=0o600)
        drawn.write_text(json.dumps({name: secrets.token_urlsafe(48) for name in ("portal", "client", "provider")}), encoding="utf-8")
    return Home(folder, port, free_port(port + 1), json.loads(drawn.read_text(encoding="utf-8")))


def free_port(wished: int) -> int:
    """Return the wished port of localhost, or any other where that is taken."""
    for candidate in (wished, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return wished
