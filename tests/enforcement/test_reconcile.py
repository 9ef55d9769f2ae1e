"""One pass over one PEP with a real kernel: what is said to be in force was read back from it, and so was what is said to be gone."""

import sys
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from enforcement import record, transport, turns
from enforcement.models import Drift, Enforcement, PepStatus, Receipt
from enforcement.reconcile import document, read, reconcile
from enforcement.rows import GOES_ON
from enrollment import lifecycle
from enrollment.models import AuditEvent
from tests import factories
from tests.enforcement.world import BOTH

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

SECOND = timedelta(seconds=1)


def test_approved_is_in_force_only_after_the_kernel_said_so(world):
    grant = world.grant()
    assert not Enforcement.objects.exists()
    outcome = world.reconcile()
    row = world.row(grant)
    assert (outcome.error, world.gateway.admitted()) == ("", BOTH)
    assert world.gateway.peers() == {world.laptop.public_key: {"10.89.0.2/32", "fd89::2/128"}}
    assert (row.state, row.until) == ("in_force", grant.ends_at.replace(microsecond=0))
    assert world.status().agreed_at is not None


def test_a_revoke_is_gone_only_after_the_kernel_said_so(world):
    grant = world.grant()
    world.reconcile()
    world.revoke(grant)
    assert world.row(grant).state == "in_force"
    world.reconcile()
    assert (world.row(grant).state, world.gateway.admitted(), world.gateway.peers()) == ("gone", set(), {})


def test_of_two_grants_ending_one_leaves_access_and_says_so(world):
    first, second = world.grant(7200), world.grant(3600)
    world.reconcile()
    world.revoke(first)
    world.reconcile()
    row = world.row(first)
    assert (row.state, row.note, world.row(second).state, world.gateway.admitted()) == ("gone", GOES_ON, "in_force", BOTH)
    left = world.gateway.elements()["10.89.0.2"]
    assert left <= 3600
    world.revoke(second)
    world.reconcile()
    assert (world.row(second).state, world.row(second).note, world.gateway.admitted()) == ("gone", "", set())


def test_a_grant_that_ran_out_is_gone_without_anybody_ending_it(world):
    grant = world.grant(2)
    assert world.reconcile().due_at <= grant.ends_at + SECOND
    time.sleep(max(0, (grant.ends_at - timezone.now()).total_seconds()))
    world.reconcile()
    assert (world.row(grant).state, world.gateway.admitted()) == ("gone", set())


def test_a_suspended_device_is_out_and_a_resumed_one_back_in(world):
    grant = world.grant()
    world.reconcile()
    lifecycle.suspend_device(world.laptop, actor=world.alice, reason="lost", now=timezone.now())
    world.reconcile()
    gone = world.row(grant)
    assert (gone.state, world.gateway.admitted()) == ("gone", set())
    lifecycle.resume_device(world.laptop, actor=world.alice, reason="found", now=timezone.now())
    world.reconcile()
    assert (world.row(grant).state, world.row(grant).gone_at, world.gateway.admitted()) == ("in_force", None, BOTH)
    assert world.row(grant).past == [[gone.in_force_at.isoformat(), gone.gone_at.isoformat()]]


def test_a_lost_device_is_out_and_comes_back_under_its_new_key_alone(world):
    grant, old, new = world.grant(), world.laptop.public_key, factories.a_key()
    world.reconcile()
    lifecycle.report_lost(world.laptop, actor=world.alice, reason="lost", now=timezone.now())
    world.reconcile()
    assert (world.row(grant).state, world.gateway.admitted(), world.gateway.peers()) == ("gone", set(), {})
    lifecycle.bring_back_device(world.laptop, public_key=new, key_origin="pasted", actor=world.alice, now=timezone.now())
    world.reconcile()
    assert (world.row(grant).state, world.gateway.admitted()) == ("in_force", BOTH)
    assert (set(world.gateway.peers()), old in world.gateway.peers()) == ({new}, False)


def test_a_disabled_account_is_out_and_an_enabled_one_back_in(world):
    grant = world.grant()
    world.reconcile()
    lifecycle.disable_user(world.alice, actor=None, now=timezone.now())
    world.reconcile()
    assert (world.row(grant).state, world.gateway.admitted(), world.gateway.peers()) == ("gone", set(), {})
    lifecycle.enable_user(world.alice, actor=None, now=timezone.now())
    world.reconcile()
    assert (world.row(grant).state, world.gateway.admitted()) == ("in_force", BOTH)


