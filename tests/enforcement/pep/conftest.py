"""A PEP to talk to: one namespace for the whole run, an empty kernel and a fresh agent for each test."""

import pytest

from portal.demo.netns import why_not
from tests.enforcement.pep.agents import Agent, Machine
from tests.enforcement.pep.gate import Gate, Watched


@pytest.fixture(scope="session")
def gateway():
    if why_not():
        pytest.skip(f"no lab here: {why_not()}")
    with Machine() as machine:
        yield machine


@pytest.fixture
def machine(gateway):
    gateway.clean()
    return gateway


@pytest.fixture
def make_agent(machine, tmp_path, pyz):
    """Start streams with the same PEP: each call is another stream on the same state directory."""
    made = []

    def make(*arguments, **config):
        made.append(Agent(machine, tmp_path, pyz, *arguments, **config))
        return made[-1]

    yield make
    for agent in made:
        agent.close()


@pytest.fixture
def agent(make_agent):
    return make_agent()


@pytest.fixture(scope="module")
def shared_agent(gateway, tmp_path_factory, pyz):
    """Share one stream among the cases of a table that change nothing."""
    gateway.clean()
    agent = Agent(gateway, tmp_path_factory.mktemp("shared"), pyz)
    yield agent
    agent.close()


@pytest.fixture(scope="session")
def gate():
    """A PEP with real devices and a LAN host, for tests that watch packets."""
    if why_not():
        pytest.skip(f"no lab here: {why_not()}")
    with Gate(suffix="c") as gate:
        yield gate


@pytest.fixture
def ledger(gate):
    """Begin with guards and an empty table; at the end, every packet that came through must have been allowed."""
    gate.sh("nft flush ruleset; conntrack -F")
    gate.load_guards()
    try:
        with gate.watched() as ledger:
            yield ledger
    finally:
        gate.stop_streams()


@pytest.fixture
def pep(gate, ledger, tmp_path, pyz):
    """The agent on that PEP, fresh at each document, and the ledger told of what each one allows."""
    made = []

    def make(*, kind=Agent, **config):
        made.append(kind(gate, tmp_path, pyz, **config))
        return made[-1]

    yield Watched(make, ledger)
    for agent in made:
        agent.close()
