"""A PostgreSQL of our own, for as long as a run of the tests lasts; `python -m tests.postgresql [pytest's arguments]` runs them on it.

It lives in a temporary directory, listens on a socket in there and nowhere else, and never
touches the machine's own cluster. A guard ends it and removes the directory as soon as this
process is gone, whatever ended that. What runs on it is decided in tests/conftest.py.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
ROLE = "lychgate"
NOTHING_TO_RUN = 5  # pytest's word for it
# Nothing here outlives the machine, so nothing waits for its disk; what was committed outlives the server all the same.
SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "log_min_messages": "warning",
}
# The guard sleeps until our end of its standard input is closed, which the kernel does for a process that is killed, too.
GUARD = 'trap "" HUP INT TERM; cat; "$1/pg_ctl" --pgdata "$2/data" --mode immediate --silent stop; rm -rf "$2"'


class Cluster:
    """PostgreSQL's files and processes. `with Cluster() as cluster` has it running, and nothing of it afterwards."""

    def __init__(self):
        self.programs = _programs()
        self.directory = Path(tempfile.mkdtemp(prefix="lgt-pg-", dir="/tmp"))  # short: a socket's path has 107 characters at most
        self.user = _unprivileged()
        if self.user:
            shutil.chown(self.directory, self.user)
        argv = ["/bin/sh", "-c", GUARD, "guard", str(self.programs), str(self.directory)]
        self.guard = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **self._as_user()
        )

    @property
    def url(self):
        return self.url_of("postgres")

    def url_of(self, database):
        return f"postgres://{ROLE}@{quote(str(self.directory), safe='')}/{database}"

    def __enter__(self):
        try:
            self._call("initdb", "--username", ROLE, "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
            lines = [f"{name} = {value}\n" for name, value in {**SETTINGS, "unix_socket_directories": f"'{self.directory}'"}.items()]
            with (self.directory / "data/postgresql.conf").open("a") as file:
                file.writelines(lines)
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        """Start it, and wait until it answers."""
        self._call("pg_ctl", "--wait", "--log", str(self.directory / "log"), "start")

    def stop(self):
        """End it as a power cut would."""
        self._call("pg_ctl", "--mode", "immediate", "stop")

    def close(self):
        self.guard.stdin.close()
        self.guard.wait()

    def said(self):
        """Return what the server has written into its log."""
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")

    def _call(self, program, *arguments):
        argv = [str(self.programs / program), "--pgdata", str(self.directory / "data"), *arguments]
        # Into a file, not a pipe: the server would hold the pipe open.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False, **self._as_user())
            said.seek(0)
            if done.returncode:
                raise SystemExit(f"{program} failed:\n{said.read().decode(errors='replace')}")

    def _as_user(self):
        become = {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []} if self.user else {}
        return {**become, "cwd": self.directory}


def _programs():
    """Return where initdb and the others lie: the newest of Debian's directories, or the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = debian[-1] if debian else shutil.which("initdb")
    if not found:
        raise SystemExit("PostgreSQL is not installed here. On Debian: apt-get install postgresql")
    return Path(found).resolve().parent


def _unprivileged():
    """PostgreSQL refuses to run as root: return who runs it then."""
    if os.getuid():
        return None
    return "postgres" if any(entry.pw_name == "postgres" for entry in pwd.getpwall()) else "nobody"


def run(arguments):
    """Run pytest on a cluster of its own, and return its code."""
    with Cluster() as cluster:
        argv = [sys.executable, "-m", "pytest", *arguments]
        return subprocess.run(argv, env={**os.environ, "DATABASE_URL": cluster.url}, cwd=ROOT, check=False).returncode


def main():
    code = run(sys.argv[1:])
    sys.exit(0 if code == NOTHING_TO_RUN else code)


if __name__ == "__main__":
    main()