def test_a_grant_that_came_to_name_somebody_elses_device_lets_it_in_nowhere(world):
    grant = world.grant()
    world.reconcile()
    theirs = factories.a_device(factories.a_person("erin", now=world.now), now=world.now)
    grant.devices.set([theirs])  # past every verb
    world.reconcile()
    assert (world.gateway.admitted(), world.gateway.peers()) == (set(), {})


def test_a_disabled_pep_must_hold_nothing(world):
    grant = world.grant()
    world.reconcile()
    type(world.pep).objects.update(is_enabled=False)
    world.reconcile()
    assert (world.row(grant).state, world.gateway.admitted()) == ("gone", set())


def test_a_pass_without_news_writes_no_news(world):
    world.grant()
    world.reconcile()
    before = AuditEvent.objects.count(), Receipt.objects.count(), list(Enforcement.objects.values())
    world.reconcile()
    assert (AuditEvent.objects.count(), Receipt.objects.count(), list(Enforcement.objects.values())) == before


def test_what_was_enforced_is_in_the_audit_log(world):
    grant = world.grant()
    world.reconcile()
    world.revoke(grant)
    world.reconcile()
    events = list(AuditEvent.objects.filter(verb="pep.enforced").order_by("seq").values_list("data", flat=True))
    until = world.row(grant).until.isoformat()
    assert events[0]["in_force"] == [[grant.pk, world.laptop.pk, until]]
    assert events[1]["gone"] == [[grant.pk, world.laptop.pk]]


def test_what_somebody_added_by_hand_is_removed_and_told(world):
    world.grant()
    world.reconcile()
    world.gateway.sh("nft add element inet lychgate device-access-to-fileshare '{ 10.89.0.77 timeout 9h }'")
    world.reconcile()
    assert world.gateway.admitted() == BOTH
    assert "10.89.0.77" in Drift.objects.get().words
    assert AuditEvent.objects.filter(verb="pep.drift").count() == 1


def test_a_target_outside_the_caps_is_never_in_force_and_says_why(world):
    world.fileshare.placements.update(target_v4="169.254.169.254")
    grant = world.grant()
    outcome = world.reconcile()
    row = world.row(grant)
    assert (row.state, "owner forbids" in row.error, "owner forbids" in outcome.error) == ("wanted", True, True)
    assert world.gateway.admitted() == set()


def test_a_resource_without_a_sound_placement_does_not_hold_back_a_revoke(world):
    wiki = factories.a_resource("wiki", pep=world.pep, number=11, now=world.now)
    kept, ended = world.grant(resource=wiki), world.grant()
    world.reconcile()
    wiki.ports.all().delete()
    world.revoke(ended)
    outcome = world.reconcile()
    assert (world.row(ended).state, world.gateway.admitted(), world.row(kept).state) == ("gone", set(), "wanted")
    assert "wiki: a placement without a port" in outcome.error


