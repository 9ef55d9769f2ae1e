"""Who answers in whose stead: judged when somebody answers, one seat one answer, and no conflict of interest.

bob and brenda approve, erin stands in; alice asks, unless a line says otherwise.
"""

from types import SimpleNamespace

import pytest
from django.db import IntegrityError, transaction

from enrollment import facts, lifecycle
from enrollment.models import AuditEvent, Delegation, Grant, Membership, Notice, Review, User
from tests.factories import APPROVERS, a_delegation, a_device, a_group, a_person, a_policy, a_request, a_resource, later

CAN = ""
MEMBERS = "Only members of the approving group"
INTEREST = "You stand in for whoever asked"


@pytest.fixture
def brenda(db):
    return a_person("brenda", groups=["employees", APPROVERS])


@pytest.fixture
def frank(db):
    return a_person("frank", groups=["employees"])


@pytest.fixture
def two(pep, bob, brenda):
    """Two of the approvers must agree."""
    return a_resource("vault", pep=pep, policy=a_policy("two", stages=[(APPROVERS, 2)]))


@pytest.fixture
def asked_of_two(alice, laptop, two, erin):
    return a_request(alice, two, [laptop])


def joins(user, group=APPROVERS):
    Membership.objects.create(user=user, group=a_group(group), source="test", since=later())


def leaves(user, group=APPROVERS):
    user.memberships.filter(group=a_group(group)).delete()


def lend(there, **said):
    return a_delegation(there.bob, delegate=there.erin, **said)


def disable(user):
    lifecycle.disable_user(user, actor=None, now=later(30))


def nothing(there):
    return there


def ended_by_bob(there):
    lifecycle.end_delegation(lend(there), actor=there.bob, now=later(30))


def lent_and_back_again(there):
    lend(there)
    disable(there.bob)
    lifecycle.enable_user(there.bob, actor=None, now=later(40))


def chain(there):
    lend(there)
    first_link = {"delegator": there.erin, "delegate": there.frank, "reason": "past our verbs", "created_at": later()}
    Delegation.objects.create(**first_link, starts_at=later(), ends_at=later(days=1))


# Who tries to answer what alice asked, after what, at second 60: may they, and if not, why.
RIGHTS = {
    "nothing was lent": ("erin", nothing, MEMBERS),
    "it runs": ("erin", lend, CAN),
    "it runs for another": ("frank", lend, MEMBERS),
    "it has not begun": ("erin", lambda there: lend(there, starts_at=later(61)), MEMBERS),
    "it begins this very moment": ("erin", lambda there: lend(there, starts_at=later(60)), CAN),
    "it is over this very moment": ("erin", lambda there: lend(there, ends_at=later(60)), MEMBERS),
    "it runs a second more": ("erin", lambda there: lend(there, ends_at=later(61)), CAN),
    "bob ended it": ("erin", ended_by_bob, MEMBERS),
    "bob left the group": ("erin", lambda there: (lend(there), leaves(there.bob)), MEMBERS),
    "bob's account is disabled": ("erin", lambda there: (lend(there), disable(there.bob)), MEMBERS),
    "bob was disabled and is back": ("erin", lent_and_back_again, CAN),
    "erin's account is disabled": ("erin", lambda there: (lend(there), disable(there.erin)), "disabled"),
    "it does not pass on": ("frank", chain, MEMBERS),
    "in a chain the first link still holds": ("erin", chain, CAN),
    "both approvers lent": ("erin", lambda there: (lend(there), a_delegation(there.brenda, delegate=there.erin)), CAN),
    "alice is bob's stand-in": ("alice", lambda there: a_delegation(there.bob, delegate=there.alice), "request of their own"),
    "who lends keeps the right": ("bob", lend, CAN),
    "lending to another approver changes nothing": ("brenda", lambda there: a_delegation(there.bob, delegate=there.brenda), CAN),
    "being a superuser changes nothing": ("dave", lend, MEMBERS),
}


@pytest.fixture
def there(request, request_of_alice):
    names = ("alice", "bob", "brenda", "erin", "frank", "dave")
    return SimpleNamespace(**{name: request.getfixturevalue(name) for name in names}, asked=request_of_alice)


def answer(asked, person):
    """Return what the verb said against it, or nothing."""
    try:
        lifecycle.approve(asked, reviewer=person, now=later(60))
    except lifecycle.Refused as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("case", RIGHTS)
def test_who_may_answer_is_the_same_for_the_verb_the_list_and_the_mail(case, there):
    name, arrange, expected = RIGHTS[case]
    arrange(there)
    person = User.objects.get(pk=getattr(there, name).pk)
    listed = facts.to_answer(person, later(60)).exists()
    mailed = person in facts.approvers_of(there.asked, later(60))
    said = answer(there.asked, person)
    assert (listed, mailed, said == "") == (expected == CAN,) * 3
    assert expected in said


