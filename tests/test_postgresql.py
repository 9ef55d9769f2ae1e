"""The PostgreSQL that the tests run on is theirs alone, and nothing of it is left behind."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.postgresql import ROLE, ROOT, Cluster
from tests.processes import is_alive

HOLD_ONE = """
import sys
from tests.postgresql import Cluster
with Cluster() as cluster:
    print(cluster.directory, flush=True)
    sys.stdin.read()
    if "fail" in sys.argv:
        raise RuntimeError("as a test run that breaks")
"""


@contextlib.contextmanager
def somebody_holds_one(*arguments):
    """Start a process that has a cluster; yield it, the cluster's directory, and the server's process id."""
    argv = [sys.executable, "-c", HOLD_ONE, *arguments]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        directory = Path(process.stdout.readline().strip())
        yield process, directory, int((directory / "data/postmaster.pid").read_text().splitlines()[0])


def wait_until_gone(directory, server, seconds=30):
    until = time.monotonic() + seconds
    while directory.exists() or is_alive(server):
        assert time.monotonic() < until, [*directory.rglob("*")][:5]
        time.sleep(0.05)


@pytest.mark.parametrize("way", ["killed", "failed"])
def test_nothing_is_left_of_a_cluster_whose_run_was(way):
    with somebody_holds_one("fail") as (process, directory, server):
        assert is_alive(server)
        if way == "killed":
            os.kill(process.pid, signal.SIGKILL)
        else:
            process.stdin.close()
    wait_until_gone(directory, server)


def test_a_cluster_listens_on_no_port_and_survives_a_power_cut():
    with Cluster() as cluster:
        with psycopg.connect(host=str(cluster.directory), user=ROLE, dbname="postgres", autocommit=True) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        cluster.stop()
        cluster.start()
        with psycopg.connect(host=str(cluster.directory), user=ROLE, dbname="postgres") as connection:
            assert connection.execute("SELECT number FROM kept").fetchone() == (1,)
