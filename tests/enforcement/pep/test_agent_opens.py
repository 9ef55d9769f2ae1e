"""What the agent puts into a real kernel, and takes out of it."""

import pytest

from tests.enforcement.pep.agents import ALICE, EMPTY, ERIN, FILESHARE, SET, SET_V6, WIKI, check_in_force, key, placement, state

pytestmark = pytest.mark.lab


def test_an_admission_is_in_the_kernel_until_its_deadline(agent, machine):
    wanted = state({ALICE: [FILESHARE]}, seconds=100)
    receipt = agent.apply(wanted)
    check_in_force(receipt, wanted)
    assert receipt["outcome"] == "applied"
    assert 70 <= machine.elements(SET)[ALICE[0]] <= 100
    assert 70 <= machine.elements(SET_V6)[ALICE[1]] <= 100
    assert machine.peers() == {key(2): {f"{ALICE[0]}/32", f"{ALICE[1]}/128"}}


def test_a_second_pass_commits_nothing(agent):
    wanted = state({ALICE: [FILESHARE], ERIN: [WIKI]})
    first = agent.apply(wanted)
    second, third = agent.again(wanted), agent.apply(wanted)
    assert [second["outcome"], third["outcome"]] == ["unchanged", "unchanged"]
    assert (second["genid"], third["genid"], third["commits"]) == (first["genid"], first["genid"], 0)
    check_in_force(third, wanted)


def test_another_stream_finds_nothing_to_do(make_agent):
    wanted = state({ALICE: [FILESHARE]})
    make_agent().apply(wanted)
    receipt = make_agent().apply(wanted)
    assert (receipt["outcome"], receipt["drift"]) == ("unchanged", [])


def test_what_is_no_longer_wanted_goes(agent, machine):
    agent.apply(state({ALICE: [FILESHARE, WIKI], ERIN: [FILESHARE]}))
    wanted = state({ERIN: [FILESHARE]})
    check_in_force(agent.apply(wanted), wanted)
    assert list(machine.elements(SET)) == [ERIN[0]]
    assert list(machine.peers()) == [key(3)]


def test_an_empty_state_closes_everything(agent, machine):
    agent.apply(state({ALICE: [FILESHARE]}))
    check_in_force(agent.apply(EMPTY), EMPTY)
    assert machine.peers() == {}
    assert "device-access-to" not in machine.sh("nft -t list table inet lychgate")


def test_a_deadline_may_move_both_ways(agent, machine):
    agent.apply(state({ALICE: [FILESHARE]}, seconds=100))
    agent.apply(state({ALICE: [FILESHARE]}, seconds=300))
    assert 270 <= machine.elements()[ALICE[0]] <= 300
    agent.apply(state({ALICE: [FILESHARE]}, seconds=50))
    assert 20 <= machine.elements()[ALICE[0]] <= 50


def test_a_deadline_that_has_passed_opens_nothing(agent, machine):
    receipt = agent.apply(state({ALICE: [FILESHARE]}, seconds=-1))
    assert machine.elements() == {}
    assert receipt["missing"]["admissions"] == []


def test_no_element_is_ever_permanent(agent, machine):
    agent.apply(state({ALICE: [FILESHARE]}))
    machine.sh(f"nft 'add element inet lychgate {SET} {{ 10.89.0.9 timeout 0s }}'")
    assert machine.elements()["10.89.0.9"] <= 1


def test_a_retargeted_resource_is_changed_in_place(agent, machine):
    agent.apply(state({ALICE: [FILESHARE]}, placements=[placement()]))
    wanted = state({ALICE: [FILESHARE]}, placements=[placement(target_v4="192.168.89.11")])
    receipt = agent.apply(wanted)
    assert receipt["missing"] == {"peers": [], "admissions": [], "placements": []}
    assert "10.89.65.7 : 192.168.89.11" in machine.sh("nft list map inet lychgate targets")
    assert list(machine.elements()) == [ALICE[0]]


def test_a_resource_can_lose_a_family(agent, machine):
    agent.apply(state({ALICE: [FILESHARE]}, placements=[placement()]))
    only_v4 = placement(overlay_v6=None, target_v6=None)
    receipt = agent.apply(state({ALICE: [FILESHARE]}, placements=[only_v4]))
    assert receipt["missing"]["admissions"] == [[FILESHARE, ALICE[1]]]
    assert "no IPv6 address here" in " ".join(receipt["why"])
    assert list(machine.elements()) == [ALICE[0]]


