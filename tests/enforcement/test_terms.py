"""What terms ask of a sign-in, on a PEP with a real kernel.

Who signs in again is let in as they were; of two grants under different terms each gives what it gives.
"""

import pytest
from django.utils import timezone

from enrollment import lifecycle
from tests import factories
from tests.enforcement.world import BOTH
from tests.factories import HOUR, later

pytestmark = [pytest.mark.django_db, pytest.mark.lab]


def sign_in(person, at):
    lifecycle.sign_in(person, groups=None, name=person.name, email=person.email, auth_time=at, now=at)


def ask_for_a_sign_in_within(world, seconds):
    """Change the terms of what is asked for from now on."""
    factories.a_policy(world.fileshare.policy.name, session_length=seconds, now=world.now)


def test_who_signs_in_again_is_let_in_with_the_same_device_and_key(world):
    ask_for_a_sign_in_within(world, 600)
    grant, peers = world.grant(), {world.laptop.public_key: {"10.89.0.2/32", "fd89::2/128"}}
    world.reconcile()
    assert (world.gateway.admitted(), world.gateway.peers()) == (BOTH, peers)
    over = later(601, since=world.now)
    world.reconcile(over)
    assert (world.row(grant).state, world.gateway.admitted(), world.gateway.peers()) == ("gone", set(), {})
    sign_in(world.alice, over)
    world.reconcile(over)
    assert (world.row(grant).state, world.gateway.admitted(), world.gateway.peers()) == ("in_force", BOTH, peers)


CASES = {  # the sign-in is fresh, the grants that are ended: for how many hours that leaves access
    "an old sign-in": (False, (), 1),
    "an old sign-in, without the lenient grant": (False, ("lenient",), 0),
    "an old sign-in, without the strict grant": (False, ("strict",), 1),
    "a fresh sign-in": (True, (), 2),
    "a fresh sign-in, without the lenient grant": (True, ("lenient",), 2),
    "a fresh sign-in, without the strict grant": (True, ("strict",), 1),
    "a fresh sign-in, and neither grant": (True, ("lenient", "strict"), 0),
}


@pytest.mark.parametrize(("is_fresh", "ended", "hours"), CASES.values(), ids=CASES)
def test_of_two_grants_each_gives_what_its_own_terms_give_and_ending_one_adds_nothing(world, is_fresh, ended, hours):
    erin = factories.a_person("erin", auth_time=later(-4 * HOUR, since=world.now), now=world.now)
    tablet = factories.a_device(erin, "tablet", now=world.now)
    grants = {"lenient": world.grant(HOUR, device=tablet)}
    ask_for_a_sign_in_within(world, 3 * HOUR)
    grants["strict"] = world.grant(2 * HOUR, device=tablet)
    if is_fresh:
        sign_in(erin, timezone.now())
    world.reconcile()
    for name in ended:
        world.revoke(grants[name])
        world.reconcile()
    left = set(world.gateway.elements().values())
    assert {-(-seconds // HOUR) for seconds in left} == {hours} - {0}
