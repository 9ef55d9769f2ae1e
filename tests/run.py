"""Runs the tests as `make test` does: all of them on SQLite, then on a PostgreSQL of our own what may differ there.

Arguments are pytest's, for both. One of the two may find nothing to run among what they
name; both may not, or a misspelt `-k` would pass.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests import postgresql

GREEN = {0, postgresql.NOTHING_TO_RUN}


def say(sentence):
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def on_sqlite(arguments, failures):
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    argv = [sys.executable, "-m", "pytest", f"--failures-to={failures}", *arguments]
    return subprocess.run(argv, env=environment, cwd=postgresql.ROOT, check=False).returncode


def main(arguments):
    say("On SQLite:")
    with tempfile.NamedTemporaryFile() as failures:
        first = on_sqlite(arguments, failures.name)
        again = Path(failures.name).read_text(encoding="utf-8")
    if first not in {*GREEN, 1}:  # stopped by hand, or wrong arguments: the same would come of it once more
        return first
    say("On PostgreSQL, what may differ there:")
    codes = {first, postgresql.run(arguments)}
    if again:  # far above by now, and some logs keep only their ends
        say(f"Failed on SQLite:\n{again}")
    return max(codes - GREEN, default=min(codes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