def test_a_stand_in_does_not_answer_what_they_stand_in_for_asked(two, bob, brenda, erin, now):
    a_delegation(bob, delegate=erin)
    asked = a_request(bob, a_resource("wiki", policy=a_policy("one"), number=20), [a_device(bob)])
    with pytest.raises(lifecycle.Refused, match=INTEREST):
        lifecycle.approve(asked, reviewer=erin, now=now)
    with pytest.raises(lifecycle.Refused, match=INTEREST):
        lifecycle.deny(asked, reviewer=erin, comment="no", now=now)
    assert (facts.to_answer(erin, now).exists(), set(facts.approvers_of(asked, now))) == (False, {brenda})


def test_nor_with_somebody_elses_seat_but_with_their_own_they_do(two, bob, brenda, erin, now):
    a_delegation(bob, delegate=erin)
    wiki = a_resource("wiki", policy=a_policy("one"), number=20)
    asked = a_request(bob, wiki, [a_device(bob)])
    a_delegation(brenda, delegate=erin)
    with pytest.raises(lifecycle.Refused, match=INTEREST):
        lifecycle.approve(asked, reviewer=erin, now=now)
    assert erin not in facts.approvers_of(asked, now)
    joins(erin)
    assert erin in facts.approvers_of(asked, now)
    lifecycle.approve(asked, reviewer=erin, now=now)
    assert Review.objects.get().on_behalf_of is None


def test_an_answer_in_somebodys_stead_says_so(there, now):
    lend(there)
    lifecycle.approve(there.asked, reviewer=there.erin, now=now)
    review = Review.objects.get()
    assert (review.reviewer, review.on_behalf_of, str(review)) == (there.erin, there.bob, "Erin in the stead of Bob: approved")
    event = AuditEvent.objects.get(verb="request.reviewed")
    assert (event.actor, event.data["in_stead_of"], event.data["in_stead_of_name"]) == ("Erin", there.bob.pk, "Bob")


def test_a_stand_in_may_deny_too(there, now):
    lend(there)
    lifecycle.deny(there.asked, reviewer=there.erin, comment="not this week", now=now)
    there.asked.refresh_from_db()
    assert (there.asked.state, there.asked.closed_by, Review.objects.get().on_behalf_of) == ("denied", there.erin, there.bob)


def test_a_member_answers_with_their_own_seat_whomever_they_stand_in_for(there, now):
    a_delegation(there.bob, delegate=there.brenda)
    lifecycle.approve(there.asked, reviewer=there.brenda, now=now)
    assert Review.objects.get().on_behalf_of is None


def test_a_delegator_and_their_stand_in_are_one_yes(asked_of_two, bob, brenda, erin, now):
    a_delegation(bob, delegate=erin)
    lifecycle.approve(asked_of_two, reviewer=erin, now=now)
    with pytest.raises(lifecycle.Conflict, match="Erin answered this in your stead on 2026-03-02 at 09:00:00 UTC"):
        lifecycle.approve(asked_of_two, reviewer=bob, now=later(60))
    assert (Grant.objects.exists(), set(facts.approvers_of(asked_of_two, now))) == (False, {brenda})
    assert lifecycle.approve(asked_of_two, reviewer=brenda, now=later(60))


def test_the_other_way_round_too(asked_of_two, bob, brenda, erin, now):
    a_delegation(bob, delegate=erin)
    lifecycle.approve(asked_of_two, reviewer=bob, now=now)
    with pytest.raises(lifecycle.Conflict, match="Bob, for whom you stand in, answered this on 2026-03-02 at 09:00:00 UTC"):
        lifecycle.approve(asked_of_two, reviewer=erin, now=later(60))
    assert (facts.to_answer(erin, now).exists(), Review.objects.count()) == (False, 1)


def test_two_who_stand_in_for_one_are_one_yes(asked_of_two, bob, erin, frank, now):
    a_delegation(bob, delegate=erin)
    a_delegation(bob, delegate=frank)
    lifecycle.approve(asked_of_two, reviewer=erin, now=now)
    with pytest.raises(lifecycle.Conflict, match="Erin answered this in the stead of Bob"):
        lifecycle.approve(asked_of_two, reviewer=frank, now=now)
    assert not Grant.objects.exists()


def test_one_who_stands_in_for_two_is_one_yes(asked_of_two, bob, brenda, erin, now):
    a_delegation(bob, delegate=erin)
    a_delegation(brenda, delegate=erin)
    lifecycle.approve(asked_of_two, reviewer=erin, now=now)
    with pytest.raises(lifecycle.Conflict, match="You answered this"):
        lifecycle.approve(asked_of_two, reviewer=erin, now=now)
    assert not Grant.objects.exists()


