"""A change for one device is carried out without a look at everything, and says no more than it knows."""

import pytest
from django.utils import timezone

from enforcement import turns
from enforcement.models import Drift, Enforcement, Receipt, Touched
from enforcement.reconcile import reconcile
from enrollment import lifecycle
from enrollment.models import AuditEvent
from tests import factories
from tests.enforcement.world import BOTH

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]

PHONE = {"10.89.0.3", "fd89::3"}


@pytest.fixture
def settled(world):
    """A world in which a pass over everything has been, and none is due."""
    world.phone = factories.a_device(world.alice, "phone", now=world.now)
    world.reconcile()
    assert turns.due(timezone.now()) == []
    return world


def look(world):
    """Do the pass that a nudge asks for."""
    before = world.status().agreed_at
    outcome = reconcile(world.pep.pk, timezone.now())
    assert world.status().agreed_at == before, "a pass over some devices speaks for all"
    return outcome


def test_a_grant_is_in_force_and_a_revoke_confirmed_though_nothing_else_is_read(settled):
    grant = settled.grant()
    assert (look(settled).error, settled.row(grant).state, settled.gateway.admitted()) == ("", "in_force", BOTH)
    settled.revoke(grant)
    assert (look(settled).error, settled.row(grant).state, settled.gateway.admitted()) == ("", "gone", set())
    assert settled.gateway.peers() == {}


def test_what_another_device_has_is_left_alone(settled):
    others = settled.grant(device=settled.phone)
    look(settled)
    look_at = settled.row(others).in_force_at
    mine = settled.grant()
    look(settled)
    settled.revoke(mine)
    look(settled)
    assert (settled.row(others).state, settled.row(others).in_force_at, settled.gateway.admitted()) == ("in_force", look_at, PHONE)


def test_a_device_keeps_what_another_grant_gives_it(settled):
    wiki = factories.a_resource("wiki", pep=settled.pep, number=11, now=settled.now)
    settled.reconcile()
    kept, ended = settled.grant(resource=wiki), settled.grant()
    look(settled)
    settled.revoke(ended)
    look(settled)
    assert (settled.gateway.admitted("wiki"), settled.gateway.admitted()) == (BOTH, set())
    assert (settled.row(kept).state, settled.row(ended).state) == ("in_force", "gone")


def test_a_new_key_replaces_the_old_peer(settled):
    settled.grant()
    look(settled)
    key = factories.a_key()
    lifecycle.rotate_key(settled.laptop, public_key=key, key_origin="pasted", actor=settled.alice, now=timezone.now())
    assert look(settled).error == ""
    assert set(settled.gateway.peers()) == {key}


@pytest.mark.parametrize("cut", ["suspended", "retired", "disabled"])
def test_a_device_that_is_cut_off_is_gone_from_the_kernel(settled, cut):
    grant, now = settled.grant(), timezone.now()
    look(settled)
    if cut == "suspended":
        lifecycle.suspend_device(settled.laptop, actor=settled.alice, reason="", now=now)
    elif cut == "retired":
        lifecycle.retire_device(settled.laptop, actor=settled.alice, reason="", now=now)
    else:
        lifecycle.disable_user(settled.alice, actor=None, now=now)
    look(settled)
    assert (settled.gateway.admitted(), settled.gateway.peers(), settled.row(grant).state) == (set(), {}, "gone")


def test_several_changes_are_one_pass(settled):
    grants = [settled.grant(device=device) for device in (settled.laptop, settled.phone)]
    generation = settled.status().generation
    look(settled)
    assert settled.status().generation == generation + 1
    assert {settled.row(grant).state for grant in grants} == {"in_force"}
    assert (Touched.objects.count(), reconcile(settled.pep.pk, timezone.now())) == (0, None)


def test_its_receipt_says_that_it_is_about_some_devices(settled):
    settled.grant()
    look(settled)
    assert list(Receipt.objects.order_by("pk").values_list("is_whole", flat=True)) == [True, False]


def test_a_grant_that_begins_later_brings_the_next_look_forward(settled):
    soon = timezone.now() + timezone.timedelta(seconds=3)
    factories.a_grant(settled.alice, settled.fileshare, [settled.laptop], reviewer=settled.bob, now=timezone.now(), starts_at=soon)
    assert look(settled).due_at == soon
    assert settled.status().due_at == soon


def test_a_pep_that_cannot_be_reached_is_looked_at_wholly_when_it_can(settled, settings):
    argv = settings.PEP_ARGV
    settings.PEP_ARGV = {"pep-1": ["/bin/false"]}
    grant = settled.grant()
    assert "ended before it answered" in look(settled).error
    assert (settled.row(grant).state, settled.status().failures, Touched.objects.count()) == ("wanted", 1, 0)
    settings.PEP_ARGV = argv
    assert (settled.reconcile().error, settled.row(grant).state, Touched.objects.count()) == ("", "in_force", 0)
    assert list(AuditEvent.objects.filter(verb__startswith="pep.").order_by("seq").values_list("verb", flat=True))[-3:] == [
        "pep.failing",
        "pep.enforced",
        "pep.recovered",
    ]


def test_what_it_lacks_makes_everything_due(settled):
    settled.grant()
    settled.pep.placements.update(target_v4="169.254.169.254")
    outcome = look(settled)
    assert "forbids" in outcome.error
    assert turns.take(settled.pep.pk, timezone.now()).is_whole
    assert Enforcement.objects.get().state == "wanted"


def test_what_somebody_put_there_meanwhile_is_told_by_the_next_look_at_everything(settled):
    settled.grant()
    look(settled)
    settled.gateway.sh("nft add element inet lychgate device-access-to-fileshare { 10.89.0.99 timeout 1h }")
    settled.grant(device=settled.phone)
    look(settled)
    assert not Drift.objects.exists()
    settled.reconcile()
    assert [drift.words for drift in Drift.objects.all()] == ["10.89.0.99 was added to device-access-to-fileshare by hand; removed"]
    assert settled.gateway.admitted() == BOTH | PHONE


def test_it_costs_a_constant_number_of_queries(settled, django_assert_max_num_queries):
    [settled.grant(seconds, device=settled.phone) for seconds in (100, 200, 300)]
    settled.grant()
    with django_assert_max_num_queries(38):
        reconcile(settled.pep.pk, timezone.now())


def test_a_pep_that_cannot_be_reached_is_not_asked_again_and_again_though_a_change_waits(settled, settings):
    way, settings.PEP_ARGV = settings.PEP_ARGV, {"pep-1": ["/bin/false"]}
    grant = settled.grant()
    assert "ended before it answered" in look(settled).error
    now = timezone.now()
    assert (turns.due(now), reconcile(settled.pep.pk, now)) == ([], None)
    soon = now + turns.backoff(1)
    assert turns.due(soon) == [settled.pep.pk]
    settings.PEP_ARGV = way
    assert (reconcile(settled.pep.pk, soon).error, settled.row(grant).state, settled.gateway.admitted()) == ("", "in_force", BOTH)


def test_a_change_that_comes_while_a_pass_fails_is_seen_by_the_next(settled, settings):
    way, settings.PEP_ARGV = settings.PEP_ARGV, {"pep-1": ["/bin/false"]}
    settled.grant()
    look(settled)
    other = settled.grant(device=settled.phone)
    look(settled)
    settings.PEP_ARGV = way
    assert reconcile(settled.pep.pk, timezone.now() + turns.backoff(2)).error == ""
    assert (settled.row(other).state, settled.gateway.admitted()) == ("in_force", BOTH | PHONE)
