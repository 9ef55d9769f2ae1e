"""What time does by itself: written down once, opening nothing."""

import pytest

from enrollment import facts, lifecycle
from enrollment.models import AuditEvent
from enrollment.policy import decide
from tests.factories import HOUR, a_grant, later


def test_a_grant_is_found_expired_at_its_end_and_not_before(grant_of_alice):
    assert lifecycle.expire_due(later(HOUR - 1)) == 0
    assert lifecycle.expire_due(later(HOUR)) == 1
    grant_of_alice.refresh_from_db()
    assert (grant_of_alice.state, grant_of_alice.ended_at) == ("expired", later(HOUR))


def test_access_ends_though_nobody_sweeps(grant_of_alice, laptop, fileshare):
    assert grant_of_alice.state == "active"
    assert not decide(facts.facts_of(laptop, fileshare, later(HOUR)), later(HOUR))


def test_a_clock_that_goes_back_revives_nothing(grant_of_alice, laptop, fileshare, now):
    lifecycle.expire_due(later(HOUR))
    assert not decide(facts.facts_of(laptop, fileshare, now), now)


def test_a_scheduled_grant_becomes_active_once(alice, bob, laptop, fileshare):
    grant = a_grant(alice, fileshare, [laptop], reviewer=bob, starts_at=later(600))
    assert [lifecycle.activate_due(later(seconds)) for seconds in (599, 600, 600)] == [0, 1, 0]
    grant.refresh_from_db()
    assert grant.state == "active"


def test_a_scheduled_grant_that_nobody_swept_gives_access_all_the_same(alice, bob, laptop, fileshare):
    a_grant(alice, fileshare, [laptop], reviewer=bob, starts_at=later(600))
    assert decide(facts.facts_of(laptop, fileshare, later(600)), later(600)).until == later(600 + HOUR)


@pytest.mark.parametrize("verb", ["lapse_due", "activate_due", "expire_due", "free_addresses"])
def test_a_second_sweep_changes_nothing_and_writes_nothing(grant_of_alice, alice, laptop, verb):
    lifecycle.retire_device(laptop, actor=alice, reason="", now=later(10))
    getattr(lifecycle, verb)(later(9 * 86400))
    before = AuditEvent.objects.count()
    assert getattr(lifecycle, verb)(later(9 * 86400)) == 0
    assert AuditEvent.objects.count() == before


def test_an_address_that_a_pep_still_holds_goes_on_resting(alice, laptop, grant_of_alice, pep, now):
    held = laptop.enforcements.create(grant=grant_of_alice, pep=pep, wanted_at=now)
    lifecycle.retire_device(laptop, actor=alice, reason="", now=now)
    assert lifecycle.free_addresses(later(90 * 86400)) == 0
    held.gone_at = later(60)
    held.save()
    assert lifecycle.free_addresses(later(90 * 86400)) == 1