class TestAPepThatDoesNotAnswer:
    """What is known stays known, what is not is not claimed, and it is tried again."""

    @pytest.fixture
    def unreachable(self, world, settings):
        reachable = dict(settings.PEP_ARGV)

        def switch(*, off):
            transport.POOL.close()
            script = "import sys; sys.exit('no route to host')"
            settings.PEP_ARGV = {"pep-1": [sys.executable, "-c", script]} if off else reachable

        return switch

    def test_an_approved_grant_is_wanted_with_the_reason(self, world, unreachable):
        unreachable(off=True)
        grant = world.grant()
        outcome = world.reconcile()
        row = world.row(grant)
        assert (row.state, row.in_force_at) == ("wanted", None)
        assert "no route to host" in row.error
        assert "no route to host" in outcome.error

    def test_what_was_in_force_stays_so_until_its_deadline(self, world, unreachable):
        grant = world.grant()
        world.reconcile()
        unreachable(off=True)
        world.reconcile()
        assert (world.row(grant).state, "no route" in world.row(grant).error) == ("in_force", True)
        world.reconcile(grant.ends_at)
        assert (world.row(grant).state, world.row(grant).gone_at) == ("ending", None)

    def test_a_revoke_is_not_confirmed_until_it_answers_again(self, world, unreachable):
        grant = world.grant()
        world.reconcile()
        unreachable(off=True)
        world.revoke(grant)
        world.reconcile()
        assert (world.row(grant).state, world.gateway.admitted()) == ("ending", BOTH)
        unreachable(off=False)
        world.reconcile()
        assert (world.row(grant).state, world.row(grant).error, world.gateway.admitted()) == ("gone", "", set())

    def test_it_is_tried_again_after_longer_and_longer_waits(self, world, unreachable):
        unreachable(off=True)
        waits = [world.reconcile().due_at - timezone.now() for _ in range(3)]
        assert [round(wait.total_seconds()) for wait in waits] == [1, 2, 4]
        assert (world.status().failures, world.status().failing_since is None) == (3, False)
        unreachable(off=False)
        world.reconcile()
        assert (world.status().failures, world.status().failing_since, world.status().error) == (0, None, "")

    def test_losing_it_and_finding_it_again_are_one_event_each(self, world, unreachable):
        unreachable(off=True)
        world.reconcile()
        world.reconcile()
        unreachable(off=False)
        world.reconcile()
        verbs = AuditEvent.objects.filter(verb__in=["pep.failing", "pep.recovered"]).order_by("seq").values_list("verb", flat=True)
        assert list(verbs) == ["pep.failing", "pep.recovered"]


def test_a_worker_that_stalled_with_old_facts_opens_nothing_and_writes_nothing(world):
    grant = world.grant()
    turns.mark_due([world.pep.pk])
    stalled = turns.take(world.pep.pk, timezone.now())
    reading = read(stalled, timezone.now())
    world.revoke(grant)
    PepStatus.objects.update(busy_until=turns.AT_ONCE)  # its time has run out
    world.reconcile()
    answer = transport.ask("pep-1", world.gateway.agent_argv, lambda hello: document(stalled, reading, hello, timezone.now()))
    record.reached(stalled, reading.pep, reading.desired, reading.rows, answer, timezone.now())
    assert (answer.receipt.outcome, world.gateway.admitted(), world.gateway.peers()) == ("removals only", set(), {})
    assert (world.row(grant).state, world.status().error) == ("gone", "")


def test_a_pass_that_took_too_long_sends_nothing(world):
    world.grant()
    turns.mark_due([world.pep.pk])
    turn = turns.take(world.pep.pk, timezone.now() - timedelta(hours=1))
    reading = read(turn, timezone.now())
    with pytest.raises(transport.TransportError, match="took too long"):
        transport.ask("pep-1", world.gateway.agent_argv, lambda hello: document(turn, reading, hello, timezone.now()))
    assert world.gateway.admitted() == set()


def test_a_portal_from_a_backup_catches_up_with_its_peps(world):
    world.grant()
    [world.reconcile() for _ in range(3)]
    PepStatus.objects.update(generation=0)
    assert "older than" in world.reconcile().error
    assert world.reconcile().error == ""


def test_generations_only_rise(world):
    found = []
    for _ in range(3):
        world.reconcile()
        found.append(world.status().generation)
    assert found == sorted(set(found))


def test_a_pep_with_another_key_than_client_files_name_is_told(world):
    type(world.pep).objects.update(public_key=factories.a_key("another"))
    assert "another public key" in world.reconcile().error


def test_an_agent_without_a_kernel_enforces_nothing_and_says_so(world, settings):
    settings.PEP_ARGV = {"pep-1": [*world.gateway.agent_argv, "--record"]}
    grant = world.grant()
    outcome = world.reconcile()
    assert (world.row(grant).state, "nothing is enforced" in world.row(grant).error) == ("wanted", True)
    assert "nothing is enforced" in outcome.error


def test_a_pass_costs_a_constant_number_of_queries(world, django_assert_max_num_queries):
    world.grant()
    world.reconcile()
    phone = factories.a_device(world.alice, "phone", now=timezone.now())
    [world.grant(seconds, device=phone) for seconds in (100, 200, 300)]
    world.reconcile()
    turns.mark_due([world.pep.pk])
    with django_assert_max_num_queries(30):
        reconcile(world.pep.pk, timezone.now())
