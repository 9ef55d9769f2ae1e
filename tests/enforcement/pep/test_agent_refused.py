"""A kernel that says no in the middle: what closes lands all the same, what could not open is named, and the next pass finishes.

The kernel is the real one, but for the calls that are refused (tests/lab_tools/refusing_agent.py).
"""

import json

import pytest

from tests.enforcement.pep import agents
from tests.enforcement.pep.agents import ALICE, ERIN, FILESHARE, SET, WIKI, Agent, check_in_force, key, kinds, placement, state
from tests.lab import TOOLS

pytestmark = pytest.mark.lab

MOVED = placement(target_v4="192.168.89.11")
BOTH = [placement(), placement(WIKI, 8)]
NOTHING = {"peers": [], "admissions": [], "placements": []}


class Refused(Agent):
    """The agent with a kernel that says no; `instead` says where, and what happens then."""

    def program(self):
        argv = [str(TOOLS / "refusing_agent.py"), agents.code(self.pyz), json.dumps(self.instead)]
        return [*agents.python(), *argv, "--config", str(self.directory / "agent.json")]


@pytest.fixture
def refused(machine, tmp_path, pyz):
    """Send a document to an agent with such a kernel."""
    made = []

    def send(wanted, instead, **config):
        agent = Refused(machine, tmp_path, pyz, **config)
        agent.instead = dict.fromkeys(instead, "refused") if isinstance(instead, list) else instead
        made.append(agent)
        return agent.apply(wanted)

    yield send
    for agent in made:
        agent.close()


def admitted(machine):
    return {slug: machine.admitted(slug) for slug in (FILESHARE, WIKI)}


def check_heals(make_agent, wanted, **config):
    receipt = make_agent(**config).apply(wanted)
    assert receipt["drift"] == []
    check_in_force(receipt, wanted)


# What must close, the calls that are refused on the way, and what each set holds then (ALICE and ERIN were in both).
ALL = {*ALICE, *ERIN}


def shorter():
    return state({ALICE: [WIKI], ERIN: [FILESHARE, WIKI]}, placements=BOTH, seconds=300)


def retargeted():
    return state({ALICE: [FILESHARE, WIKI], ERIN: [WIKI]}, placements=[MOVED, BOTH[1]])


def dropped():
    return state({ALICE: [FILESHARE], ERIN: [FILESHARE]}, placements=BOTH[:1])


def revoked():
    return state({ERIN: [FILESHARE, WIKI]}, placements=BOTH)


CLOSING = {
    "one transaction of elements": (shorter, ["commit 1"], {FILESHARE: {*ERIN}, WIKI: ALL}),
    "a resource's change": (retargeted, ["commit 2"], {FILESHARE: set(), WIKI: ALL}),
    "a resource's change, and its end": (retargeted, ["commit 2", "commit 3"], {FILESHARE: set(), WIKI: ALL}),
    "a resource's end": (dropped, ["commit 1"], {FILESHARE: ALL, WIKI: set()}),
    "what forgets flows": (revoked, ["forget 1"], {FILESHARE: {*ERIN}, WIKI: {*ERIN}}),
    "what takes a peer away": (revoked, ["wg set 1"], {FILESHARE: {*ERIN}, WIKI: {*ERIN}}),
}


@pytest.mark.parametrize(("wanted", "points", "left"), CLOSING.values(), ids=CLOSING)
def test_where_closing_is_refused_it_closes_another_way(make_agent, machine, refused, wanted, points, left):
    make_agent().apply(state({ALICE: [FILESHARE, WIKI], ERIN: [FILESHARE, WIKI]}, placements=BOTH))
    wanted = wanted()
    receipt = refused(wanted, points)
    assert receipt["kind"] == "receipt"
    assert admitted(machine) == left
    check_heals(make_agent, wanted)


def test_a_peer_that_could_not_be_taken_away_is_said_to_be_there(make_agent, machine, refused):
    make_agent().apply(state({ALICE: [FILESHARE], ERIN: [FILESHARE]}))
    receipt = refused(state({ERIN: [FILESHARE]}), ["wg set 1"])
    assert (receipt["extra"], machine.admitted()) == ({"peers": [key(2)], "admissions": []}, {*ERIN})
    assert "lorem: refused" in " ".join(receipt["why"])


# What must open, the calls that are refused on the way, and what is missing then.
OPENING = {
    "a peer": (["wg set 1"], {"peers": [key(2), key(3)], "admissions": [[s, a] for s in (FILESHARE, WIKI) for a in (*ALICE, *ERIN)]}),
    "the look at peers": (["show 2"], {"admissions": [[s, a] for s in (FILESHARE, WIKI) for a in (*ALICE, *ERIN)]}),
    "the admissions of all": (["commit 1"], {}),
    "those of all, and of one resource": (["commit 1", "commit 2"], {"admissions": [[FILESHARE, a] for a in (*ALICE, *ERIN)]}),
}


