"""The agent killed at every point of a pass that has a name: never more than was granted, and the next pass finishes.

Real devices knock at every door all the while, and a ledger behind the PEP sees what came through. With --full each
point of each document is tried several times; otherwise each document takes its share of the points.
"""

import itertools
import re

import pytest

from tests.enforcement.pep.agents import FILESHARE, WIKI, check_in_force, placement
from tests.enforcement.pep.gate import FILESHARE_AT, PORTS, SHUT, STREAMS, WIKI_AT, WIKI_HOST
from tests.lab import LAPTOP, OTHER_LAN, doors
from tests.lab_ledger import Knocker

pytestmark = pytest.mark.lab

NOTES = placement("notes", 9, ports=PORTS, **WIKI_HOST)
MOVED = {"target_v4": OTHER_LAN[0], "target_v6": OTHER_LAN[1]}
OTHER_PORTS = [["tcp", 22, 22], *PORTS]
# Two states of the PEP; it is killed on the way from one to the other, and on the way back. The owner's file may change with them.
DOCUMENTS = {
    "open and close": ({}, {"phone": (FILESHARE, WIKI), "guest": (WIKI,)}, {}),
    "retarget": ({"phone": (FILESHARE, WIKI)}, {"phone": (FILESHARE, WIKI), "fileshare": MOVED}, {}),
    "replace": ({"more": (NOTES,), "guest": ("notes",)}, {"more": (placement("other", 9, ports=PORTS),), "guest": ("other",)}, {}),
    "rebuild": ({}, {"phone": (FILESHARE, WIKI)}, {"log_group": 6}),
    "mixed": (
        {"phone": (FILESHARE, WIKI), "guest": (WIKI,), "more": (NOTES,)},
        {"guest": (FILESHARE,), "guest_key": 10, "wiki": {"ports": OTHER_PORTS}},
        {"log_group": 6},
    ),
}
LABELS = {
    *("before the pass", "before reading the kernel", "after reading the kernel", "before the order", "after the order"),
    *("half of last.jsonl", "after last.jsonl", "before fsync", "after fsync"),
    *("before the journal", "half of journal.jsonl", "after the journal"),
    *("before commit", "after commit", "before forgetting flows", "after forgetting flows", "before wg set", "after wg set"),
    *("before the read-back", "after the read-back", "before the memory is settled", "after the memory is settled"),
    *("half of the receipt", "after the receipt"),
}


@pytest.fixture
def traffic(gate, pep):
    """Let the laptop stream from the fileshare, and both devices knock at doors that are not theirs."""
    check_in_force(pep.apply(wanted := gate.document()), wanted)
    streams = gate.stream("laptop", *STREAMS, seconds=600)
    streams.wait_until_all_flow(len(STREAMS), seconds=20)
    own = doors(*WIKI_AT, kind="udp", port=137)  # the phone's own: as long as these arrive, it is heard
    knockers = [Knocker(gate, "phone", [*own, *SHUT, *doors(*FILESHARE_AT), *doors(*LAPTOP)]), Knocker(gate, "laptop", SHUT)]
    yield streams
    counts = [knocker.stop() for knocker in knockers]
    assert min(map(min, counts)) > 2, counts  # knocks: few fit beside a short pass on a busy machine


def pairs(*documents):
    return {(slug, address) for wanted in documents for slug, address, _ in wanted["admissions"]}


def held(gate):
    slugs = re.findall(r"set device-access-to-([a-z0-9-]+)(?:\.v6)? \{", gate.sh("nft -t list sets"))
    return {(slug, address) for slug in slugs for address in gate.admitted(slug)}


def share(points, number, rounds):
    """Return all points, four times each, with --full; else every eighth, each document beginning elsewhere."""
    return points[number::8] * rounds(1, 0) + points * rounds(0, 4)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_killed_at_a_point_it_opens_nothing_and_the_next_pass_finishes(gate, pep, traffic, rounds, name):
    first, then, config = DOCUMENTS[name]
    number = list(DOCUMENTS).index(name)
    near, far = [(gate.document(**changes, seconds=3600), owner) for changes, owner in ((first, {"log_group": 5}), (then, config))]
    pep.apply(near[0])
    there, back = [share(pep.rehearse(wanted, **owner), number, rounds) for wanted, owner in (far, near)]
    for point_there, point_back in zip(there, itertools.cycle(back), strict=False):
        check_killed_on_the_way(gate, pep, point_there, near, far)
        check_killed_on_the_way(gate, pep, point_back, far, near)
    if name != "retarget":
        check_undisturbed(traffic)


def check_killed_on_the_way(gate, pep, point, start, end):
    pep.die(point, end[0], **end[1])
    assert held(gate) <= pairs(start[0], end[0]), point
    receipt = pep.apply(end[0], **end[1])
    assert (receipt["why"], receipt["drift"]) == ([], []), point
    assert set(gate.peers()) == {name for name, _ in end[0]["peers"]}, point
    check_in_force(receipt, end[0])


def check_undisturbed(streams):
    """The laptop's grant was in every document: whatever died, its streams live."""
    moment = streams.settle(0.2)
    assert (streams.flows_after(moment), streams.ends) == (set(streams.arrivals), {})


def test_the_points_are_all_there(gate, pep, traffic):
    passed = pep.rehearse(gate.document(guest=(WIKI,), fileshare={"ports": OTHER_PORTS}))
    assert {label.rpartition(" ")[0] for label in passed} >= LABELS
