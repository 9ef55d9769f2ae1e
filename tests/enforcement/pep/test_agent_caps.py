"""What the PEP's owner does not allow is not opened, whoever asks; the rest is."""

import json

import pytest

from tests.enforcement.pep.agents import ALICE, EMPTY, ERIN, FILESHARE, WIKI, check_in_force, key, placement, state
from tests.lab import PEP_LAN

pytestmark = pytest.mark.lab

BOB = ("10.89.200.4", "fd89:0:0:9::4")
PLACEMENTS = {
    "a target outside the prefixes": ({"target_v4": "172.16.0.1"}, "172.16.0.1 tcp 445-445"),
    "a forbidden target": ({"target_v4": "192.168.89.250"}, "192.168.89.250, which this PEP's owner forbids"),
    "the metadata service": ({"target_v4": "169.254.169.254"}, "169.254.169.254, which this PEP's owner forbids"),
    "the PEP's own address on its LAN": ({"target_v4": "192.168.89.1"}, "192.168.89.1, which this PEP's owner forbids"),
    "the PEP's own address on its LAN, in IPv6": ({"target_v6": "2001:db8:89::1"}, "2001:db8:89::1, which this PEP's owner forbids"),
    "another device": ({"target_v4": "10.89.0.9"}, "10.89.0.9, which this PEP's owner forbids"),
    "a port that is not allowed": ({"ports": [["tcp", 22, 22]]}, "tcp 22-22"),
    "a range that reaches too far": ({"ports": [["tcp", 400, 500]]}, "tcp 400-500"),
    "a protocol that is not allowed": ({"ports": [["udp", 445, 445]]}, "udp 445-445"),
    "an address that is not for resources": ({"overlay_v4": "10.89.66.8"}, "outside this PEP's resource prefixes"),
    "a target of the other family": ({"target_v6": "2001:db8:90::1"}, "2001:db8:90::1"),
}
CAPS = {
    "targets": [
        {"prefix": "192.168.89.0/24", "ports": [["tcp", 100, 450]]},
        {"prefix": "2001:db8:89::/64", "ports": [["tcp", 100, 450]]},
    ],
    "forbidden_targets": ["169.254.0.0/16", "192.168.89.250/32", *PEP_LAN],
}


@pytest.mark.parametrize(("changes", "why"), PLACEMENTS.values(), ids=PLACEMENTS)
def test_a_resource_beyond_the_caps_is_not_placed(make_agent, machine, changes, why):
    agent = make_agent(**CAPS)
    receipt = agent.apply(state({ALICE: [FILESHARE, WIKI]}, placements=[placement(), placement(WIKI, 8, **changes)]))
    assert receipt["missing"]["placements"] == [WIKI]
    assert receipt["missing"]["admissions"] == [[WIKI, ALICE[0]], [WIKI, ALICE[1]]]
    assert why in " ".join(receipt["why"])
    assert list(machine.elements()) == [ALICE[0]]
    assert "wiki" not in machine.sh("nft list table inet lychgate")


def test_a_resource_that_is_moved_beyond_the_caps_is_closed(make_agent, machine):
    agent = make_agent(**CAPS)
    agent.apply(state({ALICE: [FILESHARE]}, placements=[placement()]))
    receipt = agent.apply(state({ALICE: [FILESHARE]}, placements=[placement(target_v4="192.168.89.250")]))
    assert receipt["missing"]["placements"] == [FILESHARE]
    assert "device-access-to" not in machine.sh("nft -t list table inet lychgate")


def test_a_resource_on_the_pep_itself_is_always_allowed(make_agent):
    own = placement(target_v4="10.89.65.1", target_v6="fd89:0:0:1::1", ports=[["tcp", 22, 22]])
    wanted = state({ALICE: [FILESHARE]}, placements=[own])
    check_in_force(make_agent(**CAPS).apply(wanted), wanted)


def test_a_peer_with_an_address_outside_the_pools_is_not_added(agent, machine):
    receipt = agent.apply(state({ALICE: [FILESHARE], BOB: [FILESHARE]}))
    assert "10.89.200.4, which is not one for devices here" in " ".join(receipt["why"])
    assert list(machine.peers()) == [key(2)]
    assert list(machine.elements()) == [ALICE[0]]


def test_the_longest_time_cuts_every_deadline(make_agent, machine):
    agent = make_agent(longest_seconds=60)
    wanted = state({ALICE: [FILESHARE]}, seconds=3600)
    check_in_force(agent.apply(wanted), wanted)
    assert 31 <= machine.elements()[ALICE[0]] <= 60


def test_one_peer_too_many_is_not_added(make_agent, machine):
    receipt = make_agent(most_peers=1).apply(state({ALICE: [FILESHARE], ERIN: [FILESHARE]}))
    assert receipt["missing"]["peers"] == [key(3)]
    assert "one too many" in " ".join(receipt["why"])
    assert list(machine.peers()) == [key(2)]


def test_new_peers_are_counted_by_the_hour(make_agent, machine):
    make_agent(most_new_peers_an_hour=1).apply(state({ALICE: [FILESHARE]}))
    agent = make_agent(most_new_peers_an_hour=1)
    agent.apply(EMPTY)
    receipt = agent.apply(state({ERIN: [FILESHARE]}))
    assert receipt["missing"]["peers"] == [key(3)]
    assert "must wait" in " ".join(receipt["why"])
    assert machine.peers() == {}


def test_a_peer_that_is_there_already_is_not_new(make_agent):
    wanted = state({ALICE: [FILESHARE]})
    make_agent(most_new_peers_an_hour=1).apply(wanted)
    agent = make_agent(most_new_peers_an_hour=1)
    check_in_force(agent.apply(wanted), wanted)


def test_narrower_caps_close_what_they_no_longer_allow(make_agent, machine):
    wanted = state({ALICE: [FILESHARE]}, placements=[placement()])
    make_agent().apply(wanted)
    receipt = make_agent(targets=[]).apply(wanted)
    assert receipt["missing"]["placements"] == [FILESHARE]
    assert "device-access-to" not in machine.sh("nft -t list table inet lychgate")


def test_a_revoke_beyond_the_caps_lands(make_agent, machine):
    make_agent().apply(state({ALICE: [FILESHARE]}))
    receipt = make_agent(targets=[], device_pools=[], most_peers=0, most_new_peers_an_hour=0).apply(EMPTY)
    check_in_force(receipt, EMPTY)
    assert machine.peers() == {}


def test_what_was_asked_for_beyond_the_caps_is_in_the_journal_once(make_agent, tmp_path):
    agent = make_agent(**CAPS)
    wanted = state({ALICE: [FILESHARE], BOB: [FILESHARE]}, placements=[placement(), placement(WIKI, 8, target_v4="169.254.169.254")])
    first, again = agent.apply(wanted), agent.apply(wanted)
    refused = [line["why"] for line in first["journal"] if line["change"] == "refuse"]
    assert [word in " ".join(refused) for word in ("169.254.169.254", "10.89.200.4")] == [True, True]
    assert [line for line in again["journal"] if line["change"] == "refuse"] == []
    journal = [json.loads(line) for line in (tmp_path / "state" / "journal.jsonl").read_text().splitlines()]
    assert [line["why"] for line in journal if line["change"] == "refuse"] == refused
    agent.apply(state({ALICE: [FILESHARE]}))
    assert len([line for line in agent.apply(wanted)["journal"] if line["change"] == "refuse"]) == 2
