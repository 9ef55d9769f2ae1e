"""Whether somebody could ask, read for a page of resources at once: what holds for one says nothing about another."""

import pytest

from enrollment import facts, lifecycle, policy
from enrollment.models import AccessPolicy, Resource
from tests.factories import HOUR, a_grant, a_group, a_person, a_policy, a_resource, later


@pytest.fixture
def catalogue(alice, laptop, bob, pep):
    """Each with something else in its way for alice; the last one has nothing."""
    a_person("lonely", groups=["pair"])
    a_group("nobody")
    bare = Resource.objects.create(name="Bare", slug="bare", policy=AccessPolicy.objects.create(name="bare"))
    spent = a_resource("spent", pep=pep, policy=a_policy("spent", rolling_total=8 * HOUR, rolling_window=24 * HOUR))
    a_grant(alice, spent, [laptop], reviewer=bob, seconds=8 * HOUR)
    others = a_resource("others", policy=a_policy("others", requesters=["directors"]))
    empty = a_resource("empty", policy=a_policy("empty", stages=[("nobody", 1)]))
    short = a_resource("short", policy=a_policy("short", stages=[("pair", 2)]))
    retired = a_resource("retired")
    lifecycle.retire_resource(retired, actor=None, now=later(0))
    free = a_resource("free", policy=spent.policy)
    return [bare, spent, others, empty, short, Resource.objects.get(pk=retired.pk), free]


def test_each_resource_has_the_reasons_of_its_own(alice, catalogue):
    found = facts.asking_all(alice, catalogue, later(1))
    reasons = [" ".join(policy.may_ask(found[resource.pk], later(1))) for resource in catalogue]
    begin = ["Nobody can ask", "Of 8 hours within 1 day, no time is left.", "Only members", "Nobody can approve", "Nobody can approve"]
    assert [reason.startswith(words) for reason, words in zip(reasons, [*begin, "The resource is retired.", ""], strict=True)] == [True] * 7
    assert reasons[-1] == ""


def test_many_read_at_once_are_what_each_is_alone(alice, bob, catalogue):
    together = {person: facts.asking_all(person, catalogue, later(HOUR)) for person in (alice, bob)}
    alone = {person: {each.pk: facts.asking(person, each, later(HOUR)) for each in catalogue} for person in (alice, bob)}
    assert together == alone


def test_each_resource_has_a_window_of_its_own(alice, laptop, bob, pep):
    day, week = (
        a_resource(name, pep=pep, number=number, policy=a_policy(name, rolling_total=8 * HOUR, rolling_window=window))
        for name, number, window in (("day", 10, 24 * HOUR), ("week", 11, 7 * 24 * HOUR))
    )
    a_grant(alice, day, [laptop], reviewer=bob, seconds=2 * HOUR)
    a_grant(alice, week, [laptop], reviewer=bob, seconds=2 * HOUR)
    found = facts.asking_all(alice, [day, week], later(25 * HOUR))
    assert (found[day.pk].used_seconds, found[week.pk].used_seconds) == (HOUR, 2 * HOUR)


def test_nothing_asked_about_is_nothing_found(alice):
    assert facts.asking_all(alice, [], later(0)) == {}
