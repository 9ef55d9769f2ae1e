"""What somebody does by hand is seen, said in a sentence, and set right."""

import re
import time

import pytest

from tests.enforcement.pep.agents import ALICE, ERIN, FILESHARE, SET, SET_V6, WIKI, check_in_force, key, kinds, placement, state

pytestmark = pytest.mark.lab

ELEMENT = f"element inet lychgate {SET} {{{{ {{}} }}}}"
AGAIN = f"nft 'delete element inet lychgate {SET} {{ 10.89.0.2 }}; add element inet lychgate {SET} {{ 10.89.0.2 timeout %s }}'"
PERMANENT = (
    f"nft 'flush set inet lychgate {SET}; add set inet lychgate {SET}; add element inet lychgate {SET} {{ 10.89.0.2 timeout 24855d }}'"
)
BY_HAND = {
    "element added": f"nft 'add element inet lychgate {SET} {{ 10.89.0.77 timeout 1h }}'",
    "element lengthened": AGAIN % "2h",
    "element shortened": AGAIN % "60s",
    "element missing": f"nft 'delete element inet lychgate {SET} {{ 10.89.0.2 }}'",
    "peer added": f"wg set $WG peer {key(77)} allowed-ips 10.89.0.77/32",
    "peer removed": f"wg set $WG peer {key(2)} remove",
    "table changed": "nft 'insert rule inet lychgate forward accept'",
    "table missing": "nft 'delete table inet lychgate'",
    "guard missing": "nft 'delete table inet lychgate-guard'",
    "guard changed": "nft 'insert rule inet lychgate-guard forward accept'",
    "routing guard changed": "ip rule del pref 101",
}
LEFT = re.compile(r"expires (?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
STRUCTURE = "nft -s -t list table inet lychgate; nft list map inet lychgate targets; nft list map inet lychgate resources"
SUBTLE = {
    "a map's entry": "nft 'delete element inet lychgate targets { 10.89.65.7 }; "
    "add element inet lychgate targets { 10.89.65.7 : 192.168.89.66 }'",
    "a verdict": "nft 'add element inet lychgate resources { 10.89.65.99 : accept }'",
    "a rule removed": "nft 'flush chain inet lychgate input'",
    "a chain of somebody else's": "nft 'add chain inet lychgate theirs { type filter hook forward priority -5; }'",
    "a port": "nft 'insert rule inet lychgate r7.ports tcp dport 22 goto admit'",
}


@pytest.mark.parametrize(("kind", "command"), BY_HAND.items())
def test_drift_is_seen_and_healed(agent, machine, kind, command):
    wanted = state({ALICE: [FILESHARE], ERIN: [FILESHARE, WIKI]})
    agent.apply(wanted)
    machine.sh(command.replace("$WG", machine.interface))
    receipt = agent.again(wanted)
    assert kinds(receipt) == [kind]
    assert receipt["outcome"] == "applied"
    check_in_force(receipt, wanted)
    after = agent.again(wanted)
    assert (after["drift"], after["outcome"]) == ([], "unchanged")


@pytest.mark.parametrize("command", SUBTLE.values(), ids=SUBTLE)
def test_no_part_of_the_table_can_be_changed_unseen(agent, machine, command):
    wanted = state({ALICE: [FILESHARE]})
    agent.apply(wanted)
    before = machine.sh(STRUCTURE)
    machine.sh(command)
    receipt = agent.again(wanted)
    assert "table changed" in kinds(receipt)
    check_in_force(receipt, wanted)
    assert machine.sh(STRUCTURE) == before


def test_the_sentence_names_the_address_the_set_and_the_remedy(agent, machine):
    agent.apply(state({ALICE: [FILESHARE]}))
    machine.sh(BY_HAND["element added"])
    [drift] = agent.apply(state({ALICE: [FILESHARE]}))["drift"]
    assert drift["words"] == "10.89.0.77 was added to device-access-to-fileshare by hand; removed"
    assert drift["what"] == {"resource": FILESHARE, "address": "10.89.0.77"}


def test_an_address_that_moved_to_another_peer_goes_back(agent, machine):
    wanted = state({ALICE: [FILESHARE], ERIN: [FILESHARE]})
    agent.apply(wanted)
    machine.sh(f"wg set {machine.interface} peer {key(3)} allowed-ips 10.89.0.2/32,10.89.0.3/32,fd89::3/128")
    receipt = agent.again(wanted)
    assert kinds(receipt) == ["addresses moved", "addresses moved"]
    check_in_force(receipt, wanted)
    assert machine.peers()[key(2)] == {"10.89.0.2/32", "fd89::2/128"}


def test_a_peer_that_may_send_from_anywhere_is_cut_down(agent, machine):
    wanted = state({ALICE: [FILESHARE]})
    agent.apply(wanted)
    machine.sh(f"wg set {machine.interface} peer {key(2)} allowed-ips 10.89.0.2/32,fd89::2/128,10.89.0.0/24")
    receipt = agent.again(wanted)
    assert kinds(receipt) == ["addresses moved"]
    assert machine.peers()[key(2)] == {"10.89.0.2/32", "fd89::2/128"}


def test_everything_flushed_comes_back_with_the_time_that_was_left(agent, machine):
    wanted = state({ALICE: [FILESHARE]}, seconds=100)
    agent.apply(wanted)
    machine.sh("nft flush ruleset; ip rule del pref 101")
    receipt = agent.again(wanted)
    assert kinds(receipt) == ["guard missing", "routing guard changed", "table missing"]
    check_in_force(receipt, wanted)
    assert machine.elements()[ALICE[0]] <= 100
    assert "pref 101" in machine.sh("ip rule show").replace("101:", "pref 101")


def test_expiry_is_no_drift(agent, machine):
    wanted = state({ALICE: [FILESHARE], ERIN: [FILESHARE]}, seconds=1)
    agent.apply(wanted)
    machine.sh("sleep 1.2; nft add table inet somebody-else")
    receipt = agent.again(wanted)
    assert receipt["drift"] == []
    assert receipt["missing"]["admissions"] == []


def test_somebody_elses_table_is_no_drift(agent, machine):
    wanted = state({ALICE: [FILESHARE]})
    agent.apply(wanted)
    machine.sh("nft 'add table inet theirs; add set inet theirs s { type ipv4_addr; }'")
    receipt = agent.again(wanted)
    assert (receipt["drift"], receipt["outcome"]) == ([], "unchanged")
    assert "theirs" in machine.sh("nft list tables")


def test_a_restart_is_no_drift(make_agent, machine, tmp_path):
    wanted = state({ALICE: [FILESHARE]}, seconds=100)
    make_agent().apply(wanted)
    machine.clean()
    memory = tmp_path / "state" / "last.jsonl"
    memory.write_text(memory.read_text().replace('"boot":"', '"boot":"another-'))
    receipt = make_agent().apply(wanted)
    assert receipt["drift"] == []
    check_in_force(receipt, wanted)
    assert machine.elements()[ALICE[0]] <= 100


def test_deadlines_do_not_creep_through_rebuilds(agent, machine):
    wanted = state({ALICE: [FILESHARE]}, seconds=100)
    agent.apply(wanted)
    deadline = wanted["admissions"][0][2]
    receipts = [(machine.sh(BY_HAND["table changed"]), agent.again(wanted))[1] for _ in range(6)]
    assert [kinds(receipt) for receipt in receipts] == [["table changed"]] * 6
    assert -2 <= time.time() + machine.elements()[ALICE[0]] - deadline <= 0


def test_what_outlives_its_deadline_by_half_a_second_is_shortened(agent, machine):
    wanted = state({ALICE: [FILESHARE]})
    agent.apply(wanted)
    deadline = wanted["admissions"][0][2]
    machine.sh(AGAIN % f"{int((deadline + 0.5 - time.time()) * 1000)}ms")
    agent.again(wanted)
    before = time.time()
    listed = machine.sh(f"nft list set inet lychgate {SET}")
    minutes, seconds, milliseconds = (int(part) for part in LEFT.search(listed).groups("0"))
    assert before + minutes * 60 + seconds + milliseconds / 1000 <= deadline + 0.1


MAPPED = {
    "a peer": f"wg set $WG peer {key(77)} allowed-ips ::ffff:10.89.0.77/128",
    "an element": f"nft 'add element inet lychgate {SET_V6} {{ ::ffff:10.89.0.77 timeout 1h }}'",
}


@pytest.mark.parametrize("command", MAPPED.values(), ids=MAPPED)
def test_an_address_that_we_would_never_write_holds_back_no_revoke(agent, machine, command):
    agent.apply(state({ALICE: [FILESHARE], ERIN: [FILESHARE]}))
    machine.sh(command.replace("$WG", machine.interface))
    receipt = agent.apply(state({ERIN: [FILESHARE]}))
    assert receipt["kind"] == "receipt", receipt
    assert (set(machine.elements()), set(machine.elements(SET_V6))) == ({ERIN[0]}, {ERIN[1]})
    assert set(machine.peers()) == {key(3)}
    check_in_force(agent.apply(state({ERIN: [FILESHARE]})), state({ERIN: [FILESHARE]}))


def test_a_resource_that_takes_over_an_id_adds_nothing_to_the_chains_of_another(agent, machine):
    wanted = state({ALICE: [FILESHARE]})
    agent.apply(wanted)
    before = machine.sh(STRUCTURE)
    other = placement("other", 7, overlay_v4="10.89.65.99", overlay_v6="fd89:0:0:1::99", ports=[["tcp", 1, 65535]])
    scope = {"devices": [], "resources": ["other"]}
    check_in_force(agent.apply(state({ERIN: ["other"]}, placements=[other]), scope=scope), state({ERIN: ["other"]}, placements=[other]))
    assert "445" not in machine.sh("nft list chain inet lychgate r7.ports")
    check_in_force(agent.apply(wanted), wanted)
    assert words(machine.sh(STRUCTURE)) == words(before)


def words(listing):
    """Return what nft printed, in whatever order it did."""
    return sorted(listing.replace(",", " ").split())
