"""Let somebody stand in for a time, and end it: who may, for how long, and what is left behind."""

from datetime import timedelta

import pytest

from enrollment import lifecycle
from enrollment.models import AuditEvent, Delegation, Notice
from tests.factories import APPROVERS, a_delegation, a_group, a_person, later

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _terms(fileshare):
    """A policy that names bob's group."""


def check_refused(words, delegator, **said):
    with pytest.raises(lifecycle.Refused, match=words):
        a_delegation(delegator, **said)
    assert not Delegation.objects.exists()
    assert not AuditEvent.objects.filter(verb="delegation.made").exists()


def test_a_delegation_is_written_down_with_both_names_and_mailed_to_the_delegate(bob, erin, now):
    made = a_delegation(bob, delegate=erin, ends_at=later(days=3), reason="on holiday")
    event = AuditEvent.objects.get(verb="delegation.made")
    assert (event.actor, event.subject_id, event.data["delegate_name"], event.data["reason"]) == ("Bob", made.pk, "Erin", "on holiday")
    mail = Notice.objects.get(to="erin@example.com")
    assert mail.subject == "You stand in for Bob"
    assert "until 2026-03-05 at 09:00:00 UTC" in mail.text
    assert "on holiday" in mail.said


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"ends_at": later(0)}, "must end after it begins"),
        ({"starts_at": later(60), "ends_at": later(30)}, "must end after it begins"),
        ({"starts_at": later(-1)}, "start has passed"),
        ({"ends_at": later(1, days=90)}, "90 days at most"),
        ({"starts_at": later(1, days=90), "ends_at": later(days=91)}, "too far away: 90 days"),
        ({"reason": "  "}, "Give a reason"),
        ({"reason": "away\u202e"}, "do not print"),
        ({"reason": "a" * 1001}, "too long"),
        ({"ends_at": later(days=1).replace(tzinfo=None)}, "time zone"),
        ({"starts_at": later(0).replace(tzinfo=None)}, "time zone"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(said, words, bob, erin):
    check_refused(words, bob, delegate=erin, **said)


def test_the_longest_delegation_is_ninety_days(bob, erin):
    assert a_delegation(bob, delegate=erin, ends_at=later(days=90)).pk


def test_nobody_stands_in_for_themselves(bob):
    check_refused("yourself", bob, delegate=bob)


@pytest.mark.parametrize("name", ["alice", "carol", "dave"])
def test_who_answers_nothing_has_nothing_to_lend(name, request, erin):
    check_refused("in their own right", request.getfixturevalue(name), delegate=erin)


def test_what_was_lent_is_not_lent_on(bob, erin, alice):
    a_delegation(bob, delegate=erin)
    with pytest.raises(lifecycle.Refused, match="in their own right"):
        a_delegation(erin, delegate=alice)


def test_a_disabled_account_neither_lends_nor_borrows(bob, erin, dave, now):
    lifecycle.disable_user(erin, actor=dave, now=now)
    check_refused("account of Erin is disabled", bob, delegate=erin)
    lifecycle.disable_user(bob, actor=dave, now=now)
    check_refused("account is disabled", bob, delegate=dave)


def test_the_same_form_sent_twice_is_one_delegation(bob, erin):
    a_delegation(bob, delegate=erin)
    with pytest.raises(lifecycle.Refused, match="Erin stands in for you within that time already"):
        a_delegation(bob, delegate=erin, starts_at=later(60))
    assert Delegation.objects.count() == 1


def test_one_may_follow_another_without_a_gap_and_others_may_stand_in_beside(bob, erin, alice):
    first = a_delegation(bob, delegate=erin)
    a_delegation(bob, delegate=erin, starts_at=first.ends_at, ends_at=first.ends_at + DAY)
    a_delegation(bob, delegate=alice)
    assert Delegation.objects.count() == 3


@pytest.mark.parametrize("name", ["bob", "erin", "dave", None])
def test_the_two_and_an_admin_end_it_and_the_others_hear_of_it(name, request, bob, erin, dave, now):
    made, actor = a_delegation(bob, delegate=erin), request.getfixturevalue(name) if name else None
    Notice.objects.all().delete()
    lifecycle.end_delegation(made, actor=actor, now=later(60))
    made.refresh_from_db()
    assert (made.ended_at, made.ended_by) == (later(60), actor)
    assert set(Notice.objects.values_list("to", flat=True)) == {"bob@example.com", "erin@example.com"} - {f"{name}@example.com"}
    assert AuditEvent.objects.get(verb="delegation.ended").actor_id == (actor.pk if actor else None)


@pytest.mark.parametrize("name", ["alice", "carol", "frank"])
def test_nobody_else_ends_it(name, request, bob, erin, now):
    other = a_person("frank", groups=[APPROVERS]) if name == "frank" else request.getfixturevalue(name)
    made = a_delegation(bob, delegate=erin)
    with pytest.raises(lifecycle.Refused, match="Only the two people concerned or an admin"):
        lifecycle.end_delegation(made, actor=other, now=now)
    assert Delegation.objects.get().ended_at is None


def test_who_ends_it_second_hears_who_did_and_when(bob, erin):
    made = a_delegation(bob, delegate=erin)
    lifecycle.end_delegation(made, actor=erin, now=later(60))
    with pytest.raises(lifecycle.Conflict, match="ended by Erin on 2026-03-02 at 09:01:00 UTC"):
        lifecycle.end_delegation(made, actor=bob, now=later(90))
    assert AuditEvent.objects.filter(verb="delegation.ended").count() == 1


def test_what_is_over_by_itself_cannot_be_ended(bob, erin):
    made = a_delegation(bob, delegate=erin, ends_at=later(60))
    with pytest.raises(lifecycle.Conflict, match="was over on 2026-03-02 at 09:01:00 UTC"):
        lifecycle.end_delegation(made, actor=bob, now=later(60))
    assert Delegation.objects.get().ended_at is None


def test_one_that_has_not_begun_can_be_ended(bob, erin, now):
    made = a_delegation(bob, delegate=erin, starts_at=later(days=1), ends_at=later(days=2))
    lifecycle.end_delegation(made, actor=bob, now=now)
    assert not Delegation.objects.open(now).exists()


def test_ending_is_never_gated_by_what_became_of_anybody(bob, erin, dave, now):
    made = a_delegation(bob, delegate=erin)
    bob.memberships.filter(group=a_group(APPROVERS)).delete()
    lifecycle.disable_user(erin, actor=dave, now=now)
    lifecycle.end_delegation(made, actor=bob, now=now)
    assert Delegation.objects.get().ended_by == bob


@pytest.mark.parametrize("name", ["bob", "erin"])
def test_a_leavers_delegations_end_for_good_on_either_side(name, request, bob, erin, dave, now):
    a_delegation(bob, delegate=erin)
    lifecycle.disable_user(request.getfixturevalue(name), actor=dave, now=now, leaves=True)
    assert Delegation.objects.get().ended_by == dave
    assert AuditEvent.objects.get(verb="delegation.ended").data["reason"] == "left"


def test_a_disabled_account_keeps_its_delegations_for_when_it_comes_back(bob, erin, dave, now):
    a_delegation(bob, delegate=erin)
    lifecycle.disable_user(bob, actor=dave, now=now)
    assert not Delegation.objects.live(now).exists()
    lifecycle.enable_user(bob, actor=dave, now=now)
    assert Delegation.objects.live(now).exists()
