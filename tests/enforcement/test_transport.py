"""What a PEP may do to the portal at the other end of an argv: nothing but cost one pass its time limit."""

import json
import sys
import time

import pytest

from enforcement import transport
from enforcement.transport import StreamDiedError, TransportError
from tests.processes import is_alive

HELLO = {
    "version": 1,
    "kind": "hello",
    "pep": "pep-1",
    "agent": "0.1.0",
    "generation": 3,
    "nonce": "a" * 32,
    "now": 1.0,
    "public_key": None,
}
RECEIPT = {
    "version": 1,
    "kind": "receipt",
    "pep": "pep-1",
    "agent": "0.1.0",
    "generation": 4,
    "document": "sha256:1",
    "digest": "sha256:2",
    "outcome": "applied",
    "why": [],
    "missing": {"peers": [], "admissions": [], "placements": []},
    "extra": {"peers": [], "admissions": []},
    "counts": {"peers": 0, "admissions": 0, "placements": 0},
    "lease_until": None,
    "drift": [],
    "handshakes": {},
    "nonce": "b" * 32,
    "now": 1.0,
    "took_ms": 0.5,
}
PROLOGUE = "import json, os, sys, time\nhear = sys.stdin.buffer.readline\ndef say(value): print(json.dumps(value), flush=True)\n"


@pytest.fixture
def pep(settings, tmp_path):
    """Return a function that makes pep-1 a process running the given Python, and asks it."""

    def become(script, seconds=1):
        path = tmp_path / "pep.py"
        path.write_text(f"{PROLOGUE}HELLO = {HELLO!r}\nRECEIPT = {RECEIPT!r}\n{script}")
        settings.PEP_ARGV = {"pep-1": [sys.executable, "-I", "-S", str(path)]}
        settings.PEP_TIMEOUT_SECONDS = seconds

    yield become
    transport.POOL.close()


def ask(pep, compose):
    return transport.ask(pep, transport.settings.PEP_ARGV[pep], compose)


def compose(hello):
    return {"verb": "apply", "nonce": hello.nonce}


def check_refused(saying):
    began = time.monotonic()
    with pytest.raises(TransportError, match=saying):
        ask("pep-1", compose)
    assert time.monotonic() - began < 3


WELL = "while hear(): say(HELLO); hear(); say(RECEIPT)"


def test_a_pep_that_answers_well_is_heard(pep):
    pep(WELL)
    answer = ask("pep-1", compose)
    assert (answer.hello.generation, answer.receipt.outcome, answer.receipt.is_whole) == (3, "applied", True)


def test_an_argv_that_does_not_exist_is_a_sentence(settings):
    settings.PEP_ARGV = {"pep-1": ["/nowhere/agent"]}
    check_refused("/nowhere/agent does not start: No such file")


@pytest.mark.parametrize(
    ("script", "saying"),
    [
        ("time.sleep(60)", "did not answer within 1 s"),
        ("while hear():\n  while True: sys.stdout.write('x'); sys.stdout.flush(); time.sleep(0.05)", "did not answer within 1 s"),
        ("hear(); say(HELLO); time.sleep(60)", "did not answer within 1 s"),
        ("hear(); os.write(1, b'x' * 100_000_000)", "longer than 8 MiB"),
        ("hear(); print('junk', flush=True); time.sleep(9)", "not JSON: junk"),
        ("hear(); print('[' * 100000, flush=True); time.sleep(9)", "not JSON"),
        ("hear(); sys.stdout.write('{\"version\": 1'); sys.stdout.flush()", "ended before it answered"),
        ("print('No route to host', file=sys.stderr); sys.exit(255)", r"exit status 255\): No route to host"),
        ("hear(); say([]); time.sleep(9)", "not a JSON object"),
        ("hear(); say({'kind': 'error', 'why': ['this is pep-2']}); time.sleep(9)", "refused the request: this is pep-2"),
        ("hear(); say({**HELLO, 'pep': 'pep-2'}); time.sleep(9)", "another PEP answered: pep-2"),
        ("hear(); say(HELLO); hear(); say({**RECEIPT, 'pep': 'pep-2'}); time.sleep(9)", "another PEP answered: pep-2"),
        ("hear(); say({**HELLO, 'generation': -1}); time.sleep(9)", "generation is not a whole number"),
        ("hear(); say({**HELLO, 'generation': True}); time.sleep(9)", "generation is not a whole number"),
        ("hear(); say({**HELLO, 'now': float('nan')}); time.sleep(9)", "now is not a number"),
        ("hear(); say(HELLO); hear(); say({**RECEIPT, 'outcome': 'splendid'})", "outcome is none that we know"),
        ("hear(); say(HELLO); hear(); say({**RECEIPT, 'missing': []})", "missing is not an object"),
        ("hear(); say(HELLO); hear(); say({**RECEIPT, 'extra': {'peers': [], 'admissions': [['a']]}})", "named by slug and address"),
    ],
)
def test_a_pep_that_misbehaves_costs_one_pass_and_says_why(pep, script, saying):
    pep(script)
    check_refused(saying)
    assert transport.POOL.take("pep-1", ()) is None


