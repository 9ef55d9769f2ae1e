"""The portal's clock jumps, and a PEP with a real kernel: nothing revives, nothing lasts longer, everything can be ended."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from enforcement import turns
from enforcement.tasks import reconcile_pep
from enrollment import clock
from enrollment.models import LatestMoment
from tests.enforcement.world import BOTH

pytestmark = [pytest.mark.django_db, pytest.mark.lab]
HOUR, YEAR = timedelta(hours=1), timedelta(days=365)


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(reconcile_pep, "apply_async", lambda *_, **__: None)


def go_back(by):
    """Let the clock have been ahead by so much."""
    clock.PACE.seen = None
    LatestMoment.objects.update_or_create(pk=clock.ROW, defaults={"seen_at": datetime.now(UTC) + by})


def run(world):
    """Make a pass as a worker does, by the clock that workers ask."""
    turns.mark_due([world.pep.pk])
    reconcile_pep(world.pep.pk)


def test_a_grant_that_had_ended_does_not_revive_when_the_clock_goes_back(world):
    grant = world.grant(600)
    run(world)
    assert world.gateway.admitted() == BOTH
    go_back(HOUR)
    for _pass in range(2):
        run(world)
        assert (world.row(grant).state, world.gateway.admitted(), world.gateway.peers()) == ("gone", set(), {})


def test_what_runs_goes_on_when_the_clock_goes_back_and_never_longer(world):
    grant = world.grant(7200)
    run(world)
    go_back(HOUR)
    run(world)
    assert (world.row(grant).state, world.gateway.admitted()) == ("in_force", BOTH)
    assert world.gateway.elements()["10.89.0.2"] <= 3600


def test_a_revoke_lands_while_the_clock_is_in_doubt(world):
    grant = world.grant(7200)
    run(world)
    go_back(HOUR)
    world.revoke(grant)
    run(world)
    assert (world.row(grant).state, world.gateway.admitted()) == ("gone", set())


def test_after_a_clock_that_was_a_year_ahead_access_lasts_as_long_as_was_asked(world):
    ended = world.grant(600)
    run(world)
    go_back(YEAR)
    run(world)
    call_command("clock", "--trust", stdout=StringIO())
    run(world)
    assert (world.row(ended).state, world.gateway.admitted()) == ("gone", set())
    again = world.grant(600)
    run(world)
    assert (world.row(again).state, world.gateway.admitted()) == ("in_force", BOTH)
    assert 590 <= world.gateway.elements()["10.89.0.2"] <= 600
