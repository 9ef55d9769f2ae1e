"""Which document counts: generations, nonces, clocks. Whatever is in doubt may still take away."""

import json
import subprocess
import time

import pytest

from tests.enforcement.pep.agents import ALICE, EMPTY, ERIN, FILESHARE, WIKI, check_closes_only, check_in_force, key, state

pytestmark = pytest.mark.lab


def test_an_older_generation_opens_nothing(agent, machine):
    agent.apply(EMPTY, generation=5)
    receipt = agent.apply(state({ALICE: [FILESHARE]}), generation=4)
    check_closes_only(receipt, "generation 4 is older than 5")
    assert receipt["missing"]["placements"] == [FILESHARE, WIKI]
    assert machine.peers() == {}


def test_an_older_generation_still_takes_away(agent, machine):
    agent.apply(state({ALICE: [FILESHARE], ERIN: [FILESHARE]}), generation=5)
    receipt = agent.apply(state({ERIN: [FILESHARE]}), generation=4)
    check_closes_only(receipt, "older")
    assert list(machine.elements()) == [ERIN[0]]
    assert list(machine.peers()) == [key(3)]
    assert receipt["generation"] == 5


def test_an_older_generation_may_shorten_but_not_extend(agent, machine):
    agent.apply(state({ALICE: [FILESHARE], ERIN: [FILESHARE]}, seconds=100), generation=5)
    mixed = state({ALICE: [FILESHARE], ERIN: [FILESHARE]}, seconds=50)
    mixed["admissions"] = [[s, a, t + 500 * (a in ERIN)] for s, a, t in mixed["admissions"]]
    check_closes_only(agent.apply(mixed, generation=4), "older")
    assert machine.elements()[ALICE[0]] <= 50
    assert 70 <= machine.elements()[ERIN[0]] <= 100


def test_the_same_generation_with_another_document_raises_the_alarm(agent, machine):
    agent.apply(state({ALICE: [FILESHARE]}), generation=5)
    receipt = agent.apply(state({ALICE: [FILESHARE], ERIN: [FILESHARE]}), generation=5)
    check_closes_only(receipt, "alarm: generation 5")
    assert list(machine.elements()) == [ALICE[0]]


def test_the_same_document_again_heals(agent, machine):
    wanted = state({ALICE: [FILESHARE]})
    agent.apply(wanted)
    machine.clean()
    check_in_force(agent.again(wanted), wanted)


def test_the_order_outlives_the_stream(make_agent):
    make_agent().apply(EMPTY, generation=7)
    later = make_agent()
    assert later.hello()["generation"] == 7
    check_closes_only(later.apply(state({ALICE: [FILESHARE]}), generation=6), "older")


@pytest.mark.parametrize("nonce", ["", "0" * 32])
def test_a_document_without_the_right_nonce_only_takes_away(agent, machine, nonce):
    agent.apply(state({ALICE: [FILESHARE]}))
    receipt = agent.apply(state({ERIN: [FILESHARE]}), nonce=nonce)
    check_closes_only(receipt, "not fresh")
    assert machine.elements() == {}


def test_a_replayed_line_only_takes_away(agent, machine):
    agent.hello()
    wanted = state({ALICE: [FILESHARE]})
    request = agent.request(wanted, generation=1)
    check_in_force(agent.ask(request), wanted)
    machine.sh("nft flush set inet lychgate device-access-to-fileshare")
    check_closes_only(agent.ask(request), "not fresh")
    assert machine.elements() == {}


def test_what_was_captured_and_comes_again_after_the_revoke_opens_nothing_and_is_in_the_journal(make_agent, machine, tmp_path):
    agent = make_agent()
    agent.hello()
    wanted = state({ALICE: [FILESHARE]})
    captured = agent.request(wanted, generation=1)
    check_in_force(agent.ask(captured), wanted)
    agent.apply(EMPTY, generation=2)
    for stream in (lambda: agent, make_agent):
        check_closes_only(stream().ask(captured), "generation 1 is older than 2, which was applied before the document is not fresh")
        assert (machine.peers(), machine.admitted()) == ({}, set())
    journal = [json.loads(line) for line in (tmp_path / "state" / "journal.jsonl").read_text().splitlines()]
    refused = [line["why"].split(" is ")[0] for line in journal if line["change"] == "refuse"]
    assert refused == ["generation 1", "the document"] * 2


@pytest.mark.slow
def test_a_document_held_back_for_a_minute_opens_nothing(agent, machine):
    """Half of it comes after 31 s, so that the stream does not end for want of anything to hear."""
    agent.hello()
    captured = json.dumps(agent.request(state({ALICE: [FILESHARE]}), generation=1)).encode() + b"\n"
    time.sleep(31)
    agent.process.stdin.write(captured[:100])
    agent.process.stdin.flush()
    time.sleep(31)
    check_closes_only(agent.send(captured[100:]), "more than a minute old")
    assert (machine.peers(), machine.admitted()) == ({}, set())


def test_a_nonce_of_another_stream_is_not_fresh(make_agent):
    first, second = make_agent(), make_agent()
    nonce = first.hello()["nonce"]
    second.hello()
    check_closes_only(second.apply(state({ALICE: [FILESHARE]}), nonce=nonce), "not fresh")


