"""The wire to a PEP is cut, and access there is revoked: nobody says that it is gone, somebody is told in time, and the lease ends it."""

import time

import pytest
from django.utils import timezone

from enforcement import turns
from enforcement.models import Alarm, PepStatus
from enrollment import lifecycle
from enrollment.models import Notice
from tests import factories
from tests.enforcement.pep.agents import ALICE
from tests.enforcement.sites import running_site, wait_for, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]
LEAST, MOST = (10, 30), (60, 90)  # seconds until the alarm, and of the lease
SLACK = 15.0  # for a machine that is busy
SUBJECTS = {"ALARM: pep-1 cannot be reached", "ALARM: pep-1 has not confirmed that access ended"}


@pytest.fixture
def times(rounds):
    return rounds(LEAST, MOST)


@pytest.fixture
def site(near, far, worker, times, transactional_db):
    """A portal of real processes at the other end of the wire, and a PEP with a short lease."""
    factories.a_person("dave", now=timezone.now())
    alarm_seconds, near.pep.lease_seconds = times
    near.pep.save()
    settings = {"LYCHGATE_SSH_KEY_FILE": str(worker), "LYCHGATE_ALARM_SECONDS": str(alarm_seconds), "LYCHGATE_PEP_TIMEOUT_SECONDS": "5"}
    with running_site(far, {}, **settings) as site:
        site.start_broker()
        site.start_worker()
        site.start_beat()
        yield site


@pytest.fixture
def cut_off(site, near, far):
    """A grant in force, then the wire down, then the grant revoked."""
    grant = near.grant()
    wait_for("in_force", grant, 60)
    assert far.admitted() == set(ALICE)
    far.ip("pep", ["link set eth0 down"])
    lifecycle.revoke(grant, actor=near.bob, reason="done", now=timezone.now())
    return grant


def told():
    return set(Notice.objects.filter(to="dave@example.com").values_list("subject", flat=True))


def page_of(client, grant, person):
    client.force_login(person)
    return client.get(f"/admin/enrollment/grant/{grant.pk}/change/").text


def test_a_revoke_that_a_pep_cannot_hear_is_not_confirmed_is_told_in_time_and_lands_by_the_lease(cut_off, near, far, client, times, figure):
    began, (alarm_seconds, lease) = time.monotonic(), times
    wait_for("ending", cut_off, 60)
    assert "not confirmed yet" in page_of(client, cut_off, near.bob)
    wait_until(lambda: told() == SUBJECTS, alarm_seconds + SLACK)
    figure("admins were told after", time.monotonic() - began, alarm_seconds)
    wait_until(lambda: not far.admitted(), lease + SLACK)
    assert figure("the lease ended access after", time.monotonic() - began, lease) <= lease + 2
    status = PepStatus.objects.get()
    assert 2 <= status.failures <= 6 + lease / turns.LONGEST_BACKOFF_SECONDS  # without a pause between them there would be more
    assert Notice.objects.filter(to="dave@example.com").count() == len(SUBJECTS)

    far.ip("pep", ["link set eth0 up"])
    wait_for("gone", cut_off, 60 + SLACK)
    wait_until(lambda: not Alarm.objects.exclude(since=None).exists(), alarm_seconds + SLACK)
    assert "gone, confirmed at" in page_of(client, cut_off, near.bob)
