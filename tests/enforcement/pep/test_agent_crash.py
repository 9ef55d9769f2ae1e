"""An agent killed in mid-apply leaves less than intended, never more, and the next pass finishes."""

import json
import random
import time

import pytest

from tests.enforcement.pep.agents import ALICE, FILESHARE, SET, SET_V6, WIKI, check_in_force, key, placement, state

pytestmark = pytest.mark.lab

DEVICES = 400


def device(number):
    return f"10.89.1.{number % 250}" if number < 250 else f"10.89.2.{number % 250}", f"fd89::1:{number:x}"


def many(numbers, **changes):
    peers = [[key(number + 20), list(device(number))] for number in numbers]
    deadline = int(time.time()) + 600
    admissions = [[slug, a, deadline] for number in numbers for slug in (FILESHARE, WIKI) for a in device(number)]
    return state(peers=peers, **changes) | {"admissions": admissions}


def kill_in_mid_apply(agent, wanted, generation, seconds):
    agent.hello()
    line = json.dumps(agent.request(wanted, generation=generation)).encode() + b"\n"
    agent.process.stdin.write(line)
    agent.process.stdin.flush()
    time.sleep(seconds)
    agent.process.kill()
    agent.process.wait()
    agent.process.stdin.close()
    agent.process.stdout.close()
    agent.process = None


@pytest.mark.parametrize("round_", [*range(4), *(pytest.param(number, marks=pytest.mark.slow) for number in range(4, 200))])
def test_killed_at_any_moment_it_converges_and_blames_nobody(make_agent, machine, round_):
    before, after = many(range(DEVICES // 2)), many(range(DEVICES // 4, DEVICES), placements=[placement(), placement(WIKI, 9)])
    make_agent().apply(before)
    chance = random.Random(round_)
    kill_in_mid_apply(make_agent(), after, 2, chance.uniform(0.005, 0.25))
    allowed = {address for _, address, _ in before["admissions"] + after["admissions"]}
    present = set(machine.sh(f"nft list set inet lychgate {SET}; nft list set inet lychgate {SET_V6} || true").replace(",", " ").split())
    assert not {word for word in present if word.startswith(("10.89.", "fd89:"))} - allowed
    receipt = make_agent().apply(after, generation=3)
    check_in_force(receipt, after)
    assert receipt["drift"] == []
    assert set(machine.peers()) == {name for name, _ in after["peers"]}


def test_half_a_line_in_the_journal_does_not_swallow_the_next(make_agent, tmp_path):
    make_agent().apply(state({ALICE: [FILESHARE]}))
    journal = tmp_path / "state" / "journal.jsonl"
    journal.write_text(journal.read_text() + '{"at":17')
    make_agent().apply(state({}), generation=2)
    lines = journal.read_text().splitlines()
    assert lines[3] == '{"at":17'
    assert [json.loads(line)["change"] for line in lines[4:]] == ["expel", "expel", "drop peer"]
