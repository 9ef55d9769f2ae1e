"""Laws of planning against a real kernel: whatever it holds, afterwards it holds what was wanted, and nothing else in between.

The kernel is read by nft and wg themselves, and `nft monitor` tells what it committed, in its order.
"""

import re
import subprocess
import time

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from enforcement.pep.plan import EARLY_SECONDS
from enforcement.pep.state import from_json
from enforcement.pep.wg import parse, put, show
from tests.enforcement.pep.agents import EMPTY, check_in_force, key, placement, state

pytestmark = pytest.mark.lab

SLUGS = {"fileshare": 7, "wiki": 8, "printer": 9}
DEVICES = [(f"10.89.0.{number}", f"fd89::{number}") for number in range(2, 7)]
ELEMENT = re.compile(r"([0-9a-f.:]+) timeout \w+ expires \w+")
SET = re.compile(r"\tset device-access-to-(\S+) \{(.*?)\n\t\}", re.DOTALL)


@st.composite
def states(draw):
    """Some resources, each at one of two targets; devices with one of two keys each, so that addresses move between peers."""
    placed = {slug: draw(st.sampled_from([10, 11])) for slug in sorted(draw(st.sets(st.sampled_from(sorted(SLUGS)), min_size=1)))}
    devices = sorted(draw(st.sets(st.sampled_from(DEVICES))))
    reach = {device: sorted(draw(st.sets(st.sampled_from(sorted(placed)), min_size=1))) for device in devices}
    keys = dict(zip(devices, draw(st.permutations(range(2, 9))), strict=False))
    wanted = state(
        reach,
        placements=[placement(slug, SLUGS[slug], target_v4=f"192.168.89.{last}") for slug, last in placed.items()],
        peers=[[key(keys[device]), list(device)] for device in devices],
    )
    for each in wanted["admissions"]:
        each[2] += draw(st.sampled_from([0, 600]))
    return wanted


def held(machine):
    """Return the pairs in the kernel's sets, and the peers with their addresses."""
    table = machine.sh("nft list table inet lychgate")
    pairs = {(name.removesuffix(".v6"), address) for name, body in SET.findall(table) for address in ELEMENT.findall(body)}
    dump = machine.run("pep", ["wg", "show", machine.interface, "dump"])
    return pairs, {(peer.key, peer.addresses) for peer in parse(dump).peers}


def named(wanted):
    return {(slug, address) for slug, address, _deadline in wanted["admissions"]}


def peers_of(wanted):
    return {(peer.key, peer.addresses) for peer in from_json(wanted).peers}


class Monitor:
    """What the kernel says of each change of an element or a set, in the order of its commits: `nft monitor`."""

    CHANGE = re.compile(r"(add|delete) element inet lychgate device-access-to-(\S+) \{ ([0-9a-f.:]+)")
    SETS = re.compile(r"delete set inet lychgate device-access-to-(\S+)")

    def __init__(self, machine):
        self.machine, self.marks = machine, 0
        argv = machine.argv("pep", ["nft", "monitor"])
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        time.sleep(0.3)

    def news(self):
        """Return what happened since the last time: ("add", pair), ("delete", pair) or ("delete", resource)."""
        self.marks += 1
        self.machine.sh(f"nft add table ip mark{self.marks}; nft delete table ip mark{self.marks}")
        found = []
        for line in self.process.stdout:
            if line.startswith(f"delete table ip mark{self.marks}"):
                return found
            if change := self.CHANGE.match(line):
                found.append((change[1], (change[2].removesuffix(".v6"), change[3])))
            elif gone := self.SETS.match(line):
                found.append(("delete", gone[1].removesuffix(".v6")))
        raise AssertionError("the monitor ended")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def monitor(machine):
    found = Monitor(machine)
    yield found
    found.close()


def check_order(before, changes, after):
    """Nothing was added that neither was held nor is wanted, and nothing new before all that goes was gone."""
    added = [(at, pair) for at, (verb, pair) in enumerate(changes) if verb == "add"]
    assert {pair for _at, pair in added} <= before | after
    opened = [at for at, pair in added if pair in after - before]
    gone = {pair: at for at, (verb, pair) in enumerate(changes) if verb == "delete"}
    closed = [gone.get(pair, gone.get(pair[0])) for pair in before - after]
    assert None not in closed, changes
    assert not opened or not closed or max(closed) < min(opened), changes


def test_after_any_state_over_any_other_the_kernel_holds_it_and_held_nothing_else_in_between(agent, machine, monitor, rounds):
    check_in_force(agent.apply(EMPTY), EMPTY)
    last, opened = [EMPTY], []

    @settings(
        max_examples=rounds(25, 1500),
        deadline=None,
        database=None,
        derandomize=rounds(few=True, many=False),
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(states())
    def law(wanted):
        before, last[0] = last[0], wanted
        monitor.news()
        receipt = agent.apply(wanted)
        check_in_force(receipt, wanted)
        assert held(machine) == (named(wanted), peers_of(wanted))
        check_order(named(before), monitor.news(), named(wanted))
        if agent.waited < EARLY_SECONDS:  # else the machine stood still, which took more time away than is left alone
            assert agent.again(wanted)["commits"] == 0
            assert monitor.news() == []
        opened.append(len(named(wanted) - named(before)))

    law()
    assert sum(opened) > rounds(40, 2000)


def test_what_wg_prints_of_peers_is_what_was_set(machine):
    peers = from_json(state({device: [] for device in DEVICES}, placements=[])).peers
    for argv in put(machine.interface, peers):
        machine.run("pep", argv)
    seen = parse(machine.run("pep", show(machine.interface)))
    assert (seen.peers, seen.public_key, seen.odd) == (peers, machine.keys.public, frozenset())
    machine.sh(f"wg set {machine.interface} peer {peers[0].key} allowed-ips 10.89.0.0/24,{peers[0].addresses[0]}/32")
    assert parse(machine.run("pep", show(machine.interface))).odd == {peers[0].key}
