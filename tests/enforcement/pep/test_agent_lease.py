"""A lease bounds what a PEP keeps when nobody renews; it is neither missing nor drift."""

import time

import pytest

from tests.enforcement.pep.agents import ALICE, FILESHARE, check_in_force, state

pytestmark = pytest.mark.lab


def test_an_element_reaches_no_further_than_its_lease(agent, machine):
    wanted = state({ALICE: [FILESHARE]}, seconds=3600)
    receipt = agent.apply(wanted, lease=60)
    check_in_force(receipt, wanted)
    assert 31 <= machine.elements()[ALICE[0]] <= 60
    assert time.time() + 31 <= receipt["lease_until"] <= time.time() + 60


def test_a_lease_in_its_first_half_is_left_alone(agent, machine):
    wanted = state({ALICE: [FILESHARE]}, seconds=3600)
    agent.apply(wanted, lease=60)
    machine.sh("sleep 1.1; nft add table inet somebody-else")
    receipt = agent.again(wanted, lease=60)
    assert (receipt["outcome"], receipt["drift"]) == ("unchanged", [])
    check_in_force(receipt, wanted)


def test_a_lease_in_its_second_half_is_renewed(agent, machine):
    wanted = state({ALICE: [FILESHARE]}, seconds=3600)
    agent.apply(wanted, lease=6)
    machine.sh("sleep 4.3")  # beyond the half by more than both ends may lose to whole seconds
    receipt = agent.again(wanted, lease=6)
    assert (receipt["outcome"], receipt["drift"]) == ("applied", [])
    check_in_force(receipt, wanted)
    assert machine.elements()[ALICE[0]] >= 2


def test_a_deadline_within_the_lease_is_what_counts(agent, machine):
    wanted = state({ALICE: [FILESHARE]}, seconds=30)
    check_in_force(agent.apply(wanted, lease=600), wanted)
    assert 5 <= machine.elements()[ALICE[0]] <= 30


def test_a_shorter_lease_shortens_and_a_longer_one_waits_for_renewal(agent, machine):
    wanted = state({ALICE: [FILESHARE]}, seconds=3600)
    agent.apply(wanted, lease=0)
    check_in_force(agent.again(wanted, lease=30), wanted)
    assert machine.elements()[ALICE[0]] <= 30


def test_without_a_lease_the_receipt_names_none(agent):
    assert agent.apply(state({ALICE: [FILESHARE]}))["lease_until"] is None
