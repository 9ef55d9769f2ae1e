"""Several groups, several people: each stage needs its own, and one no ends it."""

import pytest

from enrollment import facts, lifecycle
from enrollment.models import Grant
from tests.factories import APPROVERS, a_person, a_policy, a_request, a_resource, later


@pytest.fixture
def brenda(db):
    return a_person("brenda", groups=[APPROVERS])


@pytest.fixture
def sam(db):
    return a_person("sam", groups=["security"])


@pytest.fixture
def asked(alice, laptop, bob, brenda, sam, pep):
    """Two approvers, then one of security."""
    vault = a_resource("vault", pep=pep, policy=a_policy("vault", stages=[(APPROVERS, 2), ("security", 1)]))
    return a_request(alice, vault, [laptop])


def test_the_grant_comes_with_the_last_yes(asked, bob, brenda, sam, now):
    assert lifecycle.approve(asked, reviewer=bob, now=now) is None
    assert lifecycle.approve(asked, reviewer=brenda, now=now) is None
    assert not Grant.objects.exists()
    assert lifecycle.approve(asked, reviewer=sam, now=later(60)).starts_at == later(60)


def test_nobody_counts_twice(asked, bob, now):
    lifecycle.approve(asked, reviewer=bob, now=now)
    with pytest.raises(lifecycle.Conflict, match="You answered this"):
        lifecycle.approve(asked, reviewer=bob, now=now)
    assert asked.reviews.count() == 1


def test_a_later_stage_waits_for_its_turn(asked, sam, now):
    with pytest.raises(lifecycle.Refused, match="approving group"):
        lifecycle.approve(asked, reviewer=sam, now=now)


def test_one_no_ends_it_for_all(asked, bob, brenda, now):
    lifecycle.approve(asked, reviewer=bob, now=now)
    lifecycle.deny(asked, reviewer=brenda, comment="not this quarter", now=now)
    asked.refresh_from_db()
    assert (asked.state, asked.closed_by) == ("denied", brenda)


def test_the_yes_of_somebody_who_left_does_not_count(asked, bob, brenda, dave, now):
    a_person("third", groups=[APPROVERS])
    lifecycle.approve(asked, reviewer=bob, now=now)
    lifecycle.disable_user(bob, actor=dave, now=now)
    lifecycle.approve(asked, reviewer=brenda, now=now)
    assert facts.stage_that_waits(asked).group.name == APPROVERS


def test_the_shortest_time_that_any_approver_left_holds(asked, bob, brenda, sam, now):
    lifecycle.approve(asked, reviewer=bob, now=now, seconds=300)
    lifecycle.approve(asked, reviewer=brenda, now=now, seconds=900)
    assert lifecycle.approve(asked, reviewer=sam, now=now).ends_at == later(300)


def test_those_who_are_asked_are_those_who_could_answer_now(asked, bob, brenda, sam, now):
    assert set(facts.approvers_of(asked, now)) == {bob, brenda}
    lifecycle.approve(asked, reviewer=bob, now=now)
    assert set(facts.approvers_of(asked, now)) == {brenda}
    lifecycle.approve(asked, reviewer=brenda, now=now)
    assert set(facts.approvers_of(asked, now)) == {sam}
