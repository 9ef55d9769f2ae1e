"""Who could reach what, as authorised beside as enforced: what a real kernel held, by its receipts, told from the log."""

import json
import sys
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from enforcement import transport
from enrollment import audit, facts
from enrollment.models import AuditEvent
from enrollment.moments import in_words
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.lab]
SECOND = timedelta(seconds=1)


@pytest.fixture
def reach(world):
    """Return what is told of alice's laptop and the fileshare: (authorised until, the PEPs that held it) at a moment, now without."""

    def told(at=None):
        found = facts.reaches_at(at or timezone.now(), resource=world.fileshare)
        return (found[0].until, found[0].held) if found else (None, ())

    return told


@pytest.fixture
def unreachable(settings):
    reachable = dict(settings.PEP_ARGV)

    def switch(*, off):
        transport.POOL.close()
        settings.PEP_ARGV = {"pep-1": [sys.executable, "-c", "raise SystemExit('no route to host')"]} if off else reachable

    return switch


def last(verb):
    return AuditEvent.objects.filter(verb=verb).latest("seq").at


def test_what_is_approved_is_authorised_and_not_yet_enforced(world, reach):
    grant = world.grant()
    assert reach() == (grant.ends_at, ())


def test_it_is_in_force_since_the_kernel_said_so(world, reach):
    grant = world.grant()
    between = timezone.now()
    world.reconcile()
    until, (held,) = reach()
    assert (until, held.pep, held.since, held.gone_at, held.unsure_since) == (grant.ends_at, "pep-1", last("pep.enforced"), None, None)
    assert reach(between) == (grant.ends_at, ())


def test_what_was_revoked_is_held_until_the_kernel_says_that_it_is_gone(world, reach, unreachable):
    grant = world.grant()
    world.reconcile()
    unreachable(off=True)
    world.revoke(grant)
    world.reconcile()
    until, (held,) = reach()
    assert (until, held.pep, held.unsure_since, held.gone_at) == (None, "pep-1", last("pep.failing"), None)
    between = timezone.now()
    unreachable(off=False)
    world.reconcile()
    assert reach() == (None, ())
    until, (held,) = reach(between)  # asked later about that moment, one knows how it ended
    assert (until, held.gone_at) == (None, last("pep.enforced"))


def test_a_kernel_ends_by_itself_what_nobody_renews(world, reach, unreachable):
    grant = world.grant(seconds=60)
    world.reconcile()
    unreachable(off=True)
    world.reconcile()
    assert [bool(reach(grant.ends_at + step)[1]) for step in (-SECOND, 0 * SECOND)] == [True, False]


def test_while_the_pep_fails_nobody_knows_and_it_is_said(world, reach, unreachable):
    world.grant()
    world.reconcile()
    sure = timezone.now()
    unreachable(off=True)
    world.reconcile()
    assert reach()[1][0].unsure_since == last("pep.failing")
    assert reach(sure)[1][0].unsure_since is None
    unreachable(off=False)
    world.reconcile()
    assert reach()[1][0].unsure_since is None


def test_what_the_kernel_lost_is_not_in_force_any_more(world, reach, settings):
    world.grant()
    world.reconcile()
    transport.POOL.close()
    settings.PEP_ARGV = {"pep-1": [*world.gateway.agent_argv, "--record"]}  # an agent without a kernel: it holds nothing
    world.reconcile()
    assert (AuditEvent.objects.filter(verb="pep.enforced").latest("seq").data["lost"] != [], reach()[1]) == (True, ())


def test_a_second_grant_carries_on_what_the_first_one_began(world, reach):
    first = world.grant()
    world.reconcile()
    began = last("pep.enforced")
    second = world.grant(seconds=7200)
    world.reconcile()
    world.revoke(first)
    world.reconcile()
    until, (held,) = reach()
    assert (until, held.since > began, held.gone_at) == (second.ends_at, True, None)


def test_the_command_says_both(world, reach):
    grant = world.grant()
    world.reconcile()
    began = in_words(last("pep.enforced"))
    between = timezone.now()
    said = StringIO()
    call_command("who", "fileshare", stdout=said)
    assert said.getvalue() == f"Alice with laptop: authorised until {in_words(grant.ends_at)}; in force on pep-1 since {began}\n"
    world.revoke(grant)
    world.reconcile()
    said = StringIO()
    call_command("who", "--user", "Alice", "--at", between.isoformat(), "--json", stdout=said)
    (told,) = json.loads(said.getvalue())["reach"]
    (held,) = told["enforced"]
    assert (told["resource"], told["authorised"], held["pep"]) == ("fileshare", True, "pep-1")
    assert held["gone_at"] == audit.instant(last("pep.enforced"))


def test_the_same_story_on_two_peps_is_told_of_each(world, reach, settings):
    other = factories.a_pep(2, public_key=factories.a_key("another"), now=world.now)
    factories.a_placement(world.fileshare, other, now=world.now)
    world.grant()
    world.reconcile()
    assert [each.pep for each in reach()[1]] == ["pep-1"]
