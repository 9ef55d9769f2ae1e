"""Passes that change nothing, or something for others, and a device that streams all the while: it feels neither."""

import time

import pytest

from tests.enforcement.pep.agents import FILESHARE, WIKI, Agent, check_in_force
from tests.enforcement.pep.gate import FILESHARE_AT, Watched
from tests.lab import streams_to
from tests.lab_weather import MOST_SECONDS, check_no_gap, in_good_weather, watch_the_weather

pytestmark = pytest.mark.lab

PASSES = 20
STREAMS = streams_to(FILESHARE_AT)


@pytest.fixture
def worker(gate, ledger, tmp_path, pyz):
    """One stream with the agent, kept open as a worker keeps it."""
    agent = Agent(gate, tmp_path, pyz)
    yield Watched(lambda: agent, ledger)
    agent.close()


def heard(gate):
    """Return how many bytes each peer has sent since it was added."""
    lines = gate.sh(f"wg show {gate.interface} dump").splitlines()[1:]
    return {fields[0]: int(fields[5]) for fields in (line.split("\t") for line in lines)}


def passes_beside_streams(gate, worker, documents):
    """Stream from before the first pass until after the last; return the receipts and the longest gap."""
    check_in_force(worker.apply(documents[-1]), documents[-1])
    gate.forget_flows()
    streams = gate.stream("laptop", *STREAMS, seconds=60)
    watch_the_weather(gate)
    streams.wait_until_all_flow(len(STREAMS), seconds=20)
    gate.weather.wait_until_all_flow(1, seconds=20)
    laptop, since, receipts = gate.devices["laptop"].keys.public, time.monotonic(), []
    sent = heard(gate)[laptop]
    for number in range(PASSES):
        receipts.append(worker.apply(documents[number % len(documents)]))
        assert heard(gate)[laptop] >= sent, "the peer was taken away and added again"
        sent = heard(gate)[laptop]
    moment = streams.settle(0.1)
    try:
        gap = check_no_gap(gate, streams, since)
        assert (streams.flows_after(moment), streams.ends, streams.lost()) == (set(streams.arrivals), {}, 0)
    finally:
        gate.stop_streams()
    return receipts, gap


def test_passes_that_find_all_as_wanted_commit_nothing_and_no_flow_waits(gate, worker, figure):
    receipts, gap = in_good_weather(lambda: passes_beside_streams(gate, worker, [gate.document()]))
    assert {(receipt["outcome"], receipt["commits"]) for receipt in receipts} == {("unchanged", 0)}
    assert len({receipt["genid"] for receipt in receipts}) == 1
    figure("longest gap of a flow", gap, MOST_SECONDS)


def test_passes_that_change_something_for_others_let_no_flow_wait(gate, worker, figure):
    more = gate.document(phone=(FILESHARE, WIKI), guest=(WIKI,), wiki={"ports": [["tcp", 139, 139]]})
    receipts, gap = in_good_weather(lambda: passes_beside_streams(gate, worker, [more, gate.document()]))
    assert {receipt["outcome"] for receipt in receipts} == {"applied"}
    figure("longest gap of a flow", gap, MOST_SECONDS)
