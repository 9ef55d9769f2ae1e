"""The ledger can fail: what nothing allowed is named, and what something allowed is not."""

import pytest

from tests.enforcement.pep.agents import ALICE, FILESHARE, placement, state
from tests.lab_ledger import SLACK, Allowed, Packet, Way, excess, late, ways

WAY = Way("10.89.0.2", "192.168.89.10", "tcp", 445)
ENDED = SLACK + 20.0
TIMELINE = [Allowed(0.0, frozenset()), Allowed(10.0, frozenset({WAY})), Allowed(20.0, frozenset())]
CASES = {
    "before it was allowed": (9.999, WAY, False),
    "while it was": (10.001, WAY, True),
    "under way when it ended": (ENDED - 0.001, WAY, True),
    "after it ended": (ENDED + 0.001, WAY, False),
    "to another port": (15.0, WAY._replace(port=446), False),
    "to another host": (15.0, WAY._replace(destination="192.168.89.11"), False),
    "of another device": (15.0, WAY._replace(source="10.89.0.3"), False),
    "by another protocol": (15.0, WAY._replace(protocol="udp"), False),
}


@pytest.mark.parametrize(("at", "way", "is_fine"), CASES.values(), ids=CASES)
def test_a_packet_too_many_is_named(at, way, is_fine):
    packet = Packet(at, way)
    assert excess([packet], TIMELINE) == ([] if is_fine else [packet])


def test_how_late_a_packet_came_is_counted_from_the_last_change():
    assert late(Packet(20.5, WAY), TIMELINE) == 0.5


def test_a_state_opens_its_ports_at_its_targets_and_nothing_else():
    opened = ways(state({ALICE: [FILESHARE]}, placements=[placement(ports=[["tcp", 445, 446]])]))
    targets = {"10.89.0.2": "192.168.89.10", "fd89::2": "2001:db8:89::10"}
    assert opened == {Way(s, t, p, n) for s, t in targets.items() for p, n in (("tcp", 445), ("tcp", 446), ("icmp", 0))}
