"""What the agent remembers: cheap to add to, whole after a crash, never older than it was."""

import ipaddress

import pytest

from enforcement.pep import memory as module
from enforcement.pep.freshness import Nonces, lag
from enforcement.pep.memory import Marks, Memory
from enforcement.pep.plan import Plan
from enforcement.pep.state import Admission, Peer, Placement, Port, State
from tests.enforcement.pep.agents import key

ADDRESS = ipaddress.ip_address("10.89.0.2")
PLACEMENT = Placement(7, "fileshare", (Port("tcp", 445, 445),), ipaddress.ip_address("10.89.65.2"), ipaddress.ip_address("192.168.89.10"))
PEER = Peer(key(2), (ADDRESS,))
ADMISSION = Admission("fileshare", ADDRESS, 1_800_000_000)
STATE = State((PLACEMENT,), (PEER,), (ADMISSION,))
PLAN = Plan(add_placements=(PLACEMENT,), set_peers=(PEER,), admit=(ADMISSION,))
MARKS = Marks("boot", 7, "ruleset 1", "structure", "guard", "text", "rules", 5)


def load(directory):
    loaded = Memory(directory)
    loaded.load()
    return loaded


@pytest.fixture
def memory(tmp_path):
    return load(tmp_path)


def test_what_was_intended_and_settled_is_remembered(memory, tmp_path):
    memory.intend((3, "digest"), PLAN, 1000.0)
    memory.settle(STATE, None, MARKS)
    later = load(tmp_path)
    assert (later.generation, later.document, later.marks, later.sure) == (3, "digest", MARKS, True)
    assert later.state() == STATE
    assert later.new_peers_since(0) == 1


def test_a_crash_after_intending_leaves_it_unsure(memory, tmp_path):
    memory.intend((3, "digest"), PLAN, 1000.0)
    assert (load(tmp_path).sure, load(tmp_path).generation) == (False, 3)


def test_what_did_not_come_true_is_corrected(memory, tmp_path):
    memory.intend((3, "digest"), PLAN, 1000.0)
    memory.settle(State((), (PEER,), ()), None, MARKS)
    assert load(tmp_path).state() == State((), (PEER,), ())


def test_a_deadline_read_back_does_not_replace_the_one_applied(memory, tmp_path):
    memory.intend((3, "digest"), PLAN, 1000.0)
    early = Admission("fileshare", ADDRESS, ADMISSION.deadline - 1)
    memory.settle(State((PLACEMENT,), (PEER,), (early,)), None, MARKS)
    assert load(tmp_path).state() == STATE


def test_nothing_to_do_writes_nothing(memory, tmp_path):
    memory.intend((3, "digest"), PLAN, 1000.0)
    memory.settle(STATE, None, MARKS)
    before = (tmp_path / "last.jsonl").read_bytes()
    memory.intend((3, "digest"), Plan(), 1001.0)
    memory.settle(STATE, None, MARKS)
    assert (tmp_path / "last.jsonl").read_bytes() == before


def test_another_streams_changes_are_read_on(memory, tmp_path):
    other = load(tmp_path)
    memory.intend((3, "digest"), PLAN, 1000.0)
    other.load()
    assert (other.generation, other.state()) == (3, STATE)


def test_half_a_line_is_overwritten(memory, tmp_path):
    memory.intend((3, "digest"), PLAN, 1000.0)
    with (tmp_path / "last.jsonl").open("a") as stream:
        stream.write('{"order":[9' + "9" * 500)
    later = load(tmp_path)
    later.intend((4, "next"), Plan(), 1001.0)
    assert load(tmp_path).generation == 4


def test_a_grown_log_is_written_anew_with_all_it_meant(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "COMPACT_BYTES", 2000)
    memory = load(tmp_path)
    [(memory.intend((n, "digest"), PLAN, 1000.0 + n), memory.settle(STATE, None, MARKS)) for n in range(1, 40)]
    assert (tmp_path / "last.jsonl").stat().st_size < 4000
    later = load(tmp_path)
    assert (later.generation, later.state(), later.marks) == (39, STATE, MARKS)


@pytest.mark.parametrize("text", ["{broken\n", '{"order": 5}\n', '{"admit":[["a","nowhere",1]]}\n', "[]\n"])
def test_a_broken_log_is_put_aside_but_not_the_order(memory, tmp_path, text):
    memory.intend((12, "digest"), PLAN, 1000.0)
    with (tmp_path / "last.jsonl").open("a") as stream:
        stream.write(text)
    later = load(tmp_path)
    assert (later.generation, later.document, later.state()) == (12, "", State())
    assert (tmp_path / "last.jsonl.broken").exists()
    assert load(tmp_path).generation == 12


def test_only_the_latest_nonce_counts():
    nonces = Nonces()
    first, second = nonces.give(100.0), nonces.give(101.0)
    assert (nonces.age(first, 102.0), nonces.age(second, 102.0), nonces.age("", 102.0)) == (None, 1.0, None)


def test_a_nonce_lasts_a_minute():
    nonces = Nonces()
    nonce = nonces.give(100.0)
    assert (nonces.age(nonce, 160.0), nonces.age(nonce, 160.1), nonces.age(nonce, 99.0)) == (60.0, None, None)


def test_before_the_first_hello_nothing_is_fresh():
    assert Nonces().age("", 1.0) is None


@pytest.mark.parametrize(("sent_at", "age", "expected"), [(1000.0, 0.1, 0), (1000.0, 5.0, 5), (4600.0, 0.0, 3600), (900.0, 60.0, 0)])
def test_a_doubt_about_the_clock_only_shortens(sent_at, age, expected):
    assert lag(sent_at, age, 1000.0) == expected
