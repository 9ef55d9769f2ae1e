"""Emergency access is open until a second person has looked: somebody who could have approved, once, judged at that moment."""

import pytest
from django.core import mail
from django.utils import timezone

from enrollment import facts, lifecycle, notices
from enrollment.models import AuditEvent, Grant, Membership, Review
from tests.factories import APPROVERS, HOUR, a_delegation, a_device, a_group, a_person, a_policy, a_request, a_resource, an_emergency, later


@pytest.fixture
def taken(pep, alice, bob, laptop):
    """What alice took in an emergency, for half an hour."""
    terms = a_policy("servers", stages=[(APPROVERS, 1), ("second", 1)], break_glass_longest=HOUR)
    return an_emergency(alice, a_resource("servers", pep=pep, policy=terms, number=11), [laptop])


@pytest.fixture
def gina(db):
    """She answers in the second stage."""
    return a_person("gina", groups=["second"])


def review(grant, reviewer, *, justified=True, comment="", at=60):
    return lifecycle.review_break_glass(grant, reviewer=reviewer, justified=justified, comment=comment, now=later(at))


def refused(match, grant, reviewer, **values):
    events = AuditEvent.objects.count()
    with pytest.raises(lifecycle.Refused, match=match):
        review(grant, reviewer, **values)
    grant.refresh_from_db()
    assert (grant.review_due, Review.objects.count(), AuditEvent.objects.count()) == (True, 0, events)


def test_a_second_person_finds_it_justified_and_it_goes_on(taken, bob):
    written = review(taken, bob, comment="the mail was down")
    taken.refresh_from_db()
    assert (taken.review_due, taken.state, taken.is_break_glass) == (False, "active", True)
    assert (written.reviewer, written.verdict, written.stage, written.comment) == (bob, "approve", None, "the mail was down")
    told = AuditEvent.objects.first()
    assert (told.verb, told.actor, told.data["justified"], told.data["ended"]) == ("grant.reviewed", "Bob", True, False)


def test_what_was_not_justified_ends_at_once(taken, alice, bob):
    review(taken, bob, justified=False, comment="nothing was down")
    taken.refresh_from_db()
    assert (taken.review_due, taken.state, taken.ended_by, taken.ended_at) == (False, "revoked", bob, later(60))
    assert taken.end_reason == "nothing was down"
    assert [event.verb for event in AuditEvent.objects.all()[:2]] == ["grant.revoked", "grant.reviewed"]
    assert [bool(facts.reachable_of(alice, later(at))) for at in (59, 60)] == [True, False]


def test_with_it_ends_what_was_to_follow_and_what_was_asked(taken, alice, bob, gina, laptop):
    longer = a_request(alice, taken.resource, [laptop], extends=taken)
    lifecycle.approve(longer, reviewer=bob, now=later(10))
    following = lifecycle.approve(longer, reviewer=gina, now=later(20))
    again = a_request(alice, taken.resource, [laptop], extends=following, now=later(30))
    review(taken, bob, justified=False, comment="nothing was down")
    following.refresh_from_db()
    again.refresh_from_db()
    assert (following.state, again.state) == ("revoked", "withdrawn")


@pytest.mark.parametrize("name", ["bob", "gina"])
def test_any_stage_may_review_for_nobody_was_asked(request, taken, gina, name):
    assert review(taken, request.getfixturevalue(name)).reviewer.name.lower() == name


def test_nobody_reviews_their_own(pep, bob, gina):
    terms = a_policy("servers", stages=[(APPROVERS, 1), ("second", 1)], break_glass_longest=HOUR)
    own = an_emergency(bob, a_resource("servers", pep=pep, policy=terms, number=11), [a_device(bob)])
    refused("of their own", own, bob)
    refused("of their own", own, bob, justified=False, comment="I was wrong")
    assert not facts.to_review(bob, later(60)).exists()


@pytest.mark.parametrize("name", ["carol", "dave", "erin"])
def test_whoever_does_not_approve_here_reviews_nothing_superusers_included(request, taken, name):
    reviewer = request.getfixturevalue(name)
    refused("a group that approves", taken, reviewer)
    assert not facts.to_review(reviewer, later(60)).exists()


def test_a_disabled_approver_reviews_nothing(taken, bob, dave):
    lifecycle.disable_user(bob, actor=dave, now=later(1))
    refused("disabled", taken, bob)
    assert not facts.to_review(bob, later(60)).exists()


def test_rights_are_those_of_the_moment_of_the_review(taken, bob, erin):
    bob.memberships.filter(group__name=APPROVERS).delete()
    refused("a group that approves", taken, bob)
    Membership.objects.create(user=erin, group=a_group("second"), source="test", since=later(1))
    assert review(taken, erin).reviewer == erin


