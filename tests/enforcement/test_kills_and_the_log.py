"""The agent killed at random moments under traffic: no packet came through that the audit log does not allow.

What the log allowed may pass until a pass that began later has been read back: a killed one
confirms nothing. Every device knocks at every door all the while, and the ledger stands behind the PEP.
"""

import time

import pytest

from tests.enforcement.house import House, a_house, a_lab
from tests.enforcement.pep.agents import agent_argv
from tests.factories import HOUR
from tests.lab_ledger import Knocker, Ledger, excess, late

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

EARLIEST, LATEST = 0.05, 0.25  # seconds after its start that the agent is killed: an interpreter's start, a pass, and more
ACTS = 5  # between two kills
PATIENCE = 60  # seconds until something passes
PAUSE = 0.2  # seconds between two rounds of knocks at all doors
DIED = "ended before it answered"


class LongHouse(House):
    """Nothing ends by time alone here: what ends is ended by a pass."""

    lengths = (2 * HOUR,)


@pytest.fixture(scope="module")
def lab():
    with a_lab("k") as lab:
        yield lab


def killed_after(seconds, argv):
    return ["timeout", "--signal=KILL", f"{seconds:.3f}", *argv]


@pytest.fixture
def house(lab, tmp_path, settings, pyz):
    with a_house(lab, 7, tmp_path / "house", settings, pyz, kind=LongHouse) as house:
        yield house


def test_whenever_the_agent_is_killed_no_packet_passes_that_the_log_does_not_allow(lab, house, settings, rounds, figure, pyz, tmp_path):
    whole = agent_argv(pyz, tmp_path / "house" / "agent.json")
    ledger, died = Ledger(lab), 0
    knockers = {name: Knocker(lab, name, [door.spec for door in doors], pause=PAUSE) for name, doors in house.doors().items()}
    until_packets_pass(house, ledger)
    for _round in range(rounds(8, 200)):
        house.act(ACTS)
        ledger.allow_also(house.told())
        settings.PEP_ARGV = {"pep-1": lab.argv("pep", killed_after(house.chance.uniform(EARLIEST, LATEST), whole))}
        died += DIED in house.reconcile().error
        ledger.allow_also(house.told())
        settings.PEP_ARGV = {"pep-1": lab.argv("pep", whole)}
        assert house.reconcile().error == ""  # converged: the kernel was read to hold all that is wanted, and nothing else
        ledger.allow(house.told())
    time.sleep(1)
    counts = {name: knocker.stop() for name, knocker in knockers.items()}
    packets = ledger.close()
    many = excess(packets, ledger.timeline)
    assert not many, [(packet.way, round(late(packet, ledger.timeline), 3)) for packet in many[:9]]
    assert min(min(each) for each in counts.values()) > 5, counts
    assert len(packets) > rounds(8, 2000)
    assert died >= rounds(1, 80)
    figure(f"passes of {rounds(8, 200)} in which the agent was killed", died, rounds(8, 200), unit="passes")


def until_packets_pass(house, ledger):
    """Give out access until some of it is used: eight rounds may be over before a tunnel has shaken hands."""
    until = time.monotonic() + PATIENCE
    while not ledger.packets():
        assert time.monotonic() < until, "nothing came through, though nobody was killed"
        house.act(ACTS)
        ledger.allow_also(house.told())
        assert house.reconcile().error == ""
        ledger.allow(house.told())
        time.sleep(1)
