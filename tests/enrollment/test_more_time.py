"""More time for access that runs keeps every limit: it is asked for, answered and judged like any other access."""

import pytest

from enrollment import facts, lifecycle
from enrollment.models import Membership
from enrollment.policy import decide
from tests import factories
from tests.factories import APPROVERS, HOUR, a_device, a_grant, a_policy, a_request, a_resource, later

DURING = later(HOUR + 60)  # the first hour is over, the second one runs


@pytest.fixture
def vault(pep, bob):
    """A resource with every limit that terms know."""
    terms = {"requesters": ["employees"], "longest_grant": HOUR, "session_length": 3 * HOUR}
    return a_resource("vault", pep=pep, policy=a_policy("tight", **terms), number=30)


@pytest.fixture
def first(alice, bob, vault, laptop):
    return a_grant(alice, vault, [laptop], reviewer=bob)


@pytest.fixture
def more(alice, bob, vault, laptop, first):
    return a_grant(alice, vault, [laptop], reviewer=bob, extends=first, now=later(60))


def reaches(device, resource, at=DURING):
    return decide(facts.facts_of(device, resource, at), at)


def test_without_anything_against_it_there_is_more_time(more, laptop, vault):
    assert reaches(laptop, vault).until == later(2 * HOUR)


LOSSES = {
    "the person left the group": lambda alice, _laptop: Membership.objects.filter(user=alice).delete(),
    "the person was disabled": lambda alice, _laptop: lifecycle.disable_user(alice, actor=None, now=later(120)),
    "the device was lost": lambda alice, laptop: lifecycle.report_lost(laptop, actor=alice, reason="", now=later(120)),
    "the resource was retired": lambda _alice, laptop: retire(laptop),
    "the device is somebody else's": lambda _alice, laptop: give_away(laptop),
}


def retire(laptop):
    resource = laptop.grants.first().resource
    lifecycle.retire_resource(resource, actor=None, now=later(120))


def give_away(laptop):
    type(laptop).objects.filter(pk=laptop.pk).update(owner=factories.a_person("erin"))


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_it_ends_with_what_any_access_ends_with(lose, alice, laptop, vault, more):
    lose(alice, laptop)
    laptop.refresh_from_db()
    vault.refresh_from_db()
    assert not reaches(laptop, vault)


def test_it_ends_with_the_sign_in_that_it_hangs_on(alice, bob, laptop, vault):
    given = a_grant(alice, vault, [laptop], reviewer=bob)
    for number in (1, 2, 3):
        given = a_grant(alice, vault, [laptop], reviewer=bob, extends=given, now=later(60 * number))
    assert reaches(laptop, vault).until == later(3 * HOUR)


def test_it_is_for_the_devices_it_names(alice, bob, laptop, vault, first):
    phone = a_device(alice, "phone")
    a_grant(alice, vault, [phone], reviewer=bob, extends=first, now=later(60))
    assert (bool(reaches(laptop, vault)), bool(reaches(phone, vault))) == (False, True)


def test_it_is_no_longer_than_the_longest_grant(alice, laptop, vault, first):
    with pytest.raises(lifecycle.Refused, match="The longest time for this resource is 1 hour"):
        a_request(alice, vault, [laptop], extends=first, seconds=HOUR + 1, now=later(60))


def test_it_is_under_the_terms_of_today(alice, bob, laptop, vault, first):
    a_policy("tight", requesters=["employees"], longest_grant=600, rolling_total=4 * HOUR)
    with pytest.raises(lifecycle.Refused, match="The longest time for this resource is 10 minutes"):
        a_request(alice, vault, [laptop], extends=first, now=later(60))


@pytest.mark.parametrize("name", ["alice", "carol", "dave", "erin"])
def test_it_waits_for_the_same_answers_as_before(request, alice, laptop, vault, first, name):
    asked = a_request(alice, vault, [laptop], extends=first, now=later(60))
    assert (asked.state, bool(reaches(laptop, vault))) == ("pending", False)
    with pytest.raises(lifecycle.Refused):
        lifecycle.approve(asked, reviewer=request.getfixturevalue(name), now=later(120))
    assert not reaches(laptop, vault)


def test_an_approver_answers_no_more_time_of_their_own(alice, bob, vault):
    Membership.objects.create(user=alice, group=factories.a_group(APPROVERS), source="oidc", since=later())
    tablet = a_device(bob, "tablet")
    given = a_grant(bob, vault, [tablet], reviewer=alice)
    asked = a_request(bob, vault, [tablet], extends=given, now=later(60))
    with pytest.raises(lifecycle.Refused, match="Nobody answers a request of their own"):
        lifecycle.approve(asked, reviewer=bob, now=later(120))
