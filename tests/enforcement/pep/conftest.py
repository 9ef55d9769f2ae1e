"""A PEP to talk to: one namespace for the whole run, an empty kernel and a fresh agent for each test."""

import pytest

from portal.demo.netns import why_not
from tests.enforcement.pep.agents import Agent, Machine


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
