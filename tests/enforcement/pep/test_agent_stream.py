"""What the agent makes of lines nobody should send, and when its stream ends."""

import json
import os
import subprocess

import pytest

from enforcement.pep import agent as pep_agent
from enforcement.zipapp import build
from tests.enforcement.pep.agents import ALICE, EMPTY, FILESHARE, check_in_force, state

pytestmark = pytest.mark.lab

HELLO = {"verb": "hello", "version": 1, "pep": "pep-1"}
APPLY = HELLO | {"verb": "apply", "generation": 1, "nonce": "", "sent_at": 1.0, "lease": 0, "scope": None, "state": EMPTY}
SEAL = "ab" * 32
WRONG = {
    "not JSON": (b"lorem ipsum", "not JSON"),
    "not UTF-8": (b"\xff\xfe{}", "not JSON"),
    "nested too deeply": (b"[" * 100_000, "not JSON"),
    "empty": (b"", "not JSON"),
    "a list": (b"[]", "JSON object"),
    "no verb": ({}, "hello, apply, read, witnesses or lock"),
    "an unknown verb": (HELLO | {"verb": "shell"}, "the verb is hello"),
    "a verb that is no text": (HELLO | {"verb": ["hello"]}, "the verb is hello"),
    "one field too many": (HELLO | {"run": "id"}, "exactly the fields pep, verb, version"),
    "another PEP": (HELLO | {"pep": "pep-2"}, "this is the PEP pep-1"),
    "another version": (HELLO | {"version": 2}, "version 1"),
    "a version that is true": (HELLO | {"version": True}, "version 1"),
    "generation 0": (APPLY | {"generation": 0}, "the generation is a whole number"),
    "generation as text": (APPLY | {"generation": "1"}, "the generation is a whole number"),
    "a generation without end": (APPLY | {"generation": 2**63}, "the generation is a whole number"),
    "a nonce that is none": (APPLY | {"nonce": "'; id"}, "32 hexadecimal digits"),
    "a time that is none": (APPLY | {"sent_at": "now"}, "sent_at"),
    "a lease below 0": (APPLY | {"lease": -1}, "the lease is a whole number"),
    "a scope that is text": (APPLY | {"scope": "all"}, "a scope is null"),
    "a scope with a name": (APPLY | {"scope": {"devices": ["localhost"], "resources": []}}, "not an IP address"),
    "a scope with a set": (APPLY | {"scope": {"devices": [], "resources": ["a b"]}}, "slug"),
    "a state that is none": (APPLY | {"state": None}, "state has exactly the fields"),
    "a host name": (APPLY | {"state": EMPTY | {"peers": [["a" * 44, ["localhost"]]]}}, "not an IP address"),
    "a witness that is text": (APPLY | {"witness": "25"}, "a witness is null"),
    "a witness that is half one": (APPLY | {"witness": [25]}, "a witness is null"),
    "a witness of no event": (APPLY | {"witness": [-1, SEAL]}, "the number of a witness"),
    "a witness whose number is text": (APPLY | {"witness": ["25", SEAL]}, "the number of a witness"),
    "a seal that is short": (APPLY | {"witness": [25, SEAL[1:]]}, "64 hexadecimal digits"),
    "a seal with a line end": (APPLY | {"witness": [25, SEAL + "\n"]}, "64 hexadecimal digits"),
    "a seal in capitals": (APPLY | {"witness": [25, SEAL.upper()]}, "64 hexadecimal digits"),
    "a witness for hello": (HELLO | {"witness": None}, "exactly the fields pep, verb, version"),
    "not a number": (json.dumps(APPLY).replace("1.0", "NaN").encode(), "sent_at"),
    "more than a number can be": (json.dumps(APPLY).replace("1.0", "9" * 400).encode(), "sent_at is the portal's time"),
}


