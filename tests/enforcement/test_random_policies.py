"""Random resources, terms, grants and times, from the verbs to a real kernel: what passes is what `decide` allows, no more, no less.

Each device knocks at every door of every resource, listed or not, in both families, over TCP and UDP, and past the
PEP's translation at the hosts themselves. What passed is told twice: by the answers, and by the ledger behind the PEP.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.enforcement.house import SHORT, a_house, a_lab
from tests.lab_ledger import Ledger

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

STEPS = 2
PATIENCE = 60.0  # seconds that a tunnel may need to shake hands again


def knock(lab, doors):
    """Knock at all of a device's doors at once; return those that answered."""
    answers = json.loads(lab.tool(doors[0].device, "probe", "1.5", json.dumps([door.spec for door in doors])))
    return {door for door, answer in zip(doors, answers, strict=True) if answer == "connected"}


def what_passes(lab, doors, allowed):
    """Knock until all that is allowed has answered, or for as long as tunnels may need; return all that ever did."""
    passed, until = set(), time.monotonic() + PATIENCE
    with ThreadPoolExecutor() as pool:
        while True:
            passed |= set().union(*pool.map(lambda each: knock(lab, each), doors.values()))
            if passed >= allowed or time.monotonic() > until:
                return passed


@pytest.fixture(scope="module")
def lab():
    with a_lab("r") as lab:
        yield lab


def test_what_passes_is_what_is_decided(lab, tmp_path, settings, pyz, rounds):
    seen = {"allowed": 0, "closed": 0}
    for seed in range(rounds(2, 60)):
        with a_house(lab, seed, tmp_path / str(seed), settings, pyz) as house:
            for _step in range(STEPS):
                house.act(12)
                assert house.reconcile().error == ""
                time.sleep(SHORT + 0.5)  # what was short has ended by the kernel alone
                lab.forget_flows()
                ledger = Ledger(lab)
                (allowed, ways), doors = house.allowed(), house.doors()
                passed = what_passes(lab, doors, allowed)
                arrived = {packet.way for packet in ledger.close() if packet.way.protocol != "icmp"}
                assert passed == allowed, f"seed {seed}: too many {passed - allowed}, lacking {allowed - passed}"
                assert arrived == ways, f"seed {seed}: too many {arrived - ways}, lacking {ways - arrived}"
                seen["allowed"] += len(allowed)
                seen["closed"] += sum(map(len, doors.values())) - len(allowed)
    assert min(seen.values()) > rounds(10, 300), seen
