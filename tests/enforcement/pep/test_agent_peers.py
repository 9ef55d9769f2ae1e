"""A device whose access ended and began again is heard at once, though its tunnel was taken away in between."""

import time

import pytest

from tests.enforcement.pep.agents import Agent, check_in_force
from tests.enforcement.pep.gate import FILESHARE_AT
from tests.lab import doors
from tests.lab_ledger import ways

pytestmark = pytest.mark.lab


def test_revoked_and_granted_again_it_is_reachable_each_time(gate, pep, ledger, tmp_path, pyz, rounds):
    """Without a call it would be deaf for 15 s: it goes on under the keys of a session that the PEP has forgotten (FACTS R16)."""
    agent = Agent(gate, tmp_path, pyz)
    granted, revoked = gate.document(), gate.document(laptop=())
    pep.apply(granted, agent=agent)
    for _ in range(rounds(5, 20)):
        check_in_force(pep.apply(revoked, agent=agent), revoked)
        assert gate.probe("laptop", *doors(FILESHARE_AT[0]), seconds=0.2) == ["silent"]
        check_in_force(pep.apply(granted, agent=agent), granted)
        until = time.monotonic() + 5
        while gate.probe("laptop", *doors(*FILESHARE_AT), seconds=0.5) != ["connected"] * 2:
            assert time.monotonic() < until
    agent.close()
    assert {packet.way for packet in ledger.packets()} <= ways(granted)
