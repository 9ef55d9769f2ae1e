"""Somebody has the workers' SSH key, and a client of their own choice. What they can do with it on a PEP, and what not."""

import json
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.enforcement.pep.agents import ALICE, Agent, placement, state
from tests.far import PEP

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

ANYBODY = ("-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes")
PATIENCE = 60
ENOUGH = 10  # for a copy of one small file
HELLO = '{"verb":"hello","version":1,"pep":"pep-1"}\n'


class Thief:
    """Runs OpenSSH's clients from where the portal is, with the stolen key and any option."""

    def __init__(self, far, key):
        self.far, self.options = far, ("-i", str(key), *ANYBODY)

    def ssh(self, *arguments, to="lychgate", text=HELLO):
        return self.run("ssh", *self.options, *arguments, f"{to}@{PEP}", text=text)

    def command(self, *words, text=HELLO):
        return self.run("ssh", *self.options, f"lychgate@{PEP}", *words, text=text)

    def run(self, *argv, text=""):
        return subprocess.run(argv, input=text, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def succeed(self, *attempts):
        """Return those that end well, all tried at once; what waits for an answer that the agent does not give has not."""
        quiet = subprocess.DEVNULL
        processes = {argv: subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=quiet) for argv in attempts}
        until = time.monotonic() + ENOUGH
        while time.monotonic() < until and any(process.poll() is None for process in processes.values()):
            time.sleep(0.1)
        well = [argv for argv, process in processes.items() if process.poll() == 0]
        for process in processes.values():
            process.kill()
            process.wait()
        return well

    def hold(self, *arguments):
        """Stay connected, with these options; return once the agent has answered there."""
        argv, pipe = ["ssh", *self.options, *arguments, f"lychgate@{PEP}"], subprocess.PIPE
        process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        process.stdin.write(HELLO)
        process.stdin.flush()
        assert is_hello(process.stdout.readline())
        return process


@pytest.fixture
def thief(near, far, worker):
    return Thief(far, worker)


@pytest.fixture
def held(thief):
    """Hold connections open, and end them afterwards."""
    processes = []

    def hold(*arguments):
        processes.append(thief.hold(*arguments))
        return processes[-1]

    yield hold
    for process in processes:
        process.kill()
        process.communicate()


def is_hello(line):
    answer = json.loads(line)
    return (answer["kind"], answer["pep"]) == ("hello", "pep-1")


def is_only_the_agent(done):
    """The agent answered our greeting, and nothing else said a word."""
    lines = done.stdout.splitlines()
    return len(lines) == 1 and is_hello(lines[0])


def environments(far):
    """Return the environment of what runs there for the account: the session, its shell and the agent."""
    pids = [pid for pid, command in far.running().items() if "lychgate" in command]
    return "\n".join(Path(f"/proc/{pid}/environ").read_text() for pid in pids).replace("\0", "\n")


COMMANDS = [("id",), ("sh", "-c", "id"), ("--", "id"), ("apply;", "id"), ("$(id)",), ("sudo", "id"), ("python3 -c 'import os'",)]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_command_of_ones_own_is_not_run(thief, words):
    assert is_only_the_agent(thief.command(*words))


def test_there_is_no_shell(thief):
    done = thief.ssh(text="id\nexit\n")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer["kind"] for answer in answers] == ["error", "error"]


def test_there_is_no_terminal(thief):
    done = thief.ssh("-tt")
    assert ("PTY allocation request failed" in done.stderr, done.stdout) == (True, "")


@pytest.mark.parametrize("way", ["-W", "-L", "-D"])
def test_nothing_goes_through_the_pep_from_here(thief, held, way):
    """R19: with a key that only has a command, all of these lead into the network behind the PEP."""
    if way == "-W":
        done = thief.ssh("-W", f"{PEP}:22")
        assert (done.returncode != 0, "SSH-2.0" in done.stdout) == (True, False)
        assert "administratively prohibited" in done.stderr or "forwarding" in done.stderr
        return
    held(way, "127.0.0.1:9922" if way == "-D" else f"127.0.0.1:9922:{PEP}:22")
    with socket.create_connection(("127.0.0.1", 9922), timeout=PATIENCE) as through:
        if way == "-D":
            through.sendall(b"\x05\x01\x00" + b"\x05\x01\x00\x01" + socket.inet_aton(PEP) + (22).to_bytes(2, "big"))
        through.settimeout(PATIENCE)
        heard = b"".join(iter(lambda: through.recv(4096), b""))
    assert b"SSH-2.0" not in heard


@pytest.mark.parametrize("where", ["9933:127.0.0.1:22", "127.0.0.1:9933:127.0.0.1:22", "/run/thief.sock:/run/other.sock"])
def test_nothing_comes_back_through_it_either(thief, where):
    done = thief.ssh("-o", "ExitOnForwardFailure=yes", "-R", where)
    assert (done.returncode, "remote port forwarding failed" in done.stderr) == (255, True)


def test_there_is_no_tunnel_device(thief, far):
    before = far.sh("ip -o link")
    done = thief.ssh("-o", "ExitOnForwardFailure=yes", "-w", "any:any")
    assert done.returncode == 255
    assert far.sh("ip -o link") == before


def test_no_agent_no_display_and_no_environment_come_along(thief, held, far, monkeypatch, tmp_path):
    path = tmp_path / "agent.sock"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        monkeypatch.setenv("DISPLAY", "127.0.0.1:7")
        held("-A", "-Y", "-o", "SetEnv=LD_PRELOAD=/tmp/evil.so PYTHONPATH=/tmp/evil")
        seen = environments(far)
    finally:
        agent.terminate()
        agent.wait()
    assert "PATH=" in seen
    assert [name for name in ("SSH_AUTH_SOCK", "DISPLAY", "LD_PRELOAD", "PYTHONPATH") if f"{name}=" in seen] == []