@pytest.mark.parametrize(("points", "missing"), OPENING.values(), ids=OPENING)
def test_where_opening_is_refused_the_rest_opens_and_the_receipt_says_what_does_not(make_agent, machine, refused, points, missing):
    make_agent().apply(state({}, placements=BOTH))
    wanted = state({ALICE: [FILESHARE, WIKI], ERIN: [FILESHARE, WIKI]}, placements=BOTH)
    receipt = refused(wanted, points)
    listed = {name: sorted(items) for name, items in receipt["missing"].items()}
    assert listed == {name: sorted(items) for name, items in (NOTHING | missing).items()}
    assert {(slug, address) for slug in (FILESHARE, WIKI) for address in machine.admitted(slug)} == {
        (slug, address) for slug, address, _ in wanted["admissions"]
    } - {tuple(pair) for pair in missing.get("admissions", ())}
    check_heals(make_agent, wanted)


def test_a_table_that_does_not_load_whole_loads_by_resource(make_agent, machine, refused):
    """The owner's file changed, so the table is loaded anew: silence, the table (refused), an empty one, then each resource."""
    wanted = state({ALICE: [FILESHARE, WIKI]}, placements=BOTH)
    make_agent().apply(wanted)
    check_in_force(refused(wanted, ["commit 2"], log_group=6), wanted)
    receipt = refused(wanted, ["commit 2", "commit 4"], log_group=7)
    assert (receipt["missing"]["placements"], admitted(machine)) == ([FILESHARE], {FILESHARE: set(), WIKI: {*ALICE}})
    check_heals(make_agent, wanted, log_group=7)


@pytest.mark.parametrize("point", ["commit 1", "rule 1"])
def test_where_a_guard_cannot_stand_nothing_opens(make_agent, machine, refused, point):
    wanted = state({ALICE: [FILESHARE]}, placements=BOTH)
    receipt = refused(wanted, [point])
    assert receipt["outcome"] == "removals only"
    assert "the guard cannot be put back, so nothing is opened: lorem: refused" in receipt["why"]
    assert (machine.peers(), machine.admitted()) == ({}, set())
    check_heals(make_agent, wanted)


# The disk is full at this write: whether the document could still open something, and what the receipt says of it.
FULL = {
    "the order": ("write last.jsonl 1", False, "cannot write what it is about to do, so nothing is opened"),
    "the journal": ("write journal.jsonl 1", True, "the journal on this PEP cannot be written"),
    "what was done": ("write last.jsonl 2", True, "this PEP cannot write what it did"),
}


@pytest.mark.parametrize(("point", "opens", "why"), FULL.values(), ids=FULL)
def test_a_disk_that_is_full_at_any_write_holds_back_no_revoke(make_agent, machine, refused, tmp_path, point, opens, why):
    make_agent().apply(state({ALICE: [FILESHARE]}, placements=BOTH))
    wanted = state({ERIN: [FILESHARE]}, placements=BOTH)
    receipt = refused(wanted, [point])
    assert why in " ".join(receipt["why"])
    assert machine.admitted() == ({*ERIN} if opens else set())
    check_heals(make_agent, wanted)
    whole = [line for line in (tmp_path / "state" / "journal.jsonl").read_text().splitlines() if line.endswith("}")]
    assert [json.loads(line)["generation"] for line in whole][-1] > 1


def test_what_somebody_commits_in_the_middle_of_a_pass_is_found_by_the_next(make_agent, machine, refused):
    make_agent().apply(state({ALICE: [FILESHARE]}, placements=BOTH))
    wanted = state({ALICE: [FILESHARE], ERIN: [FILESHARE]}, placements=BOTH)
    refused(wanted, {"commit 1": f"add element inet lychgate {SET} {{ 10.89.0.77 timeout 1h }}"})
    assert "10.89.0.77" in machine.admitted()
    receipt = make_agent().apply(wanted)
    check_in_force(receipt, wanted)
    assert (machine.admitted(), len(kinds(receipt))) == ({*ALICE, *ERIN}, 1)


def test_a_fault_of_the_agent_itself_is_a_sentence_and_the_stream_goes_on(make_agent, machine, tmp_path, pyz):
    make_agent().apply(state({ALICE: [FILESHARE], ERIN: [FILESHARE]}))
    agent, wanted = Refused(machine, tmp_path, pyz), state({ERIN: [FILESHARE]})
    agent.instead = {"forget 1": "broken"}
    answer = agent.apply(wanted)
    assert (answer["kind"], answer["why"]) == ("error", ["the agent itself failed (RuntimeError): lorem: broken"])
    assert machine.admitted() == {*ERIN}
    assert agent.hello()["kind"] == "hello"
    check_in_force(agent.apply(wanted), wanted)
    agent.close()
