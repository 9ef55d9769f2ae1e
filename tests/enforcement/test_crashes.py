"""An agent that dies in the middle of a pass, seen from the portal: nothing is claimed that was not read back, and the next pass heals."""

import pytest

from enforcement import transport
from enforcement.models import Drift
from tests.enforcement.pep.agents import PYTHON
from tests.enforcement.world import BOTH
from tests.lab import TOOLS

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

POINTS = ["before reading the kernel 1", "after the order 1", "after commit 1", "after wg set 1", "after the memory is settled 1"]
CLOSING = ["after the order 1", "after commit 1", "after forgetting flows 1", "half of the receipt 1"]


@pytest.fixture
def dies_at(world, settings, tmp_path, pyz):
    """Let pep-1's agent die at a point, or live again."""
    alive = dict(settings.PEP_ARGV)

    def switch(point):
        transport.POOL.close()
        argv = [PYTHON, "-I", str(TOOLS / "dying_agent.py"), str(pyz), point, "--config", str(tmp_path / "agent.json")]
        settings.PEP_ARGV = {"pep-1": world.gateway.argv("pep", argv)} if point else alive

    return switch


@pytest.mark.parametrize("point", [*POINTS, "half of the receipt 1"])
def test_an_agent_that_died_while_opening_put_nothing_in_force(world, dies_at, point):
    world.reconcile()
    grant = world.grant()
    dies_at(point)
    assert "ended before it answered" in world.reconcile().error
    assert (world.row(grant).state, "ended before it answered" in world.row(grant).error) == ("wanted", True)
    assert world.gateway.admitted() <= BOTH
    dies_at("")
    assert world.reconcile().error == ""
    assert (world.row(grant).state, world.gateway.admitted(), Drift.objects.exists()) == ("in_force", BOTH, False)


@pytest.mark.parametrize("point", CLOSING)
def test_an_agent_that_died_while_closing_confirmed_nothing(world, dies_at, point):
    grant = world.grant()
    world.reconcile()
    world.revoke(grant)
    dies_at(point)
    world.reconcile()
    assert (world.row(grant).state, world.row(grant).gone_at) == ("ending", None)
    dies_at("")
    assert world.reconcile().error == ""
    assert (world.row(grant).state, world.gateway.admitted(), world.gateway.peers(), Drift.objects.exists()) == ("gone", set(), {}, False)
