"""Fifty PEPs, of which one hangs and one says a byte a second: the others get what is theirs, in time, and nothing more.

Two have a kernel of their own; forty-six run the same agent, which only records: so many
namespaces would weigh on the machine, and say nothing more about the portal.
"""

import json
import re
import time

import pytest
from django.conf import settings as shipped
from django.utils import timezone

from enforcement import turns
from enforcement.models import Enforcement, PepStatus, Receipt
from enforcement.reconcile import reconcile
from enrollment import lifecycle
from enrollment.models import Pep
from tests import factories
from tests.enforcement.conftest import TARGETS
from tests.enforcement.pep.agents import PYTHON, Machine, agent_argv
from tests.enforcement.sites import running_site, wait_until
from tests.enforcement.world import BOTH, World
from tests.lab import agent_config

ALL, HANGS, DRIPS = 50, 49, 50
WELL = ALL - 2
TIME_LIMIT = shipped.PEP_TIMEOUT_SECONDS  # as in production
SLOT_SECONDS = 15  # in which a PEP that does not answer must have given its thread back
ENOUGH = 120  # for a busy machine to start forty-eight interpreters

HANGING = "import sys, time; sys.stdin.readline(); time.sleep(600)"
DRIPPING = """
import sys, time
sys.stdin.readline()
while True:
    sys.stdout.write(" ")
    sys.stdout.flush()
    time.sleep(1)
"""


@pytest.fixture(scope="module")
def other_machine(namespace):
    """A second PEP with a kernel of its own."""
    with Machine() as machine:
        yield machine


@pytest.fixture
def ways(gateway, other_machine, tmp_path, pyz):
    """The argv of each of the fifty; pep-1 and pep-2 are the ones with a kernel."""
    other_machine.clean()

    def agent_of(number, interface):
        path = tmp_path / f"pep-{number}.json"
        prefixes = [f"10.89.{64 + number}.0/24", f"fd89:0:0:{number}::/64"]
        own = [f"10.89.{64 + number}.1", f"fd89:0:0:{number}::1"]
        mine = {"pep": f"pep-{number}", "own_addresses": own, "resource_prefixes": prefixes, "state_dir": str(tmp_path / f"state-{number}")}
        path.write_text(json.dumps(agent_config(interface) | mine | {"targets": TARGETS}))
        path.chmod(0o600)
        return agent_argv(pyz, path)

    recording = {f"pep-{number}": [*agent_of(number, "wg0"), "--record"] for number in range(3, HANGS)}
    wicked = {f"pep-{HANGS}": [PYTHON, "-I", "-c", HANGING], f"pep-{DRIPS}": [PYTHON, "-I", "-c", DRIPPING]}
    second = other_machine.argv("pep", agent_of(2, other_machine.interface))
    return {"pep-1": gateway.agent_argv, "pep-2": second, **recording, **wicked}


def reached():
    return PepStatus.objects.exclude(reached_at=None).count()


def applied(admissions):
    """Return how many PEPs were last read to hold so many admissions, and all that was wanted."""
    latest = {
        pep: said for pep, *said in Receipt.objects.order_by("pk").values_list("pep", "admissions", "outcome", "digest", "wanted_digest")
    }
    good = ("applied", "unchanged")
    return sum(held == admissions and outcome in good and digest == wanted for held, outcome, digest, wanted in latest.values())


def held(site):
    """Return for how many seconds each message held a thread, as Celery itself says."""
    return [float(seconds) for seconds in re.findall(r"reconcile_pep\[[^]]*\] succeeded in ([0-9.]+)s", site.said("worker"))]


@pytest.mark.lab
@pytest.mark.django_db
def test_a_device_is_a_peer_only_where_it_has_an_admission(gateway, other_machine, ways, settings):
    settings.PEP_ARGV = ways
    world = World(gateway)
    second = factories.a_pep(2, public_key=other_machine.keys.public, now=world.now)
    wiki, phone = (
        factories.a_resource("wiki", pep=second, number=20, now=world.now),
        factories.a_device(world.alice, "phone", now=world.now),
    )
    factories.a_placement(world.fileshare, second, now=world.now)
    both, _one = world.grant(), world.grant(device=phone, resource=wiki)

    def peers():
        for pep in (world.pep, second):
            turns.mark_due([pep.pk])
            assert reconcile(pep.pk, timezone.now()).error == ""
        return set(gateway.peers()), set(other_machine.peers())

    assert peers() == ({world.laptop.public_key}, {world.laptop.public_key, phone.public_key})
    assert (gateway.admitted(), other_machine.admitted(), other_machine.admitted("wiki")) == (BOTH, BOTH, {"10.89.0.3", "fd89::3"})
    world.revoke(both)
    assert peers() == (set(), {phone.public_key})
    lifecycle.suspend_device(phone, actor=world.alice, reason="left at home", now=timezone.now())
    assert peers() == (set(), set())


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
def test_of_fifty_peps_one_that_hangs_and_one_that_drips_hold_up_nobody(gateway, other_machine, ways, figure):
    world = World(gateway)
    more = [factories.a_pep(number, now=world.now) for number in range(2, ALL + 1)]
    Pep.objects.filter(name="pep-2").update(public_key=other_machine.keys.public)
    [factories.a_placement(world.fileshare, pep, now=world.now) for pep in more]
    with running_site(gateway, ways, LYCHGATE_PEP_TIMEOUT_SECONDS=str(TIME_LIMIT)) as site:
        site.start_broker()
        began = time.monotonic()
        site.start_worker()
        site.start_beat()
        wait_until(lambda: reached() == WELL, ENOUGH)
        figure(f"{WELL} of {ALL} PEPs first reached by a new worker after", time.monotonic() - began, ENOUGH)

        grant, began = world.grant(), time.monotonic()
        wait_until(lambda: applied(admissions=2) == WELL, ENOUGH)
        took = figure(f"a grant applied on {WELL} of {ALL} PEPs after", time.monotonic() - began, 10)
        assert (gateway.admitted(), other_machine.admitted()) == (BOTH, BOTH)
        assert took <= 10

        slow = PepStatus.objects.filter(pep__name__in=(f"pep-{HANGS}", f"pep-{DRIPS}"))
        wait_until(lambda: slow.filter(error__contains=f"did not answer within {TIME_LIMIT} s").count() == 2, ENOUGH)
        wait_until(lambda: len([seconds for seconds in held(site) if seconds >= TIME_LIMIT]) >= 2, ENOUGH)
        assert figure("a PEP that does not answer held a worker's thread for", max(held(site)), SLOT_SECONDS) <= SLOT_SECONDS + 5

        world.revoke(grant)
        began = time.monotonic()
        wait_until(lambda: Enforcement.objects.filter(pep__name__in=("pep-1", "pep-2"), state="gone").count() == 2, ENOUGH)
        wait_until(lambda: applied(admissions=0) == WELL, ENOUGH)
        assert figure(f"a revoke applied on {WELL} of {ALL} PEPs after", time.monotonic() - began, 10) <= 10
        assert (gateway.admitted(), other_machine.admitted()) == (set(), set())
