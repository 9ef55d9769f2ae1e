"""Whose turn a PEP is: one at a time, in order, and no nudge is lost."""

from datetime import UTC, datetime, timedelta

import pytest

from enforcement import turns
from enforcement.models import PepStatus, Touched
from tests.factories import a_device, a_pep, a_person
from tests.races import at_once

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LATER = NOW + timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def pep(db):
    pep = a_pep()
    turns.ensure_statuses(NOW)
    return pep


def test_a_new_pep_is_due_at_once(pep):
    assert turns.due(NOW) == [pep.pk]


def test_each_turn_draws_the_next_generation(pep):
    first = turns.take(pep.pk, NOW)
    turns.finish(first, due_at=NOW)
    second = turns.take(pep.pk, NOW)
    assert (first.generation, second.generation) == (1, 2)


def test_nobody_takes_a_turn_that_somebody_has(pep):
    turns.take(pep.pk, NOW)
    turns.mark_due([pep.pk])
    assert turns.take(pep.pk, NOW + SECOND) is None
    assert turns.due(NOW + SECOND) == []


def test_a_turn_whose_worker_died_is_free_after_its_time(pep, settings):
    settings.PEP_TIMEOUT_SECONDS = 15
    turns.take(pep.pk, NOW)
    assert turns.take(pep.pk, NOW + 24 * SECOND) is None
    assert turns.take(pep.pk, NOW + 25 * SECOND).generation == 2


def test_a_pep_that_is_not_due_gives_no_turn(pep):
    turns.finish(turns.take(pep.pk, NOW), due_at=NOW + 10 * SECOND)
    assert turns.take(pep.pk, NOW + 9 * SECOND) is None
    assert turns.take(pep.pk, NOW + 10 * SECOND) is not None


def test_a_nudge_during_a_pass_is_not_lost(pep):
    turn = turns.take(pep.pk, NOW)
    turns.mark_due([pep.pk])
    assert turns.finish(turn, due_at=LATER) == (True, turns.AT_ONCE)
    assert turns.take(pep.pk, NOW) is not None


def test_a_nudge_before_a_pass_is_served_by_it(pep):
    turns.mark_due([pep.pk])
    turns.finish(turns.take(pep.pk, NOW), due_at=LATER)
    assert turns.take(pep.pk, NOW) is None


def test_a_worker_that_was_overtaken_writes_nothing(pep):
    stalled = turns.take(pep.pk, NOW)
    turns.take(pep.pk, LATER)
    assert turns.finish(stalled, due_at=LATER, error="old news")[0] is False
    status = PepStatus.objects.get(pk=pep.pk)
    assert (status.error, status.busy_until > LATER) == ("", True)


def test_a_nudge_makes_the_row_of_a_pep_that_has_none():
    pep = a_pep(2)
    turns.mark_due([pep.pk])
    assert turns.due(NOW) == [pep.pk]


@pytest.mark.parametrize("forged", [-1, 0, 999, 2**40])
def test_an_id_of_nobody_changes_nothing(pep, forged):
    turns.finish(turns.take(pep.pk, NOW), due_at=LATER)
    turns.mark_due([forged])
    assert turns.take(forged, NOW) is None
    assert (PepStatus.objects.count(), turns.due(NOW)) == (1, [])


class TestATouchedDevice:
    """It is looked at without a pass over everything."""

    @pytest.fixture
    def device(self, pep):
        turns.finish(turns.take(pep.pk, NOW), due_at=LATER)
        return a_device(a_person("alice"))

    @pytest.fixture
    def touched(self, pep, device):
        Touched.objects.all().delete()
        turns.touch([pep.pk], [device.pk])

    def test_gives_a_turn_though_the_pep_is_not_due(self, pep, device, touched):
        assert turns.due(NOW) == [pep.pk]
        turn = turns.take(pep.pk, NOW)
        assert (turn.is_whole, list(turns.touched(pep.pk).values())) == (False, [device.pk])

    def test_that_was_served_needs_no_further_turn_and_the_next_look_at_everything_stays_due(self, pep, touched):
        turn, served = turns.take(pep.pk, NOW), turns.touched(pep.pk)
        assert turns.finish(turn, due_at=LATER + SECOND, served=served) == (True, LATER)
        assert turns.take(pep.pk, NOW) is None

    def test_may_bring_the_next_look_at_everything_forward(self, pep, touched):
        turn, served = turns.take(pep.pk, NOW), turns.touched(pep.pk)
        assert turns.finish(turn, due_at=NOW + SECOND, served=served) == (True, NOW + SECOND)

    def test_while_a_pass_is_under_way_is_not_lost(self, pep, device, touched):
        turn, served = turns.take(pep.pk, NOW), turns.touched(pep.pk)
        turns.touch([pep.pk], [device.pk])
        assert turns.finish(turn, due_at=LATER, served=served) == (True, turns.AT_ONCE)
        assert list(turns.touched(pep.pk).values()) == [device.pk]

    def test_stays_touched_when_its_pass_fails(self, pep, device, touched):
        turns.finish(turns.take(pep.pk, NOW), due_at=LATER)
        assert list(turns.touched(pep.pk).values()) == [device.pk]

    def test_is_served_by_a_look_at_everything_too(self, pep, touched):
        turns.mark_due([pep.pk])
        turn, served = turns.take(pep.pk, NOW), turns.touched(pep.pk)
        assert turn.is_whole
        assert turns.finish(turn, due_at=LATER, served=served) == (True, LATER)

    def test_gives_no_turn_while_somebody_has_it(self, pep, touched):
        turns.take(pep.pk, NOW)
        assert turns.take(pep.pk, NOW + SECOND) is None

    def test_among_too_many_makes_everything_due(self, pep, device, touched, monkeypatch):
        monkeypatch.setattr(turns, "MOST_TOUCHED", 0)
        turns.touch([pep.pk], [device.pk])
        assert turns.take(pep.pk, NOW).is_whole

    def test_on_a_pep_that_has_no_row_yet_makes_everything_due_there(self, device):
        new = a_pep(2)
        PepStatus.objects.filter(pk=new.pk).delete()
        turns.touch([new.pk], [device.pk])
        assert turns.take(new.pk, NOW).is_whole


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (1000, 10)])
def test_failures_wait_longer_up_to_ten_seconds(failures, seconds):
    assert turns.backoff(failures) == seconds * SECOND


@pytest.mark.django_db(transaction=True)
def test_of_many_threads_one_takes_the_turn(rounds):
    pep = a_pep()
    for number in range(1, rounds(3, 100) + 1):
        turns.mark_due([pep.pk])
        (turn,) = [turn for turn in at_once(*[lambda: turns.take(pep.pk, NOW)] * 8) if turn is not None]
        assert (turn.generation, PepStatus.objects.get().generation) == (number, number)
        turns.finish(turn, due_at=NOW)
