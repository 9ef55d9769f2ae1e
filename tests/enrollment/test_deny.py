"""Saying no, taking back, running out of time: a request ends once."""

import pytest

from enrollment import lifecycle
from enrollment.models import AuditEvent, Grant, RequestedDevice
from tests.factories import a_request, later


def test_a_no_closes_the_request_and_says_why(request_of_alice, bob, now):
    lifecycle.deny(request_of_alice, reviewer=bob, comment="ask your own team", now=now)
    request_of_alice.refresh_from_db()
    assert (request_of_alice.state, request_of_alice.closed_by, request_of_alice.closed_at) == ("denied", bob, now)
    assert AuditEvent.objects.first().data["reason"] == "ask your own team"


@pytest.mark.parametrize("name", ["alice", "carol", "dave", "erin"])
def test_only_the_approving_group_may_say_no(request, request_of_alice, name, now):
    with pytest.raises(lifecycle.Refused):
        lifecycle.deny(request_of_alice, reviewer=request.getfixturevalue(name), comment="", now=now)
    request_of_alice.refresh_from_db()
    assert request_of_alice.state == "pending"


def test_a_yes_after_a_no_learns_of_the_no(request_of_alice, bob, now):
    lifecycle.deny(request_of_alice, reviewer=bob, comment="", now=now)
    with pytest.raises(lifecycle.Conflict, match="denied by Bob"):
        lifecycle.approve(request_of_alice, reviewer=bob, now=now)
    assert not Grant.objects.exists()


def test_erin_learns_nothing_of_what_became_of_it(request_of_alice, bob, erin, now):
    lifecycle.deny(request_of_alice, reviewer=bob, comment="", now=now)
    with pytest.raises(lifecycle.Refused) as refused:
        lifecycle.approve(request_of_alice, reviewer=erin, now=now)
    assert "Bob" not in str(refused.value)


def test_whoever_asked_can_take_it_back(request_of_alice, alice, bob, now):
    lifecycle.cancel_request(request_of_alice, actor=alice, now=now)
    with pytest.raises(lifecycle.Conflict, match="cancelled by Alice"):
        lifecycle.approve(request_of_alice, reviewer=bob, now=now)


@pytest.mark.parametrize("name", ["bob", "dave", "erin"])
def test_nobody_else_can_take_it_back(request, request_of_alice, name, now):
    with pytest.raises(lifecycle.Refused):
        lifecycle.cancel_request(request_of_alice, actor=request.getfixturevalue(name), now=now)


def test_what_is_approved_cannot_be_taken_back(request_of_alice, grant_of_alice, alice, now):
    with pytest.raises(lifecycle.Conflict, match="approved by Bob"):
        lifecycle.cancel_request(request_of_alice, actor=alice, now=now)
    grant_of_alice.refresh_from_db()
    assert grant_of_alice.state == "active"


def test_a_request_nobody_answers_lapses_once_and_not_before_its_time(request_of_alice):
    assert lifecycle.lapse_due(later(-1, since=request_of_alice.answer_by)) == 0
    assert lifecycle.lapse_due(request_of_alice.answer_by) == 1
    assert lifecycle.lapse_due(request_of_alice.answer_by) == 0
    assert AuditEvent.objects.filter(verb="request.lapsed").count() == 1


def test_a_closed_request_lets_its_devices_be_named_again(request_of_alice, alice, laptop, fileshare, now):
    lifecycle.cancel_request(request_of_alice, actor=alice, now=now)
    assert not RequestedDevice.objects.filter(is_open=True).exists()
    assert a_request(alice, fileshare, [laptop]).state == "pending"
