"""A PEP for the portal's side: a real kernel in a namespace, reached by the same argv that an operator would set."""

import os

import pytest
from django.utils import timezone

from enforcement import transport
from enforcement.zipapp import build
from enrollment import lifecycle
from portal.demo.netns import Lab, make_keys, unique_interface, why_not
from tests import factories
from tests.enforcement.pep.agents import Agent, Machine, agent_argv
from tests.enforcement.world import World
from tests.lab import PORT

EVERY_PORT = [["tcp", 1, 65535], ["udp", 1, 65535]]
TARGETS = [{"prefix": prefix, "ports": EVERY_PORT} for prefix in ("192.168.89.0/24", "fd00:89::/64")]


class Gateway(Machine):
    """As `Machine`, under a prefix of its own, with the agent's argv for LYCHGATE_PEP_ARGV."""

    def __init__(self):
        Lab.__init__(self, f"lgt{os.getpid()}p")
        self.add_host("pep")
        self.interface, self.keys = unique_interface(), make_keys()
        self.add_wireguard("pep", self.interface, self.keys, ["10.89.65.1/24"], port=PORT)
        self.agent_argv = []

    def become_new(self, directory, pyz):
        """Empty the kernel and forget all that any agent ever did here."""
        self.clean()
        Agent(self, directory, pyz, targets=TARGETS)
        self.agent_argv = self.argv("pep", agent_argv(pyz, directory / "agent.json"))


@pytest.fixture(scope="session")
def pyz(tmp_path_factory):
    return build(tmp_path_factory.mktemp("agent") / "agent.pyz")


@pytest.fixture(scope="session")
def namespace():
    if why_not():
        pytest.skip(f"no lab here: {why_not()}")
    with Gateway() as gateway:
        yield gateway


@pytest.fixture
def gateway(namespace, tmp_path, pyz, settings):
    """pep-1, with an empty kernel, and the portal knowing the way there."""
    namespace.become_new(tmp_path, pyz)
    settings.PEP_ARGV = {"pep-1": namespace.agent_argv}
    yield namespace
    transport.POOL.close()


@pytest.fixture
def world(gateway, db):
    return World(gateway)


@pytest.fixture
def granted(gateway, transactional_db):
    """Return a function by which bob approves what alice asks, here and now: for her laptop, or another `device`."""
    now = timezone.now()
    alice, bob = (factories.a_person(name, now=now) for name in ("alice", "bob"))
    pep = factories.a_pep(public_key=gateway.keys.public, now=now)
    fileshare = factories.a_resource("fileshare", pep=pep, now=now)
    laptop = factories.a_device(alice, now=now)

    def approve(seconds=3600, *, device=laptop):
        request = factories.a_request(device.owner, fileshare, [device], seconds=seconds, now=timezone.now())
        return lifecycle.approve(request, reviewer=bob, now=timezone.now())

    return approve
