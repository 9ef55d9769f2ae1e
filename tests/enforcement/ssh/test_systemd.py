"""A PEP under a systemd of its own, switched off and on again: closed before there is a network, and until somebody is let in."""

import pytest

from enforcement import transport
from tests.booted import Booted, why_not_booted
from tests.enforcement.pep.agents import ALICE

pytestmark = [pytest.mark.django_db, pytest.mark.lab, pytest.mark.slow]

GUARD = "table inet lychgate-guard"
OURS = ("lychgate-guards.service", "lychgate-wireguard.service", "lychgate-clock.timer")


@pytest.fixture
def far():
    if why_not_booted():
        pytest.skip(f"no host with a systemd of its own here: {why_not_booted()}")
    with Booted() as far:
        far.boot()
        with far.inside():
            yield far
            transport.POOL.close()


def started(far, unit):
    """Return when a unit became active, in microseconds; never is 0."""
    return int(far.sh(f"systemctl show --property ActiveEnterTimestampMonotonic --value {unit}"))


def states(far):
    return far.sh(f"systemctl is-active {' '.join(OURS)} || true").split()


def test_set_up_under_systemd_everything_of_ours_runs(near, far):
    assert states(far) == ["active"] * 3
    assert (GUARD in far.sh("nft list tables"), near.reconcile().error) == (True, "")


def test_switched_off_and_on_it_is_closed_before_there_is_a_network_and_restored_by_the_next_pass(near, far):
    near.grant()
    near.reconcile()
    transport.POOL.close()
    far.power_cut()
    assert far.sh("nft list tables") == ""
    far.boot()
    assert (states(far), far.sh("nft list tables").split("\n")[:-1], far.peers()) == (["active"] * 3, [GUARD], {})
    order = ("lychgate-guards.service", "network-pre.target", "lychgate-wireguard.service", "network.target")
    moments = [started(far, unit) for unit in order]
    assert (min(moments) > 0, moments) == (True, sorted(moments))
    far.start_sshd()
    assert (near.reconcile().error, far.admitted()) == ("", set(ALICE))


@pytest.mark.parametrize("verbs", [["start"], ["start", "restart"], ["start", "reload"], ["start", "stop"]], ids=" ".join)
def test_the_service_that_flushes_every_table_leaves_the_guards_standing(near, far, verbs):
    for verb in verbs:
        far.sh(f"systemctl {verb} nftables")
        assert GUARD in far.sh("nft list tables")
    assert states(far) == ["active"] * 3


def test_guards_that_do_not_load_leave_the_host_without_wireguard(near, far):
    far.path("/etc/lychgate/guard.nft").write_text("nonsense\n")
    far.power_cut()
    far.boot()
    assert states(far)[:2] == ["failed", "inactive"]
    assert (far.sh("wg show interfaces").strip(), far.sh("ip rule").count("blackhole")) == ("", 2)