def test_an_address_moves_to_another_peer_without_its_flows(agent, machine):
    agent.apply(state({ALICE: [FILESHARE]}))
    machine.sh("conntrack -I -s 10.89.0.2 -d 10.89.65.7 -p tcp --sport 9 --dport 445 --state ESTABLISHED -t 300")
    wanted = state({ALICE: [FILESHARE]}, peers=[[key(9), list(ALICE)]])
    check_in_force(agent.apply(wanted), wanted)
    assert machine.peers() == {key(9): {f"{ALICE[0]}/32", f"{ALICE[1]}/128"}}
    assert "10.89.0.2" not in machine.sh("conntrack -L")


def test_two_peers_can_swap_their_addresses(agent, machine):
    agent.apply(state({ALICE: [FILESHARE], ERIN: [FILESHARE]}))
    wanted = state({ALICE: [FILESHARE], ERIN: [FILESHARE]}, peers=[[key(3), list(ALICE)], [key(2), list(ERIN)]])
    check_in_force(agent.apply(wanted), wanted)
    assert machine.peers()[key(2)] == {f"{ERIN[0]}/32", f"{ERIN[1]}/128"}


def test_only_the_flows_of_the_revoked_pair_are_forgotten(agent, machine):
    agent.apply(state({ALICE: [FILESHARE, WIKI], ERIN: [FILESHARE]}))
    flow = "conntrack -I -s {} -d {} -p tcp --sport 9 --dport 445 --state ESTABLISHED -t 300"
    pairs = [("10.89.0.2", "10.89.65.7"), ("10.89.0.2", "10.89.65.8"), ("10.89.0.3", "10.89.65.7")]
    machine.sh("; ".join(flow.format(*pair) for pair in pairs))
    agent.apply(state({ALICE: [WIKI], ERIN: [FILESHARE]}))
    left = machine.sh("conntrack -L")
    assert "src=10.89.0.2 dst=10.89.65.7 sport=9" not in left
    assert "src=10.89.0.2 dst=10.89.65.8 sport=9" in left
    assert "src=10.89.0.3 dst=10.89.65.7 sport=9" in left


def test_a_scope_leaves_everybody_else_alone(agent, machine):
    agent.apply(state({ALICE: [FILESHARE], ERIN: [FILESHARE]}))
    gone = agent.apply(state(), scope={"devices": list(ALICE), "resources": []})
    assert gone["extra"] == {"peers": [], "admissions": []}
    assert list(machine.elements()) == [ERIN[0]]
    assert list(machine.peers()) == [key(3)]
    back = agent.apply(state({ALICE: [WIKI]}), scope={"devices": list(ALICE), "resources": []})
    assert back["missing"] == {"peers": [], "admissions": [], "placements": []}
    assert sorted(machine.elements("device-access-to-wiki")) == [ALICE[0]]


def test_a_scope_of_a_resource_speaks_about_all_its_devices(agent, machine):
    agent.apply(state({ALICE: [FILESHARE, WIKI], ERIN: [FILESHARE]}))
    agent.apply(state({ALICE: [FILESHARE]}), scope={"devices": [], "resources": [FILESHARE]})
    assert list(machine.elements()) == [ALICE[0]]
    assert list(machine.elements("device-access-to-wiki")) == [ALICE[0]]
    assert len(machine.peers()) == 2


def test_the_receipt_echoes_the_journal(agent, tmp_path):
    receipt = agent.apply(state({ALICE: [FILESHARE]}))
    changes = [line["change"] for line in receipt["journal"]]
    assert changes == ["admit", "admit", "set peer"]
    assert (tmp_path / "state" / "journal.jsonl").read_text().count("\n") == 3


def test_a_read_changes_nothing_and_says_what_is_held(agent):
    wanted = state({ALICE: [FILESHARE]})
    applied = agent.apply(wanted)
    receipt = agent.read()
    assert receipt["held"]["peers"] == wanted["peers"]
    assert receipt["held"]["placements"] == wanted["placements"]
    assert [row[:2] for row in receipt["held"]["admissions"]] == [row[:2] for row in wanted["admissions"]]
    assert receipt["genid"] == applied["genid"]