def test_who_stands_in_for_an_approver_reviews_in_their_stead(taken, bob, erin):
    a_delegation(bob, delegate=erin)
    assert set(facts.to_review(erin, later(60))) == {taken}
    written = review(taken, erin)
    assert (written.reviewer, written.on_behalf_of) == (erin, bob)
    assert AuditEvent.objects.first().data["in_stead_of"] == bob.pk
    with pytest.raises(lifecycle.Conflict, match="reviewed by Erin in the stead of Bob on"):
        review(taken, bob)


def test_a_delegation_that_is_over_reviews_nothing(taken, bob, erin):
    a_delegation(bob, delegate=erin, ends_at=later(59))
    refused("who stand in for one of them now", taken, erin)


def test_whoever_stands_in_for_the_person_who_took_it_does_not_review_it(pep, bob, gina, erin):
    terms = a_policy("servers", stages=[(APPROVERS, 1), ("second", 1)], break_glass_longest=HOUR)
    taken = an_emergency(bob, a_resource("servers", pep=pep, policy=terms, number=11), [a_device(bob)])
    a_delegation(bob, delegate=erin)
    refused("does not review that", taken, erin)
    assert not facts.to_review(erin, later(60)).exists()


def test_the_approvers_of_then_and_of_today_may(taken, bob, gina):
    nora = a_person("nora", groups=["network"])
    a_policy("servers", stages=[("network", 1)])
    assert [set(facts.to_review(person, later(60))) for person in (bob, gina, nora)] == [{taken}] * 3
    assert review(taken, nora).reviewer == nora


def test_whose_group_the_terms_name_no_more_still_comes_in_to_review(taken, gina):
    a_policy("servers", stages=[(APPROVERS, 1)])
    lifecycle.sign_in(gina, groups=["second"], name="Gina", email="", auth_time=None, now=later(60))
    assert gina.is_staff
    review(taken, gina)
    lifecycle.sign_in(gina, groups=["second"], name="Gina", email="", auth_time=None, now=later(120))
    assert not gina.is_staff


def test_the_second_review_hears_who_was_first_and_when(taken, bob, gina):
    review(taken, bob)
    for justified in (True, False):
        with pytest.raises(lifecycle.Conflict, match="was reviewed by Bob on 2026-03-02 at 09:01:00 UTC"):
            review(taken, gina, justified=justified, comment="late", at=120)
    taken.refresh_from_db()
    assert (taken.state, Review.objects.count()) == ("active", 1)
    assert AuditEvent.objects.filter(verb="grant.reviewed").count() == 1


def test_erin_learns_nothing_of_a_review(taken, bob, erin):
    review(taken, bob)
    with pytest.raises(lifecycle.Refused) as told:
        review(taken, erin)
    assert "Bob" not in str(told.value)


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_what_has_ended_still_waits_for_its_review_and_ends_no_more(taken, alice, bob, end):
    if end == "revoked":
        lifecycle.revoke(taken, actor=alice, reason="done", now=later(30))
    else:
        lifecycle.expire_due(taken.ends_at)
    assert set(facts.to_review(bob, later(60))) == {taken}
    review(taken, bob, justified=False, comment="nothing was down", at=HOUR)
    taken.refresh_from_db()
    assert (taken.state, taken.review_due) == (end, False)
    assert taken.end_reason == ("done" if end == "revoked" else "")
    assert AuditEvent.objects.first().data["ended"] is False


def test_a_no_says_why(taken, bob):
    refused("Say why it was not justified", taken, bob, justified=False, comment="  ")


def test_a_comment_is_a_text_that_prints(taken, bob):
    refused("do not print", taken, bob, comment="turned \u202e around")
    refused("too long", taken, bob, comment="x" * 1001)


def test_what_somebody_approved_needs_no_review(grant_of_alice, bob):
    with pytest.raises(lifecycle.Refused, match="no emergency access"):
        review(grant_of_alice, bob)
    assert Grant.objects.get(pk=grant_of_alice.pk).state == "active"


@pytest.mark.parametrize(
    ("justified", "subject", "said"),
    [(True, "was found justified", "was found justified by Bob"), (False, "was found not justified", "not justified and ended by Bob")],
)
def test_whoever_took_it_hears_of_the_review(taken, bob, justified, subject, said):
    review(taken, bob, justified=justified, comment="so it goes")
    notices.send_due(timezone.now())
    [body] = [message.body for message in mail.outbox if subject in message.subject and message.to == ["alice@example.com"]]
    assert said in body
    assert "so it goes" in body


def test_the_peps_are_nudged_when_it_ends(taken, bob, pep, told_peps, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        review(taken, bob, justified=False, comment="nothing was down")
    assert {pep.pk} in told_peps