@pytest.mark.parametrize(("line", "why"), WRONG.values(), ids=WRONG)
def test_a_wrong_line_gets_a_sentence_and_the_stream_goes_on(shared_agent, line, why):
    answer = shared_agent.send((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
    assert answer["kind"] == "error"
    assert why in answer["why"][0]
    assert shared_agent.hello()["kind"] == "hello"


def test_the_agent_listens_nowhere_and_its_files_are_its_own(agent, machine, tmp_path):
    """WireGuard's port is the kernel's, or its stand-in's: whoever else waits for anybody would be listed here."""
    agent.apply(state({ALICE: [FILESHARE]}))
    listed = machine.sh("ss -Hlntup").splitlines()
    assert [line for line in listed if "wireguard-go" not in line and ":51820" not in line] == []
    files = {path.name: (path.stat().st_uid, oct(path.stat().st_mode & 0o777)) for path in (tmp_path / "state").iterdir()}
    assert files == {"last.jsonl": (0, "0o600"), "journal.jsonl": (0, "0o600")}
    assert oct((tmp_path / "state").stat().st_mode & 0o777) == "0o700"


def test_several_requests_in_one_write_get_an_answer_each(agent):
    first = agent.send((json.dumps(HELLO) + "\n").encode() * 3)
    nonces = {first["nonce"], *(json.loads(agent.process.stdout.readline())["nonce"] for _ in range(2))}
    assert len(nonces) == 3


def test_half_a_last_line_is_discarded(agent, machine):
    agent.apply(state({ALICE: [FILESHARE]}))
    request = json.dumps(agent.request(EMPTY, generation=9)).encode()
    agent.process.stdin.write(request)
    agent.process.stdin.close()
    assert agent.process.stdout.read() == b""
    assert agent.process.wait(timeout=5) == 0
    assert list(machine.elements()) == [ALICE[0]]


def test_a_line_without_end_ends_the_stream_with_a_sentence(agent):
    process = agent.start()
    with pytest.raises(BrokenPipeError):
        [process.stdin.write(b"x" * (1 << 20)) for _ in range(64)]
    assert "bytes at most" in json.loads(process.stdout.readline())["why"][0]


@pytest.mark.parametrize("what", ["the agent", "its file"])
def test_a_stream_ends_when_what_it_runs_on_changed(make_agent, tmp_path, what):
    agent = make_agent()
    agent.pyz, agent.is_shipped = build(tmp_path / "agent.pyz"), True
    agent.hello()
    _ = build(agent.pyz) if what == "the agent" else agent.write_config(most_peers=3)
    assert agent.hello() is None
    assert agent.process.wait(timeout=5) == 0


@pytest.mark.parametrize("wrong", ["{", "[]", '{"pep": "pep-1"}', "null"])
def test_without_a_clear_file_nothing_is_done(agent, tmp_path, wrong):
    (tmp_path / "agent.json").write_text(wrong)
    answer = agent.hello()
    assert answer["kind"] == "error"
    assert "file" in answer["why"][0]


def test_without_its_file_nothing_is_done(agent, tmp_path):
    (tmp_path / "agent.json").unlink()
    assert "own file cannot be read" in agent.hello()["why"][0]


def test_a_request_waits_for_another_one_and_not_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(pep_agent, "LOCK_SECONDS", 0.2)
    with pep_agent.locked(tmp_path), pytest.raises(pep_agent.BusyError, match="being carried out"), pep_agent.locked(tmp_path):
        pass
    with pep_agent.locked(tmp_path):
        assert tmp_path.exists()


def test_a_file_that_others_may_write_is_not_obeyed(agent, tmp_path):
    (tmp_path / "agent.json").chmod(0o666)
    assert "written by others" in agent.hello()["why"][0]


def test_two_streams_take_turns(make_agent, machine):
    streams = [make_agent() for _ in range(3)]
    wanted = [state({ALICE: [FILESHARE]}, seconds=100 + 100 * n) for n in range(3)]
    [stream.hello() for stream in streams]
    lines = [json.dumps(s.request(w, generation=n + 1)).encode() + b"\n" for n, (s, w) in enumerate(zip(streams, wanted, strict=True))]
    [(s.process.stdin.write(line), s.process.stdin.flush()) for s, line in zip(streams, lines, strict=True)]
    receipts = [json.loads(stream.process.stdout.readline()) for stream in streams]
    assert receipts[2]["outcome"] == "applied"
    # whichever came last, the newest one wins for good
    streams[2].nonce = receipts[2]["nonce"]
    receipt = streams[2].ask(streams[2].request(wanted[2], generation=3))
    assert (receipt["why"], receipt["missing"]["admissions"]) == ([], [])
    assert machine.elements()[ALICE[0]] > 210


def test_without_wireguard_nothing_opens_and_everything_else_closes(make_agent, machine):
    make_agent().apply(state({ALICE: [FILESHARE]}))
    receipt = make_agent(interface="wg-not-here").apply(state({ALICE: [FILESHARE]}))
    assert receipt["outcome"] == "removals only"
    assert "wg-not-here cannot be read" in " ".join(receipt["why"])
    assert len(receipt["missing"]["peers"]) == 1
    back = make_agent(interface=machine.interface).apply(state({ALICE: [FILESHARE]}))
    assert not any(drift["kind"].startswith("peer") for drift in back["drift"])


def test_hello_names_the_interface_key(agent, machine):
    assert agent.hello()["public_key"] == machine.keys.public


def test_the_environment_does_not_reach_the_agent(make_agent, tmp_path):
    (tmp_path / "wg").write_text("#!/bin/sh\necho lorem\n")
    (tmp_path / "wg").chmod(0o755)
    agent = make_agent()
    agent.prefix = ["env", f"PATH={tmp_path}:{os.environ['PATH']}", f"PYTHONPATH={tmp_path}"]
    wanted = state({ALICE: [FILESHARE]})
    check_in_force(agent.apply(wanted), wanted)


def test_where_nothing_is_enforced_every_answer_says_so(make_agent, machine):
    agent = make_agent("--record")
    wanted = state({ALICE: [FILESHARE]})
    assert agent.hello()["recorded"] is True
    receipt = agent.apply(wanted)
    check_in_force(receipt, wanted)
    assert receipt["recorded"] is True
    assert (machine.peers(), machine.sh("nft list ruleset")) == ({}, "")
    assert agent.again(wanted)["outcome"] == "unchanged"
    assert agent.apply(EMPTY)["counts"] == {"peers": 0, "admissions": 0, "placements": 0}


def test_the_zipapp_is_the_same_bytes_each_time(tmp_path):
    assert build(tmp_path / "a").read_bytes() == build(tmp_path / "b").read_bytes()


def test_the_zipapp_holds_the_agent_and_nothing_else(pyz):
    names = subprocess.run(["python3", "-m", "zipfile", "-l", pyz], capture_output=True, text=True, check=True).stdout
    assert "enforcement/pep/agent.py" in names
    assert "django" not in names
    assert "reconcile" not in names
