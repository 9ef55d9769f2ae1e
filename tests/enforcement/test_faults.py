"""A portal that is down, a PEP that loses its kernel, a PEP whose clock is wrong: access ends no later than it would have."""

import time

import pytest

from enforcement import transport
from enforcement.models import Alarm
from tests import factories
from tests.enforcement.pep.agents import PYTHON
from tests.enforcement.world import BOTH

pytestmark = [pytest.mark.django_db, pytest.mark.lab]
LAPTOP = "10.89.0.2"
ANOTHER_CLOCK = """
import runpy, sys, time
true, ahead = time.time, float(sys.argv[1])
time.time = lambda: true() + ahead
sys.argv[:] = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def ends(world):
    """Return when the kernel ends the laptop's access, in seconds since 1970; 0 where it has none."""
    left = world.gateway.elements().get(LAPTOP)
    return time.time() + left if left else 0.0


def test_while_the_portal_is_down_nothing_is_lengthened_and_nothing_new_opens_and_all_ends(world):
    held = world.grant(6)
    world.reconcile()
    until = world.row(held).until.timestamp()
    world.grant(device=factories.a_device(world.alice, "phone", now=world.now))  # the last that it did
    seen = []
    while time.time() < until + 1:
        seen.append(ends(world))
        assert world.gateway.admitted() <= BOTH
        time.sleep(0.3)
    assert until - 1 < max(seen) < until + 1
    assert (seen[-1], world.gateway.admitted()) == (0.0, set())


def test_a_kernel_that_was_lost_comes_back_within_a_pass_for_what_remains(world, figure):
    grant = world.grant(600)
    world.reconcile()
    until = world.row(grant).until.timestamp()
    time.sleep(2)
    world.gateway.clean()
    assert world.gateway.sh("nft list tables") == ""
    began = time.monotonic()
    world.reconcile()
    assert figure("seconds from contact to restored", time.monotonic() - began, 30) < 30
    assert world.gateway.admitted() == BOTH
    assert world.gateway.elements()[LAPTOP] <= 598
    assert ends(world) < until + 1
    assert world.row(grant).state == "in_force"


@pytest.fixture
def set_clock(world, settings, tmp_path, pyz):
    """Let the agent's wall clock be so many seconds ahead. The kernel's timeouts go by another clock, as everywhere."""

    def set_clock(ahead):
        transport.POOL.close()
        argv = [PYTHON, "-I", "-c", ANOTHER_CLOCK, str(ahead), str(pyz), "--config", str(tmp_path / "agent.json")]
        settings.PEP_ARGV = {"pep-1": world.gateway.argv("pep", argv)}

    return set_clock


@pytest.mark.parametrize("holds_before", [True, False])
@pytest.mark.parametrize(("ahead", "most"), [(-3600, 7200), (3600, 3600), (86400, 0)])
def test_a_pep_whose_clock_is_off_ends_no_later_and_hears_a_revoke_and_admins_are_told(world, set_clock, ahead, most, holds_before):
    grant = world.grant(7200)
    if holds_before:
        world.reconcile()
    set_clock(ahead)
    world.reconcile()
    assert max(world.gateway.elements().values(), default=0) <= most
    assert world.gateway.admitted() == (BOTH if most else set())
    assert list(Alarm.objects.exclude(since=None).values_list("kind", flat=True)) == ["skew"]
    world.revoke(grant)
    world.reconcile()
    assert world.gateway.admitted() == set()