def test_no_file_comes_or_goes(thief, far, tmp_path):
    (tmp_path / "evil").write_text("evil")
    there = f"lychgate@{PEP}:"
    attempts = [
        ("sftp", *thief.options, "-b", str(tmp_path / "batch"), there),
        ("scp", *thief.options, str(tmp_path / "evil"), f"{there}/var/tmp/evil-was-here"),
        ("scp", "-O", *thief.options, str(tmp_path / "evil"), f"{there}/var/tmp/evil-was-here"),
        ("scp", "-O", *thief.options, f"{there}/etc/passwd", str(tmp_path / "stolen")),
    ]
    (tmp_path / "batch").write_text(f"get /etc/passwd {tmp_path}/stolen\n")
    assert thief.succeed(*attempts) == []
    assert not (tmp_path / "stolen").exists()
    assert not far.path("/var/tmp/evil-was-here").exists()  # anybody may write there, and unlike /tmp it is the PEP's own


def test_the_key_opens_no_other_account(thief):
    for account in ("root", "nobody", "sshd"):
        done = thief.ssh(to=account)
        assert (done.returncode, "Permission denied" in done.stderr) == (255, True)


def test_without_the_key_nobody_gets_in_by_a_password_or_another_key(near, far, thief, tmp_path):
    done = thief.run("ssh", *ANYBODY, "-o", "PreferredAuthentications=password,keyboard-interactive", f"lychgate@{PEP}")
    assert "Permission denied (publickey)" in done.stderr


@pytest.mark.parametrize(
    "words",
    ["id", "-s", "/usr/bin/python3 -I /usr/local/lib/lychgate/agent.pyz --config /tmp/mine", "/usr/bin/python3 -c pass", "-u nobody id"],
)
def test_the_account_may_do_one_thing_by_sudo(near, far, words):
    argv = far.argv("pep", ["runuser", "-u", "lychgate", "--", "sudo", "-n", *words.split()])
    done = subprocess.run(argv, capture_output=True, text=True, input=HELLO, check=False)
    assert (done.returncode, done.stdout) == (1, "")


class Stolen(Agent):
    """The agent at the end of the thief's connection: it takes any document that the protocol knows."""

    def __init__(self, thief, machine):
        self.machine, self.process, self.generation, self.nonce, self.answered = machine, None, 0, "", 0.0
        self._thief = thief

    def start(self):
        argv = ["ssh", *self._thief.options, f"lychgate@{PEP}"]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return self.process


class TestBeyondTheCaps:
    """All that the portal could ask, asked by somebody else: it ends at the file that root wrote on the PEP."""

    @pytest.fixture
    def stolen(self, thief, far):
        agent = Stolen(thief, far)
        yield agent
        agent.close()

    @pytest.mark.parametrize(
        ("changes", "why"),
        [
            ({"target_v4": "192.168.89.11"}, "which this PEP's owner does not allow"),
            ({"target_v4": "169.254.169.254"}, "which this PEP's owner forbids"),
            ({"target_v4": "127.0.0.1"}, "which this PEP's owner forbids"),
            ({"target_v4": "10.89.0.3"}, "which this PEP's owner forbids"),
            ({"ports": [["tcp", 22, 22]]}, "which this PEP's owner does not allow"),
            ({"ports": [["tcp", 1, 65535]]}, "which this PEP's owner does not allow"),
            ({"overlay_v4": "10.89.0.9"}, "outside this PEP's resource prefixes"),
        ],
    )
    def test_no_resource_leads_where_the_file_does_not_let_it(self, stolen, far, changes, why):
        alone = {"overlay_v6": None, "target_v6": None}
        receipt = stolen.apply(state({(ALICE[0],): ["fileshare"]}, placements=[placement(**alone | changes)]))
        assert why in " ".join(receipt["why"])
        assert far.admitted() == set()

    def test_no_access_lasts_longer_than_the_file_lets_it(self, stolen, far):
        alone = placement(overlay_v6=None, target_v6=None)
        stolen.apply(state({(ALICE[0],): ["fileshare"]}, placements=[alone], seconds=30 * 86400))
        assert max(far.elements().values()) <= 86400

    def test_no_address_that_is_not_a_devices_becomes_a_peer(self, stolen, far):
        alone = placement(overlay_v6=None, target_v6=None)
        receipt = stolen.apply(state({("192.168.89.10",): ["fileshare"]}, placements=[alone]))
        assert "not one for devices here" in " ".join(receipt["why"])
        assert far.peers() == {}

    def test_what_was_opened_stands_in_the_journal_that_no_document_reaches(self, stolen, far):
        stolen.apply(state({(ALICE[0],): ["fileshare"]}, placements=[placement(overlay_v6=None, target_v6=None)]))
        journal = far.path("/var/lib/lychgate/journal.jsonl").read_text()
        assert f'"change":"admit","resource":"fileshare","address":"{ALICE[0]}"' in journal

    def test_the_portal_takes_away_at_its_next_pass_what_it_never_granted(self, near, stolen, far):
        near.reconcile()
        stolen.apply(state({(ALICE[0],): ["fileshare"]}, placements=[placement(overlay_v6=None, target_v6=None)]))
        assert far.admitted() == {ALICE[0]}
        until = time.monotonic() + PATIENCE
        while near.reconcile() and far.admitted() and time.monotonic() < until:
            pass
        assert (far.admitted(), far.peers()) == (set(), {})