def test_a_stale_document_of_a_newer_generation_still_takes_the_turn(agent):
    agent.apply(EMPTY, generation=8, nonce="")
    check_closes_only(agent.apply(state({ALICE: [FILESHARE]}), generation=7), "older")


@pytest.mark.parametrize(("skew", "least", "most"), [(3600, 70, 101), (30, 40, 71), (-3600, 70, 100), (-30, 70, 100)])
def test_skew_only_shortens(agent, machine, skew, least, most):
    seconds = 100 + (3600 if skew == 3600 else 0)
    receipt = agent.apply(state({ALICE: [FILESHARE]}, seconds=seconds), sent_at=time.time() + skew)
    assert least <= machine.elements()[ALICE[0]] <= most
    assert "s apart; access only ends earlier for it" in " ".join(receipt["why"])
    assert receipt["missing"]["admissions"] == []


def test_a_portal_whose_clock_is_past_the_deadline_opens_nothing(agent, machine):
    agent.apply(state({ALICE: [FILESHARE]}, seconds=100), sent_at=time.time() + 3600)
    assert machine.elements() == {}


def test_a_portal_whose_clock_jumped_ahead_takes_the_time_from_what_is_held_too(agent, machine):
    wanted = state({ALICE: [FILESHARE]}, seconds=100)
    agent.apply(wanted)
    agent.again(wanted, sent_at=time.time() + 50)
    assert max(machine.elements().values()) <= 50
    agent.again(wanted, sent_at=time.time() + 3600)
    assert machine.elements() == {}


def test_the_same_skew_again_changes_nothing(agent):
    wanted = state({ALICE: [FILESHARE]}, seconds=600)
    agent.apply(wanted, sent_at=time.time() + 100)
    assert agent.again(wanted, sent_at=time.time() + 100)["commits"] == 0
    assert agent.again(wanted, sent_at=time.time() + 50)["commits"] == 1


def test_time_that_a_document_waited_is_time_lost(agent, machine):
    agent.hello()
    sent_at = time.time() + 1.5
    agent.apply(state({ALICE: [FILESHARE]}, seconds=100), sent_at=sent_at)
    assert 70 <= machine.elements()[ALICE[0]] <= 98


def test_a_broken_memory_lets_no_older_document_win(make_agent, tmp_path):
    make_agent().apply(state({ALICE: [FILESHARE]}), generation=9)
    memory = tmp_path / "state" / "last.jsonl"
    memory.write_text(memory.read_text() + "{broken\n")
    later = make_agent()
    check_closes_only(later.apply(state({ALICE: [FILESHARE]}), generation=8), "generation 8 is older than 9")
    wanted = state({ERIN: [FILESHARE]})
    check_in_force(later.apply(wanted, generation=10), wanted)


def test_a_lost_memory_loses_no_admission(make_agent, machine, tmp_path):
    wanted = state({ALICE: [FILESHARE]})
    make_agent().apply(wanted)
    (tmp_path / "state" / "last.jsonl").unlink()
    receipt = make_agent().apply(wanted)
    check_in_force(receipt, wanted)
    assert receipt["drift"] == []
    assert not [line for line in receipt["journal"] if line.get("resource") == FILESHARE and line["change"] == "admit"]


def test_a_memory_that_cannot_be_read_opens_nothing_and_still_closes(make_agent, machine, tmp_path):
    make_agent().apply(state({ALICE: [FILESHARE]}))
    memory = tmp_path / "state" / "last.jsonl"
    memory.unlink()
    memory.mkdir()
    receipt = make_agent().apply(state({ERIN: [FILESHARE]}), generation=2)
    check_closes_only(receipt, "cannot read what it remembers")
    assert ALICE[0] not in machine.sh("nft list table inet lychgate")


def test_half_a_line_in_memory_does_not_count(make_agent, tmp_path):
    wanted = state({ALICE: [FILESHARE]})
    make_agent().apply(wanted)
    memory = tmp_path / "state" / "last.jsonl"
    memory.write_text(memory.read_text() + '{"order":[99,"sha')
    receipt = make_agent().apply(wanted, generation=2)
    assert (receipt["outcome"], receipt["generation"]) == ("unchanged", 2)


def test_a_full_disk_opens_nothing_and_still_closes(make_agent, machine):
    make_agent().apply(state({ALICE: [FILESHARE]}))
    agent = make_agent()
    agent.prefix = ["prlimit", "--fsize=0"]
    receipt = agent.apply(state({ERIN: [FILESHARE]}), generation=2)
    check_closes_only(receipt, "cannot write")
    assert machine.elements() == {}


def test_a_disk_that_turned_read_only_holds_back_no_revoke(agent, machine, tmp_path):
    directory = tmp_path / "state"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory], check=True)
    try:
        agent.apply(state({ALICE: [FILESHARE], ERIN: [FILESHARE]}))
        subprocess.run(["mount", "-o", "remount,ro", directory], check=True)
        check_closes_only(agent.apply(state({ERIN: [FILESHARE]})), "cannot write")
        assert (set(machine.elements()), set(machine.peers())) == ({ERIN[0]}, {key(3)})
    finally:
        agent.close()
        subprocess.run(["umount", directory], check=True)