def test_a_process_that_hangs_is_killed_with_all_it_started(pep, tmp_path):
    note = tmp_path / "pid"
    pep(f"import subprocess; open({str(note)!r}, 'w').write(str(subprocess.Popen(['sleep', '77']).pid)); time.sleep(60)")
    check_refused("did not answer")
    until = time.monotonic() + 10  # it would sleep for 77 s; whoever was killed is gone when the kernel comes to it
    while is_alive(note.read_text()):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_words_of_a_pep_are_kept_short_and_printable(pep):
    pep("os.write(2, b'\\x1b[31mred\\n' + b'x' * 5000); sys.exit(1)")
    with pytest.raises(StreamDiedError) as caught:
        ask("pep-1", compose)
    assert len(str(caught.value)) < 600
    assert str(caught.value).isprintable()


def test_a_document_larger_than_any_pipe_arrives_whole(pep):
    pep("hear(); say(HELLO); n = len(hear()); say({**RECEIPT, 'generation': n})", seconds=5)
    big = {"state": "x" * 5_000_000}
    assert ask("pep-1", lambda _hello: big).receipt.generation == len(json.dumps(big, separators=(",", ":"))) + 1


def test_a_pep_that_never_reads_its_document_runs_into_the_time_limit(pep):
    pep("hear(); say(HELLO); time.sleep(60)")
    with pytest.raises(TransportError, match="did not answer within 1 s"):
        ask("pep-1", lambda _hello: {"state": "x" * 5_000_000})


def test_a_stream_stays_open_for_the_next_pass(pep):
    pep("n = 0\nwhile hear():\n  n += 1; say({**HELLO, 'generation': n}); hear(); say(RECEIPT)")
    assert [ask("pep-1", compose).hello.generation for _ in range(3)] == [1, 2, 3]


def test_a_stream_that_died_meanwhile_is_opened_anew(pep):
    pep("hear(); say(HELLO); hear(); say(RECEIPT); hear(); sys.exit(0)")
    assert [ask("pep-1", compose).receipt.outcome for _ in range(3)] == ["applied"] * 3


def test_a_stream_that_dies_at_each_greeting_is_not_opened_for_ever(pep):
    pep("hear(); sys.exit(3)")
    check_refused("exit status 3")


def test_another_argv_for_the_pep_ends_the_old_stream(pep, settings):
    pep(WELL)
    ask("pep-1", compose)
    settings.PEP_ARGV = {"pep-1": [*settings.PEP_ARGV["pep-1"], "--other"]}
    ask("pep-1", compose)
    stream = transport.POOL.take("pep-1", settings.PEP_ARGV["pep-1"])
    assert stream.argv[-1] == "--other"
    stream.close()


def test_a_stream_that_nobody_asked_for_is_let_go(pep, monkeypatch):
    pep(WELL)
    ask("pep-1", compose)
    stream = transport.POOL.take("pep-1", transport.settings.PEP_ARGV["pep-1"])
    transport.POOL.put("pep-9", stream)
    monkeypatch.setattr(transport, "IDLE_SECONDS", -1.0)
    ask("pep-1", compose)
    assert not stream.is_alive()


def test_the_process_gets_nothing_of_our_environment(pep, monkeypatch):
    monkeypatch.setenv("LYCHGATE_SECRET_KEY", "do-not-tell")
    pep("hear(); say({**HELLO, 'nonce': 'told' if 'LYCHGATE_SECRET_KEY' in os.environ else 'clean'}); hear(); say(RECEIPT)")
    assert ask("pep-1", compose).hello.nonce == "clean"
