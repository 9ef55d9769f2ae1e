"""Runs the tests as `make test` does: all of them on SQLite, then on a PostgreSQL of our own what may differ there.

Arguments are pytest's, for both. One of the two may find nothing to run among what they
name; both may not, or a misspelt `-k` would pass.
"""

import os
import subprocess
import sys

from tests import postgresql

GREEN = {0, postgresql.NOTHING_TO_RUN}


def say(sentence):
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def on_sqlite(arguments):
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], env=environment, cwd=postgresql.ROOT, check=False).returncode


def main(arguments):
    say("On SQLite:")
    first = on_sqlite(arguments)
    if first not in {*GREEN, 1}:  # stopped by hand, or wrong arguments: the same would come of it once more
        return first
    say("On PostgreSQL, what may differ there:")
    codes = {first, postgresql.run(arguments)}
    return max(codes - GREEN, default=min(codes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
