"""Many admissions on one PEP: how long the agent works for them, and how large it becomes.

Its work is measured in seconds of the processor, its own and those of the programs it runs: what
others do on the machine at the same time does not count.
"""

import os
import time
from pathlib import Path

import pytest

from tests.enforcement.pep.agents import check_in_force, key, placement, state

pytestmark = pytest.mark.lab

MOST_MEGABYTES = 200
TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture
def roomy(make_agent):
    return make_agent(most_peers=100_000, most_new_peers_an_hour=100_000)


def hosts(count):
    return [f"10.89.{n // 250}.{n % 250 + 1}" for n in range(count)]


def everybody_everywhere(devices, resources):
    deadline = int(time.time()) + 3600
    wanted = state(
        placements=[placement(f"r{n}", n + 10) for n in range(resources)], peers=[[key(n), [a]] for n, a in enumerate(hosts(devices))]
    )
    return wanted | {"admissions": [[f"r{n}", a, deadline] for n in range(resources) for a in hosts(devices)]}


def worked(agent):
    """Return the seconds of the processor that an agent took so far, with those of what it ran."""
    fields = Path(f"/proc/{agent.process.pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def megabytes(agent):
    """Return how large an agent ever was."""
    lines = Path(f"/proc/{agent.process.pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def test_ten_thousand_grants_cost_two_seconds_to_apply_and_three_to_read_back(roomy, figure):
    wanted = everybody_everywhere(2500, 4)
    roomy.hello()
    began = worked(roomy)
    check_in_force(roomy.apply(wanted), wanted)
    applied = worked(roomy)
    assert roomy.apply(wanted)["outcome"] == "unchanged"
    assert figure("work to apply", applied - began, 2) < 2
    assert figure("work to read back and compare", worked(roomy) - applied, 3) < 3


def test_twenty_thousand_admissions_go_in_and_are_read_back_quickly(roomy, figure):
    wanted = everybody_everywhere(5000, 4)
    receipt = roomy.apply(wanted)
    check_in_force(receipt, wanted)
    assert receipt["counts"] == {"peers": 5000, "admissions": 20000, "placements": 4}
    assert figure("time to apply", receipt["took_ms"] / 1000, 15) < 15
    again = roomy.apply(wanted)
    assert (again["outcome"], again["commits"]) == ("unchanged", 0)
    one = roomy.apply(state(placements=[placement("r0", 10)]), scope={"devices": [hosts(8)[7]], "resources": []})
    assert one["took_ms"] < again["took_ms"]
    assert figure("the agent's size", megabytes(roomy), MOST_MEGABYTES, unit="MB") < MOST_MEGABYTES
