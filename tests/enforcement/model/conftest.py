"""Two PEPs with real kernels for the model, one namespace each, and a world that every example begins with."""

import ipaddress
import os

import pytest

from enforcement import tasks, transport
from portal.demo.netns import Lab, make_keys, unique_interface, why_not
from tests.enforcement.conftest import TARGETS, Gateway
from tests.enforcement.model.kernel import read
from tests.enforcement.model.world import World
from tests.enforcement.pep.agents import PYTHON, Agent
from tests.lab import PORT

POOLS = (ipaddress.ip_network("10.89.0.0/28"), ipaddress.ip_network("fd89::/64"))  # so small that addresses are given again


class Numbered(Gateway):
    """As `Gateway`, one of several."""

    def __init__(self, number):
        Lab.__init__(self, f"lgt{os.getpid()}{'xy'[number - 1]}")
        self.number, self.name = number, f"pep-{number}"
        self.add_host("pep")
        self.interface, self.keys = unique_interface(), make_keys()
        self.add_wireguard("pep", self.interface, self.keys, [f"10.89.{64 + number}.1/24"], port=PORT)
        self.agent_argv, self.memory = [], None

    def become_new(self, directory, pyz):
        directory.mkdir()
        prefixes = [f"10.89.{64 + self.number}.0/24", f"fd89:0:0:{self.number}::/64"]
        agent = Agent(self, directory, pyz, pep=self.name, resource_prefixes=prefixes, targets=TARGETS)
        self.agent_argv = self.argv("pep", [PYTHON, "-I", str(pyz), "--config", str(directory / "agent.json")])
        self.memory = directory / "state" / "last.jsonl"
        self.clean()
        return agent

    def forget(self):
        """Be as on the first day: an empty kernel, and an agent that remembers nothing. Its stream stays warm."""
        self.memory.unlink(missing_ok=True)
        self.clean()

    def held(self):
        """Read the kernel by its own tools."""
        return read(self)


@pytest.fixture(scope="module")
def namespaces():
    if why_not():
        pytest.skip(f"no lab here: {why_not()}")
    with Numbered(1) as one, Numbered(2) as two:
        yield one, two


@pytest.fixture
def gateways(namespaces, tmp_path, pyz, settings):
    for gateway in namespaces:
        gateway.become_new(tmp_path / gateway.name, pyz)
    settings.PEP_ARGV = {gateway.name: gateway.agent_argv for gateway in namespaces}
    yield namespaces
    transport.POOL.close()


@pytest.fixture
def model(gateways, db, settings, monkeypatch):
    """The people, resources and PEPs. The broker is away, so nudges only mark what is due: the model's rules are the workers."""
    settings.DEVICE_POOLS = POOLS
    monkeypatch.setattr(tasks, "_ask_for", lambda *_args: None)
    return World(gateways)
