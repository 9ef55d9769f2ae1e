"""Access that begins later, and more time for access that runs, on a PEP with a real kernel: to the second, and without a gap."""

import time

import pytest
from django.utils import timezone

from enforcement.reconcile import reconcile
from enrollment import lifecycle
from tests import factories
from tests.enforcement.world import BOTH

pytestmark = [pytest.mark.django_db, pytest.mark.lab]


def ask(world, **more):
    return factories.a_grant(world.alice, world.fileshare, [world.laptop], reviewer=world.bob, now=timezone.now(), **more)


def sleep_until(moment):
    time.sleep(max(0.0, (moment - timezone.now()).total_seconds()))


def test_it_is_let_in_at_its_start_and_not_before(world):
    grant = ask(world, starts_at=factories.later(3, since=timezone.now()), seconds=600)
    outcome = world.reconcile()
    assert (outcome.due_at, world.gateway.admitted()) == (grant.starts_at, set())
    sleep_until(grant.starts_at)
    reconcile(world.pep.pk, timezone.now())  # nobody nudged it: it came due by time alone
    assert (world.row(grant).state, world.gateway.admitted()) == ("in_force", BOTH)
    assert world.row(grant).in_force_at < factories.later(5, since=grant.starts_at)


@pytest.mark.parametrize("lost", [True, False], ids=["its device was lost", "it was revoked"])
def test_what_came_to_nothing_before_its_start_is_never_let_in(world, lost):
    grant = ask(world, starts_at=factories.later(1, since=timezone.now()), seconds=600)
    world.reconcile()
    if lost:
        lifecycle.report_lost(world.laptop, actor=world.alice, reason="", now=timezone.now())
    else:
        lifecycle.revoke(grant, actor=world.alice, reason="", now=timezone.now())
    sleep_until(grant.starts_at)
    world.reconcile()
    assert (world.gateway.admitted(), world.gateway.peers()) == (set(), {})


def test_more_time_leaves_no_moment_without_access(world):
    first = ask(world, seconds=4)
    world.reconcile()
    more = ask(world, seconds=600, extends=first)
    world.reconcile()
    assert world.row(first).state == "in_force"
    assert world.gateway.elements()["10.89.0.2"] > 595
    while timezone.now() < factories.later(0.5, since=first.ends_at):
        assert world.gateway.admitted() == BOTH
    world.reconcile()
    assert (world.row(first).state, world.row(more).state, world.gateway.admitted()) == ("gone", "in_force", BOTH)
