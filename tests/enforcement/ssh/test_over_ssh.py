"""A grant on its way to a PEP far away: over one connection, to the host that was confirmed and to no other."""

import os
import shutil
import signal
import time

import pytest

from enrollment import clock
from enrollment.models import AuditEvent, Notice
from portal.metrics import written
from tests import factories
from tests.enforcement.pep.agents import ALICE

pytestmark = [pytest.mark.django_db, pytest.mark.lab]


def alarms():
    return [words for data in AuditEvent.objects.filter(verb="pep.alarm").values_list("data", flat=True) for words in data["words"]]


def test_a_grant_goes_into_force_over_ssh_and_a_revoke_is_confirmed_over_it(near, far):
    grant = near.grant()
    assert (near.reconcile().error, near.row(grant).state) == ("", "in_force")
    assert (far.admitted(), len(far.peers())) == (set(ALICE), 1)
    near.revoke(grant)
    assert (near.reconcile().error, near.row(grant).state) == ("", "gone")
    assert (far.admitted(), far.peers()) == (set(), {})


def test_a_pep_whose_wireguard_key_nobody_has_confirmed_says_so(near, far):
    near.pep.public_key = None
    near.pep.save()
    assert near.reconcile().error == "No admin has confirmed the public key of WireGuard on pep-1 yet, so no client file names it."


def test_a_path_is_taken_for_what_it_is(near, worker, settings, tmp_path):
    odd = tmp_path / "100% the worker's own"
    odd.mkdir()
    settings.SSH_KEY_FILE, settings.SSH_KNOWN_HOSTS = str(odd / "key"), odd / "known hosts"
    shutil.copy(worker, odd / "key")
    assert near.reconcile().error == ""


def test_pass_after_pass_goes_over_one_connection(near, far):
    seen = [(near.reconcile().error, far.agents()) for _pass in range(3)]
    assert len(seen[0][1]) == 1
    assert seen == [("", seen[0][1])] * 3


def test_a_connection_that_died_meanwhile_is_made_anew(near, far):
    near.reconcile()
    (agent,) = far.agents()
    os.kill(agent, signal.SIGKILL)
    assert near.reconcile().error == ""
    assert far.agents() != [agent]


def test_a_pep_that_cannot_be_reached_for_a_while_is_reached_again(near, far, settings):
    settings.PEP_TIMEOUT_SECONDS = 2
    near.reconcile()
    grant = near.grant()
    far.ip("pep", ["link set eth0 down"])
    assert "pep-1 did not answer within 2 s" in near.reconcile().error
    far.ip("pep", ["link set eth0 up"])
    settings.PEP_TIMEOUT_SECONDS = 30
    until = time.monotonic() + 30
    while near.reconcile().error and time.monotonic() < until:
        time.sleep(0.2)  # until the wire carries again
    assert near.row(grant).state == "in_force"


class TestAnotherHost:
    """Somebody in the PEP's place, or the PEP set up anew: nobody can tell but a person."""

    @pytest.fixture
    def stranger(self, near, far, dave):
        near.reconcile()
        near.grant()
        far.change_host_key()
        return near

    def test_a_host_with_another_key_hears_nothing_and_raises_the_alarm(self, stranger, far):
        error = stranger.reconcile().error
        assert error.startswith("alarm: pep-1 answers with another SSH host key than an admin confirmed, so nothing was sent to it")
        assert (far.agents(), far.admitted()) == ([], set())
        assert "lychgate_peps_alarmed 1\n" in written(clock.look())

    def test_so_does_one_without_any_key_of_the_kind(self, near, far):
        near.reconcile()
        far.change_host_key("ecdsa")
        assert near.reconcile().error.startswith("alarm: pep-1 answers with another SSH host key")

    def test_the_alarm_is_one_event_and_one_mail_however_often_it_is_heard(self, stranger):
        for _pass in range(3):
            error = stranger.reconcile().error
        assert alarms() == [error]
        assert Notice.objects.filter(subject__contains="pep-1", to="dave@example.com").count() == 1

    def test_it_is_trusted_again_once_an_admin_has_confirmed_its_key(self, stranger, confirm, bootstrap, far):
        stranger.reconcile()
        confirm(bootstrap())
        assert (stranger.reconcile().error, far.admitted()) == ("", set(ALICE))

    def test_a_connection_from_before_ends_when_another_key_is_confirmed(self, near, far):
        near.reconcile()
        near.pep.ssh_host_key = factories.an_ssh_key("another")
        near.pep.save()
        assert near.reconcile().error.startswith("alarm: ")
        assert far.agents() == []
