"""The laws of access, over histories that chance writes: real verbs, the real database, the shipped agent, real kernels."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.enforcement.model.machine_rules import Machine

EXAMPLES, STEPS = (12, 120), (30, 60)

pytestmark = [pytest.mark.django_db, pytest.mark.lab]


def run(machine, world, *, examples, steps, counts=None, **more):
    """Run histories that are the same every time, or, where there are many, others every time."""
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        **{"derandomize": True, "phases": (Phase.generate,), **more},
    )
    run_state_machine_as_test(lambda: machine(world, counts), settings=chosen)


FLOORS = {  # what the few runs must have been through, or they show little
    "grants": 15,
    "live": 60,
    "unions": 20,
    "extensions": 2,
    "revoke": 8,
    "revokes while another is live": 2,
    "ends by time": 5,
    "boundaries": 5,
    "step stall_with_old_facts": 2,
    "step look_and_look_again": 2,
    "step sweep": 2,
    "told by the log": 30,
    "elements seen": 200,
}
RARE = {  # what the many runs must have been through besides; by chance the few are not
    "begins by time": 5,
    "suspensions with a live grant": 20,
    "disabled with a live grant": 5,
    "boots with something held": 20,
    "ended by the kernel alone": 5,
    "answered twice": 20,
    "grants by a stand-in": 10,
    "break_glass": 4,
    "approve_device": 2,
}


def test_the_laws_hold_over_whatever_happens(model, rounds):
    counts = Counter()
    run(Machine, model, examples=rounds(*EXAMPLES), steps=rounds(*STEPS), counts=counts, derandomize=rounds(few=True, many=False))
    floors = rounds(FLOORS, FLOORS | RARE)
    too_few = {what: counts[what] for what, floor in floors.items() if counts[what] < floor}
    assert not too_few, counts
