"""The demo where there can be no gateway: it starts for anybody, says what it cannot do, and never says "in force"."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from portal.demo.home import ROOT, Home

NOBODY = 65534
START_SECONDS = 120
# An ordinary user, but for being allowed to read this tree wherever it lies.
AS_NOBODY = (
    ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    + [f"--{which}=-all,+dac_read_search" for which in ("inh-caps", "ambient-caps", "bounding-set")]
    if os.geteuid() == 0
    else []
)
# A shell that runs us in the background has us and ours ignore Ctrl-C, as POSIX says; a person's demo does not.
HEARS_CTRL_C = ["env", "--default-signal=INT"]
APPROVE_AND_REVOKE = """
import json, time
from django.utils import timezone
from enforcement.models import Enforcement, PepStatus
from enrollment import lifecycle
from enrollment.models import Resource, User

now = timezone.now()
alice, bob = (User.objects.get(subject=f"demo-{name}") for name in ("alice", "bob"))
key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
laptop = lifecycle.enrol_device(alice, name="laptop", kind="laptop", public_key=key, key_origin="pasted", now=now)
wiki = Resource.objects.get(slug="wiki")
request = lifecycle.request_access(alice, resource=wiki, devices=[laptop], seconds=600, reason="to see", now=now)
grant = lifecycle.approve(request, reviewer=bob, now=now)
of_grant, said = Enforcement.objects.filter(grant=grant), {}
for step, rows in (("approved", of_grant.exclude(error="")), ("revoked", of_grant.exclude(error="").exclude(state="wanted"))):
    if step == "revoked":
        lifecycle.revoke(grant, actor=bob, reason="to see", now=timezone.now())
    for _ in range(300):
        if row := rows.first():
            break
        time.sleep(0.1)
    said[step] = row and (row.state, row.in_force_at, row.gone_at, row.error)
said["agreed"] = [status.agreed_at for status in PepStatus.objects.all()]
print(json.dumps(said, default=str))
"""

pytestmark = pytest.mark.skipif(bool(AS_NOBODY) and not shutil.which("setpriv"), reason="root, and no setpriv to become somebody else")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A demo that somebody without root started: the process, what it printed, its home."""
    folder = tmp_path_factory.mktemp("recording")
    if AS_NOBODY:
        os.chown(folder, NOBODY, NOBODY)
    argv = [*HEARS_CTRL_C, *AS_NOBODY, sys.executable, "-u", "manage.py", "demo", "--port", "0", "--folder", str(folder / "demo")]
    process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield process, said_until(process, "Ctrl-C ends everything"), home_of(folder / "demo")
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def said_until(process, words):
    said, until = "", time.monotonic() + START_SECONDS
    while words not in said and time.monotonic() < until and (line := process.stdout.readline()):
        said += line
    return said


def home_of(folder):
    agent = [sys.executable, "-I", str(folder / "agent.pyz"), "--config", str(folder / "agent.json"), "--record"]
    return Home(folder, 0, 0, json.loads((folder / "secrets.json").read_text()) | {"argv": json.dumps(agent)})


def manage(home, code):
    argv = [*AS_NOBODY, sys.executable, "manage.py", "shell", "--no-imports", "-v0", "-c", code]
    return subprocess.run(argv, cwd=ROOT, env=home.environment(), capture_output=True, text=True, timeout=60, check=True).stdout


def test_it_starts_and_says_that_there_is_no_gateway(demo):
    _process, said, _home = demo
    assert re.search(r"Open http://localhost:\d+ and sign in", said), said
    assert "There is no gateway here" in said
    assert "never says that access is in force" in said


def test_neither_a_grant_nor_its_end_is_ever_confirmed(demo):
    _process, _said, home = demo
    words = "This PEP only notes what it is told: nothing is enforced on it."
    told = {"approved": ["wanted", None, None, words], "revoked": ["ending", None, None, words], "agreed": [None]}
    assert json.loads(manage(home, APPROVE_AND_REVOKE)) == told


def test_ctrl_c_ends_every_part(demo):
    process, _said, home = demo
    parts = subprocess.run(["pgrep", "-f", str(home.folder)], capture_output=True, text=True, check=True).stdout.split()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    assert len(parts) >= 5
    assert subprocess.run(["pgrep", "-f", str(home.folder)], capture_output=True, text=True, check=False).stdout.split() == []
