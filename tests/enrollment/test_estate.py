"""What admins change: terms, resources, placements, PEPs; and what is told of it."""

import pytest
from django.db import IntegrityError, transaction

from enrollment import lifecycle
from enrollment.models import AccessPolicy, AuditEvent, Notice, PolicyVersion
from tests.factories import APPROVERS, a_group, a_pep, a_policy, a_resource, later

TERMS = {"time_to_answer": 60, "longest_grant": 60, "rolling_total": 600, "rolling_window": 3600, "session_length": None}


def change(policy, actor, now, stages=None, **terms):
    named = [(a_group(APPROVERS), 1)] if stages is None else stages
    return lifecycle.new_policy_version(policy, actor=actor, now=now, stages=named, requesters=[], **{**TERMS, **terms})


def test_new_terms_leave_the_old_ones_as_they_were(dave, now):
    policy = a_policy("terms", longest_grant=600)
    newer = change(policy, dave, now)
    assert (newer.number, newer.created_by, policy.current) == (2, dave, newer)
    assert PolicyVersion.objects.get(policy=policy, number=1).longest_grant == 600


@pytest.mark.parametrize(
    ("terms", "match"),
    [
        ({"longest_grant": 0}, "longest grant must be"),
        ({"longest_grant": 10**10, "rolling_total": 10**10}, "366 days"),
        ({"rolling_total": 59}, "allow for one longest grant"),
        ({"session_length": 0}, "session length must be"),
        ({"time_to_answer": -1}, "time to answer must be"),
        ({"stages": []}, "at least one group"),
    ],
)
def test_terms_that_make_no_sense_are_refused(dave, now, terms, match):
    policy = AccessPolicy.objects.create(name="odd")
    with pytest.raises(lifecycle.Refused, match=match):
        change(policy, dave, now, **terms)
    assert policy.current is None


def test_a_group_stands_in_one_stage_only(dave, now):
    group = a_group(APPROVERS)
    with pytest.raises(lifecycle.Refused, match="each group once"):
        change(AccessPolicy.objects.create(name="odd"), dave, now, stages=[(group, 1), (group, 2)])


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "erin"])
def test_only_an_admin_retires_a_resource(request, name, fileshare, now):
    with pytest.raises(lifecycle.Refused):
        lifecycle.retire_resource(fileshare, actor=request.getfixturevalue(name), now=now)
    fileshare.refresh_from_db()
    assert fileshare.retired_at is None


def test_retiring_twice_says_so(fileshare, dave, now):
    lifecycle.retire_resource(fileshare, actor=dave, now=now)
    with pytest.raises(lifecycle.Conflict, match="2026-03-02 at 09:00:00 UTC"):
        lifecycle.retire_resource(fileshare, actor=dave, now=later(60))


def test_retiring_withdraws_what_waits_and_tells_who_asked(request_of_alice, fileshare, dave, now):
    lifecycle.retire_resource(fileshare, actor=dave, now=now)
    request_of_alice.refresh_from_db()
    assert request_of_alice.state == "withdrawn"
    assert Notice.objects.filter(subject__contains="withdrawn").values_list("to", flat=True).get() == "alice@example.com"


def test_a_change_is_written_down_as_it_is_now_and_its_pep_is_told(dave, pep, now, told_peps, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        pep.endpoint_host = "elsewhere.example.com"
        pep.save()
        lifecycle.estate_changed(pep, actor=dave, verb="changed", now=now)
    event = AuditEvent.objects.first()
    assert (event.verb, event.actor, event.data["endpoint_host"]) == ("pep.changed", "Dave", "elsewhere.example.com")
    assert told_peps == [frozenset({pep.pk})]


def test_two_resources_never_share_an_overlay_address(fileshare, pep):
    with pytest.raises(IntegrityError), transaction.atomic():
        a_resource("copy", pep=pep)


def test_two_peps_never_share_a_key(pep):
    with pytest.raises(IntegrityError), transaction.atomic():
        a_pep(2, public_key=pep.public_key)


@pytest.mark.parametrize("name", ["alice", "bob", "carol"])
def test_nobody_but_an_admin_writes_terms(request, name, fileshare, now):
    with pytest.raises(lifecycle.Refused, match="Only an admin"):
        lifecycle.new_policy_version(
            fileshare.policy, actor=request.getfixturevalue(name), now=now, stages=[(a_group("friends"), 1)], requesters=[], **TERMS
        )
    assert fileshare.policy.current.number == 1
