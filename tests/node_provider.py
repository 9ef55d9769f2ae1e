"""An identity provider that is not ours, for tests: panva's oidc-provider, a real process of Node on loopback, ended by its pid.

with running_node_provider(tmp_path, portal="http://localhost:8000") as provider:
    ...as with tests/provider.py, and behind the scenes:
    provider.change("alice", groups=["employees"], email=None)
    provider.sign_out("alice")

It says sid, acr, amr and auth_time, holds to max_age and prompt, ends sessions by back-channel logout, and gives refresh
tokens to whoever asks for offline_access with prompt=consent (tests/providers/node/server.mjs). Its version is the newest
that runs on Debian 12's own Node, 18; from 9 on it asks for what Node 18 lacks.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.provider import ROOT, SECRET, RunningProvider, running

SCRIPT = ROOT / "tests/providers/node/server.mjs"
LOGOUT_TOKENS = "/accounts/oidc/logout/"


class NodeProvider(RunningProvider):
    """A running one, with a hand behind the scenes."""

    def change(self, username: str, **claims: object) -> None:
        """Say something else about somebody from now on; None leaves a claim out."""
        self._behind("change", username, claims=claims)

    def remove(self, username: str) -> None:
        """Somebody has left: no sign-in, and no use of a refresh token."""
        self._behind("remove", username)

    def reset(self) -> None:
        """Everybody is as in the demo again."""
        self._behind("reset")

    def revoke(self, username: str) -> int:
        """Revoke somebody's refresh tokens; return how many there were."""
        return self._behind("revoke", username)

    def sign_out(self, username: str) -> list[dict[str, str | None]]:
        """End somebody's sessions there and tell the portal: a {"sid", "error"} for each, error None where it took that."""
        return self._behind("sign_out", username)

    def _behind(self, what: str, username: str = "", **rest: object) -> Any:
        answer = requests.post(f"{self.issuer}/backstage", json={"do": what, "username": username, **rest}, timeout=10)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def running_node_provider(
    home: Path, *, portal: str, client_secret: str = SECRET, logout_tokens: str | None = None
) -> Iterator[NodeProvider]:
    """Run it until the `with` ends. `logout_tokens` is where it sends logout tokens, if not to the portal."""
    if not (SCRIPT.parent / "node_modules").is_dir():
        raise RuntimeError("Its Node packages are not here: run deploy/bare/prepare.sh test")
    with running(["node", str(SCRIPT), portal, logout_tokens or f"{portal}{LOGOUT_TOKENS}"], home, client_secret) as said:
        yield NodeProvider(said["issuer"], said["client_id"], client_secret, home)
