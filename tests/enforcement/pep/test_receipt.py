"""What a receipt says of elements that were read back: a second look at one may round it down to the second before."""

from dataclasses import replace

import pytest

from enforcement.pep import receipt
from enforcement.pep.apply import Pass
from enforcement.pep.plan import EARLY_SECONDS, Horizon, plan
from enforcement.pep.requests import Apply
from enforcement.pep.state import Admission, State, from_json
from tests.enforcement.pep.agents import ALICE, FILESHARE, placement, state

NOW = 1_800_000_000
DEADLINE = NOW + 600


def told(end, horizon):
    """Return what is said to be missing where each element ends at this second."""
    wanted = from_json(state({ALICE: [FILESHARE]}, placements=[placement()]))
    wanted = replace(wanted, admissions=tuple(Admission(a.resource, a.address, DEADLINE) for a in wanted.admissions))
    held = State(wanted.placements, wanted.peers, tuple(Admission(a.resource, a.address, end) for a in wanted.admissions))
    done = Pass(horizon, read_at=NOW, held=held)
    done.interface = replace(done.interface, peers=wanted.peers)
    missing = receipt.of_apply(Apply(1, "", float(NOW), 0, None, wanted, "", ""), done)["missing"]
    return bool(missing["admissions"]), bool(plan(held, wanted, horizon))


@pytest.mark.parametrize(
    ("early", "is_missing", "is_written_again"), [(0, False, False), (EARLY_SECONDS, False, False), (3, False, True), (4, True, True)]
)
def test_what_the_plan_left_alone_is_not_missing_a_moment_later(early, is_missing, is_written_again):
    assert told(DEADLINE - early, Horizon(NOW)) == (is_missing, is_written_again)


def test_an_element_that_ends_too_late_is_missing():
    assert told(DEADLINE + 1, Horizon(NOW)) == (True, True)
