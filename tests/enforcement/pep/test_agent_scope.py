"""What a scope costs and claims: WireGuard's peers are not read for it, so it speaks only of what WireGuard took."""

import pytest

from tests.enforcement.pep.agents import ALICE, ERIN, FILESHARE, WIKI, check_in_force, key, kinds, state

pytestmark = pytest.mark.lab

OF_ALICE = {"devices": list(ALICE), "resources": []}


def test_a_scope_does_not_read_the_peers_of_others(agent, machine):
    agent.apply(state({ERIN: [FILESHARE]}))
    machine.run("pep", ["wg", "set", machine.interface, "peer", key(3), "remove"])
    wanted = state({ALICE: [WIKI]})
    check_in_force(agent.apply(wanted, scope=OF_ALICE), wanted)
    assert set(machine.peers()) == {key(2)}
    both = state({ALICE: [WIKI], ERIN: [FILESHARE]})
    whole = agent.apply(both)
    assert (kinds(whole), set(machine.peers())) == (["peer removed"], {key(2), key(3)})


def test_after_somebody_touched_the_tables_it_reads_them_all_the_same(agent, machine):
    agent.apply(state({ALICE: [FILESHARE]}))
    machine.run("pep", ["wg", "set", machine.interface, "peer", key(2), "remove"])
    machine.sh("nft add table inet somebody")
    wanted = state({ALICE: [FILESHARE]})
    again = agent.apply(wanted, scope=OF_ALICE)
    assert (kinds(again), set(machine.peers())) == (["peer removed"], {key(2)})
    check_in_force(again, wanted)


def test_what_somebody_touched_stays_to_be_looked_at_by_a_whole_pass(agent, machine):
    agent.apply(state({ALICE: [FILESHARE], ERIN: [FILESHARE]}))
    machine.sh(f"nft delete element inet lychgate device-access-to-fileshare {{ {ERIN[0]} }}")
    assert agent.apply(state({ALICE: [FILESHARE]}), scope=OF_ALICE)["drift"] == []
    whole = agent.apply(state({ALICE: [FILESHARE], ERIN: [FILESHARE]}))
    assert kinds(whole) == ["element missing"]


def test_a_peer_that_wireguard_does_not_take_is_missing_and_not_let_in(make_agent, machine):
    make_agent().apply(state({ERIN: [FILESHARE]}))
    agent = make_agent()
    agent.prefix = ["sh", "-c", 'mount --bind /bin/false /usr/bin/wg && exec "$@"', "sh"]
    receipt = agent.apply(state({ALICE: [FILESHARE]}), scope=OF_ALICE)
    assert (receipt["outcome"], receipt["missing"]["peers"]) == ("removals only", [key(2)])
    assert set(machine.elements()) == {ERIN[0]}
