"""Everything that one PEP may have to hold, in a constant number of queries."""

from ipaddress import ip_address

import pytest

from enrollment import facts, lifecycle
from enrollment.policy import decide
from tests.factories import HOUR, a_device, a_grant, a_pep, a_person, a_policy, a_resource, later


def test_a_placement_says_what_is_dialled_and_where_that_leads(fileshare, pep, now):
    (placement,) = facts.for_pep(pep, now).placements
    assert (placement.id, placement.slug, placement.ports) == (fileshare.pk, "fileshare", (("tcp", 139, 139), ("tcp", 445, 445)))
    assert (placement.overlay_v4, placement.target_v4) == (ip_address("10.89.65.10"), ip_address("192.168.89.10"))
    assert (placement.overlay_v6, placement.target_v6) == (ip_address("fd89:0:0:1::a"), ip_address("fd00:89::a"))


def test_a_pair_has_all_that_decide_needs(grant_of_alice, laptop, pep, now):
    (pair,) = facts.for_pep(pep, now).pairs
    assert (pair.device.public_key, pair.device.address_v4, pair.resource) == (laptop.public_key, ip_address("10.89.0.2"), "fileshare")
    assert pair.grant_ids == (grant_of_alice.pk,)
    assert decide(pair.facts, now).until == later(HOUR)


@pytest.mark.parametrize("second", [-1, 0, 599, 600, 1800, HOUR - 1, HOUR, 2 * HOUR])
def test_it_decides_as_the_page_does(alice, bob, laptop, pep, second):
    fresh = a_resource("fresh", pep=pep, policy=a_policy("fresh", session_length=600, requesters=["employees"]))
    plain = a_resource("plain", pep=pep, number=11)
    a_grant(alice, fresh, [laptop], reviewer=bob)
    a_grant(alice, plain, [laptop], reviewer=bob, starts_at=later(1800))
    by_pep = {pair.resource: decide(pair.facts, later(second)) for pair in facts.for_pep(pep, later(second)).pairs}
    for resource in (fresh, plain):
        by_page = decide(facts.facts_of(laptop, resource, later(second)), later(second))
        assert getattr(by_pep.get(resource.slug), "until", None) == getattr(by_page, "until", None)


def test_a_proof_counts_until_a_logout_takes_it_back(alice, bob, laptop, pep, now):
    fresh = a_resource("fresh", pep=pep, policy=a_policy("fresh", session_length=600))
    a_grant(alice, fresh, [laptop], reviewer=bob)
    assert [decide(pair.facts, now).until for pair in facts.for_pep(pep, now).pairs] == [later(600)]
    alice.proofs.update(withdrawn_at=now)
    assert [bool(decide(pair.facts, now)) for pair in facts.for_pep(pep, now).pairs] == [False]


def test_what_ended_is_no_pair(grant_of_alice, bob, pep, now):
    assert facts.for_pep(pep, later(HOUR)).pairs == ()
    lifecycle.revoke(grant_of_alice, actor=bob, reason="", now=now)
    assert facts.for_pep(pep, now).pairs == ()


def test_a_retired_resource_has_neither_placement_nor_pair(grant_of_alice, dave, fileshare, pep, now):
    lifecycle.retire_resource(fileshare, actor=dave, now=now)
    assert facts.for_pep(pep, now) == type(facts.for_pep(pep, now))()


@pytest.mark.parametrize("verb", ["suspend_device", "retire_device"])
def test_a_device_out_of_use_is_denied(grant_of_alice, alice, laptop, pep, verb, now):
    getattr(lifecycle, verb)(laptop, actor=alice, reason="", now=now)
    assert [bool(decide(pair.facts, now)) for pair in facts.for_pep(pep, now).pairs] == [False]


def test_another_pep_learns_nothing_of_it(grant_of_alice, now):
    other = a_pep(2)
    assert facts.for_pep(other, now).pairs == ()
    assert facts.for_pep(other, now).placements == ()


def test_two_grants_of_one_pair_come_together(grant_of_alice, alice, bob, laptop, fileshare, pep, now):
    longer = a_grant(alice, fileshare, [laptop], reviewer=bob, seconds=2 * HOUR)
    (pair,) = facts.for_pep(pep, now).pairs
    assert pair.grant_ids == (grant_of_alice.pk, longer.pk)
    assert decide(pair.facts, now).until == later(2 * HOUR)


def test_more_devices_take_no_more_queries(
    grant_of_alice, bob, fileshare, pep, now, django_assert_num_queries, django_assert_max_num_queries
):
    with django_assert_max_num_queries(8) as few:
        facts.for_pep(pep, now)
    for number in range(5):
        person = a_person(f"person {number}")
        a_grant(person, fileshare, [a_device(person)], reviewer=bob)
    assert len(few) <= 8
    with django_assert_num_queries(len(few)):
        assert len(facts.for_pep(pep, now).pairs) == 6
