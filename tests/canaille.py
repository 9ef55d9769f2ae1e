"""An identity provider that is not ours and asks for passwords, for tests: Canaille, a process on loopback, ended by its pid.

with running_canaille(tmp_path, portal="http://localhost:8000", factors=("password", "otp")) as provider:
    ...as with tests/provider.py; everybody's password is provider.password, their code of this half minute provider.code()...

It says auth_time, and in amr what was really shown: "pwd", and "otp" and "mfa" where it asks for a code too. It signs with RS256.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from portal.demo import cast
from tests.provider import ROOT, SECRET, RunningProvider, running

FOLDER = ROOT / "tests/providers/canaille"
PYTHON = FOLDER / ".venv/bin/python"


class Canaille(RunningProvider):
    password = "correct horse battery staple"

    @property
    def settings(self) -> dict[str, object]:
        return {**super().settings, "OIDC_SCOPES": ["profile", "email", "groups"]}

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "LYCHGATE_OIDC_SCOPES": "profile,email,groups"}

    @staticmethod
    def subject(username: str) -> str:
        return username

    @staticmethod
    def code() -> str:
        return TOTP(b"a secret of twenty b", 6, SHA1(), 30).generate(time.time()).decode()  # noqa: S303 - what these codes are made with


@contextmanager
def running_canaille(
    home: Path, *, portal: str, client_secret: str = SECRET, factors: tuple[str, ...] = ("password",)
) -> Iterator[Canaille]:
    if not PYTHON.exists():
        raise RuntimeError("Its Python packages are not here: run deploy/bare/prepare.sh test")
    people = json.dumps([[person.username, person.name, person.groups] for person in cast.PEOPLE])
    with running([str(PYTHON), str(FOLDER / "server.py"), portal, people, *factors], home, client_secret) as said:
        yield Canaille(said["issuer"], said["client_id"], client_secret, home)
