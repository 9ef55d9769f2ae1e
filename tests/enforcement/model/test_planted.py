"""Tests of the test: bugs that were made in comparable products, planted in ours, and each found by the same machine in the same few runs.

The fifth, a ruleset without the gate on the reply's source, shows only in packets: it is planted in
tests/enforcement/pep/test_attacks_forged.py and test_attacks_deadline.py, with a LAN host that forges and a target that moved.
"""

from dataclasses import replace
from functools import wraps

import pytest

from enforcement import reconcile as passes
from enforcement import record, turns
from enforcement.models import Enforcement
from enrollment import lifecycle
from enrollment.lifecycle import Refused
from enrollment.models import Device, Grant
from tests.enforcement.model.laws import Broken
from tests.enforcement.model.machine_rules import Machine
from tests.enforcement.model.test_laws import EXAMPLES, STEPS, run

pytestmark = [pytest.mark.django_db, pytest.mark.lab]


def delete_the_element_when_a_grant_ends(monkeypatch):
    """Revoke is "delete element", although another grant is live: the worst bug of this kind elsewhere."""
    compile_state = passes.compile_state

    def without_the_ended(known, now):
        desired = compile_state(known, now)
        ended = Grant.objects.exclude(state__in=Grant.OPEN).filter(enforcements__in=Enforcement.objects.exclude(state="gone"))
        pairs = set(ended.values_list("resource__slug", "devices__address_v4"))
        kept = tuple(a for a in desired.state.admissions if (a.resource, str(a.address)) not in pairs)
        return replace(desired, state=replace(desired.state, admissions=kept))

    monkeypatch.setattr(passes, "compile_state", without_the_ended)


def revoke_only_for_the_eligible(monkeypatch):
    """Ending asks what beginning asks: is the account active, the device in use?"""
    revoke = lifecycle.revoke

    @wraps(revoke)
    def gated(grant, **more):
        usable = Device.objects.filter(grants=grant, state="enrolled").exists()
        if not grant.user.is_active or not usable:
            raise Refused("The account is disabled, or the device is not in use.")
        revoke(grant, **more)

    monkeypatch.setattr(lifecycle, "revoke", gated)


def draw_the_generation_after_the_facts(monkeypatch):
    """The turn is taken once the facts are read: whoever stalls in between has old facts and the newest number."""

    def reconcile(pep_id, now):
        reading = passes.read(turns.Turn(pep_id, 0, now, now), now)
        turns.mark_due([pep_id])
        turn = turns.take(pep_id, now)
        answer = passes.ask(reading.pep.name, passes.ways.to(reading.pep), lambda hello: passes.document(turn, reading, hello, now))
        return record.reached(turn, reading.pep, reading.desired, reading.rows, answer, now, served=reading.touched)

    monkeypatch.setattr(passes, "reconcile", reconcile)


PLANTED = {
    delete_the_element_when_a_grant_ends: "I1: .* lacks",
    revoke_only_for_the_eligible: "I9: revoke was refused",
    draw_the_generation_after_the_facts: "(I1|I8): .* lets .* into",
}


@pytest.mark.parametrize(("plant", "broken"), PLANTED.items(), ids=lambda each: getattr(each, "__name__", ""))
def test_a_planted_bug_is_found(plant, broken, model, monkeypatch):
    plant(monkeypatch)
    with pytest.raises(Broken, match=broken):
        run(Machine, model, examples=EXAMPLES[0], steps=STEPS[0])
