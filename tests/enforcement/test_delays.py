"""An owner hears, once, that what was granted does not work: approved is not enforced."""

import pytest

from enforcement.delays import tell_owners
from enforcement.models import Enforcement
from enforcement.rows import RECORDED
from enrollment import lifecycle
from enrollment.models import Notice
from tests.factories import HOUR, a_grant, later

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(grant_of_alice, laptop, pep, now):
    """The first pass has opened it, and the PEP has not answered."""
    Notice.objects.all().delete()
    return Enforcement.objects.create(grant=grant_of_alice, device=laptop, pep=pep, wanted_at=now, error="no answer from 10.9.8.7")


def told():
    return [(notice.to, notice.subject) for notice in Notice.objects.all()]


def test_the_owner_is_told_once_after_the_time_of_an_alarm(row):
    assert [tell_owners(later(seconds)) for seconds in (59, 60, 61, 3000)] == [0, 1, 0, 0]
    assert told() == [("alice@example.com", "Your access to Fileshare does not work yet")]
    text = Notice.objects.get().text
    assert ("the gateway pep-1 did not confirm it yet" in text, "10.9.8.7" in text) == (True, False)


@pytest.mark.parametrize("fields", [{"state": "in_force"}, {"state": "ending"}, {"error": RECORDED}, {"wanted_at": later(30)}])
def test_nobody_is_told_of_what_is_as_it_should_be_or_was_not_long_otherwise(row, fields):
    Enforcement.objects.update(**fields)
    assert (tell_owners(later(60)), told()) == (0, [])


def test_access_that_has_ended_is_not_late(row, grant_of_alice, bob):
    assert tell_owners(later(HOUR)) == 0
    lifecycle.revoke(grant_of_alice, actor=bob, reason="", now=later(10))
    assert tell_owners(later(60)) == 0


def test_access_that_begins_later_is_not_late_before(alice, bob, laptop, fileshare, pep, now):
    coming = a_grant(alice, fileshare, [laptop], reviewer=bob, starts_at=later(600))
    Enforcement.objects.create(grant=coming, device=laptop, pep=pep, wanted_at=now)
    assert [tell_owners(later(seconds)) for seconds in (659, 660)] == [0, 1]