def test_one_who_stands_in_for_two_takes_the_seat_that_is_free(asked_of_two, bob, brenda, erin, now):
    a_delegation(bob, delegate=erin)
    a_delegation(brenda, delegate=erin)
    lifecycle.approve(asked_of_two, reviewer=bob, now=now)
    assert lifecycle.approve(asked_of_two, reviewer=erin, now=now)
    assert [review.on_behalf_of for review in Review.objects.all()] == [None, brenda]


def test_two_members_who_stand_in_for_each_other_are_two_yeses(asked_of_two, bob, brenda, now):
    a_delegation(bob, delegate=brenda)
    a_delegation(brenda, delegate=bob)
    lifecycle.approve(asked_of_two, reviewer=bob, now=now)
    assert lifecycle.approve(asked_of_two, reviewer=brenda, now=now)


def test_nobody_has_a_part_in_two_stages_not_even_through_a_stand_in(alice, laptop, pep, bob, erin, now):
    joins(bob, "security")
    a_person("sam", groups=["security"])
    both = a_resource("both", pep=pep, policy=a_policy("both", stages=[(APPROVERS, 1), ("security", 1)]))
    asked = a_request(alice, both, [laptop])
    a_delegation(bob, delegate=erin)
    lifecycle.approve(asked, reviewer=bob, now=now)
    with pytest.raises(lifecycle.Conflict, match="Bob, for whom you stand in"):
        lifecycle.approve(asked, reviewer=erin, now=now)


def test_the_yes_stays_when_the_delegation_ends_or_the_holder_leaves_the_group(asked_of_two, bob, brenda, erin, now):
    a_person("third", groups=[APPROVERS])
    made = a_delegation(bob, delegate=erin)
    lifecycle.approve(asked_of_two, reviewer=erin, now=now)
    lifecycle.end_delegation(made, actor=bob, now=later(10))
    leaves(bob)
    assert lifecycle.approve(asked_of_two, reviewer=brenda, now=later(20))


@pytest.mark.parametrize("who", ["bob", "erin"])
def test_the_yes_is_missing_again_when_either_account_is_disabled(who, asked_of_two, bob, brenda, erin, dave, request, now):
    a_person("third", groups=[APPROVERS])
    a_delegation(bob, delegate=erin)
    lifecycle.approve(asked_of_two, reviewer=erin, now=now)
    lifecycle.disable_user(request.getfixturevalue(who), actor=dave, now=now)
    assert lifecycle.approve(asked_of_two, reviewer=brenda, now=now) is None
    assert facts.stage_that_waits(asked_of_two).need == 2


def test_whoever_gets_past_the_verbs_still_fills_no_seat_twice(there, now):
    lend(there)
    seat = {"request": there.asked, "requester": there.alice, "verdict": "approve", "created_at": now}
    Review.objects.create(reviewer=there.erin, on_behalf_of=there.bob, **seat)
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.create(reviewer=there.bob, **seat)


def asked_by_mail():
    return set(Notice.objects.filter(subject="Alice asks for Fileshare").values_list("to", flat=True))


def test_stand_ins_are_asked_by_mail_while_they_stand_in(fileshare, alice, laptop, bob, erin):
    made = a_delegation(bob, delegate=erin)
    Notice.objects.all().delete()
    a_request(alice, fileshare, [laptop])
    assert asked_by_mail() == {"bob@example.com", "erin@example.com"}
    Notice.objects.all().delete()
    a_request(alice, fileshare, [a_device(alice, "phone")], now=made.ends_at)
    assert asked_by_mail() == {"bob@example.com"}


def test_the_catalogue_names_them_among_who_will_answer(fileshare, bob, erin, now):
    made = a_delegation(bob, delegate=erin)
    assert set(facts.approvers_of(fileshare, now)) == {bob, erin}
    assert set(facts.approvers_of(fileshare, made.ends_at)) == {bob}


def test_a_stand_in_makes_nobodys_request_possible(bob, erin, pep, now):
    fileshare = a_resource(pep=pep)
    a_delegation(bob, delegate=erin)
    assert not facts.asking(bob, fileshare, now).can_be_approved


def test_a_stand_in_may_revoke_while_they_stand_in(grant_of_alice, bob, erin, now):
    made = a_delegation(bob, delegate=erin)
    with pytest.raises(lifecycle.Refused, match="Only its owner"):
        lifecycle.revoke(grant_of_alice, actor=erin, reason="late", now=made.ends_at)
    lifecycle.revoke(grant_of_alice, actor=erin, reason="in time", now=now)
    assert Grant.objects.get().ended_by == erin
