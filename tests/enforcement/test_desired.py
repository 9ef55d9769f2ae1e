"""Facts in, the state of one PEP out: a truth table, and laws that hold for any facts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enforcement.desired import compile_state
from enforcement.pep.state import State, from_json, to_json
from enrollment.policy import decide
from enrollment.values import DeviceFacts, Facts, GrantFacts, Pair, PepFacts, PlacementFacts, Proof

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
V4, V6 = IPv4Address("10.89.0.2"), IPv6Address("fd89::2")
KEY = "AQ" + "A" * 40 + "8="


def make_grant(grant_id=1, start=-HOUR, end=HOUR, **overrides):
    return GrantFacts(grant_id, 7, frozenset({1}), NOW + start, NOW + end, **overrides)


def make_pair(*grants, resource="fileshare", device=None, **facts):
    device = device or DeviceFacts(1, 7, "laptop", "enrolled", KEY, V4, V6)
    known = {
        "user_is_active": True,
        "proofs": (Proof(NOW),),
        "device_id": device.id,
        "device_owner_id": device.owner_id,
        "device_state": device.state,
    }
    return Pair(device, resource, Facts(**{**known, **facts}, grants=grants), tuple(grant.id for grant in grants))


def make_placement(**overrides):
    addresses = {
        "overlay_v4": IPv4Address("10.89.65.2"),
        "target_v4": IPv4Address("192.168.89.10"),
        "overlay_v6": IPv6Address("fd89:0:0:1::2"),
        "target_v6": IPv6Address("2001:db8:89::10"),
    }
    known = {"id": 5, "slug": "fileshare", "ports": (("tcp", 445, 445),), "is_on_pep": False}
    return PlacementFacts(**{**known, **addresses, **overrides})


def admitted(*pairs, placements=None, now=NOW):
    state = compile_state(PepFacts(placements or (make_placement(),), pairs), now).state
    return {(each.resource, str(each.address), each.deadline - int(NOW.timestamp())) for each in state.admissions}


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (make_pair(make_grant()), {("fileshare", "10.89.0.2", 3600), ("fileshare", "fd89::2", 3600)}),
        (make_pair(make_grant(), device=DeviceFacts(1, 7, "x", "enrolled", KEY, V4, None)), {("fileshare", "10.89.0.2", 3600)}),
        (make_pair(make_grant(), device=DeviceFacts(1, 7, "x", "enrolled", KEY, None, V6)), {("fileshare", "fd89::2", 3600)}),
        (make_pair(make_grant(), device=DeviceFacts(1, 7, "x", "enrolled", KEY, None, None)), set()),
        (make_pair(make_grant(), device_state="suspended"), set()),
        (make_pair(make_grant(), user_is_active=False), set()),
        (make_pair(make_grant(), resource="elsewhere"), set()),
        (make_pair(make_grant(is_open=False)), set()),
        (make_pair(make_grant(end=timedelta(0))), set()),
        (make_pair(make_grant(start=HOUR, end=2 * HOUR)), set()),
        (make_pair(make_grant(end=timedelta(seconds=0.9))), set()),
        (make_pair(make_grant(end=timedelta(seconds=1.9))), {("fileshare", "10.89.0.2", 1), ("fileshare", "fd89::2", 1)}),
        (make_pair(make_grant(), make_grant(2, end=2 * HOUR)), {("fileshare", "10.89.0.2", 7200), ("fileshare", "fd89::2", 7200)}),
        (make_pair(make_grant(session_length=60)), {("fileshare", "10.89.0.2", 60), ("fileshare", "fd89::2", 60)}),
        (make_pair(), set()),
    ],
)
def test_a_pair_is_admitted_as_decided(pair, expected):
    assert admitted(pair) == expected


def test_a_family_that_the_placement_lacks_is_no_admission():
    four = make_placement(overlay_v6=None, target_v6=None)
    assert admitted(make_pair(make_grant()), placements=(four,)) == {("fileshare", "10.89.0.2", 3600)}


def test_a_device_without_an_admission_is_no_peer():
    state = compile_state(PepFacts((make_placement(),), (make_pair(make_grant(is_open=False)),)), NOW).state
    assert (state.peers, [placement.slug for placement in state.placements]) == ((), ["fileshare"])


def test_a_peer_has_exactly_the_addresses_of_its_device():
    four = make_placement(overlay_v6=None, target_v6=None)
    [peer] = compile_state(PepFacts((four,), (make_pair(make_grant()),)), NOW).state.peers
    assert (peer.key, peer.addresses) == (KEY, (V4, V6))


@pytest.mark.parametrize("ports", [(), (("tcp", 9, 1),), (("icmp", 1, 1),), (("tcp", 0, 70000),)])
def test_a_placement_that_an_agent_would_refuse_holds_back_nobody_else(ports):
    other = make_placement(id=6, slug="wiki", overlay_v4=IPv4Address("10.89.65.3"), overlay_v6=IPv6Address("fd89:0:0:1::3"))
    desired = compile_state(
        PepFacts((make_placement(ports=ports), other), (make_pair(make_grant()), make_pair(make_grant(2), resource="wiki"))), NOW
    )
    assert [placement.slug for placement in desired.state.placements] == ["wiki"]
    assert {each.resource for each in desired.state.admissions} == {"wiki"}
    assert desired.left_out[0].startswith("fileshare: ")


def test_only_grants_that_stand_by_themselves_count_as_in_force():
    pair = make_pair(make_grant(1), make_grant(2, is_open=False), make_grant(3, start=HOUR, end=2 * HOUR))
    [each] = compile_state(PepFacts((make_placement(),), (pair,)), NOW).decided
    assert each.grant_ids == (1,)


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ((make_grant(),), HOUR),
        ((make_grant(), make_grant(2, end=HOUR / 2)), HOUR / 2),
        ((make_grant(start=HOUR, end=2 * HOUR),), HOUR),
        ((make_grant(session_length=60),), timedelta(seconds=60)),
    ],
)
def test_it_says_when_time_alone_changes_something(grants, expected):
    assert compile_state(PepFacts((make_placement(),), (make_pair(*grants),)), NOW).recheck_at == NOW + expected


def test_nothing_changes_where_nothing_is_granted():
    desired = compile_state(PepFacts((make_placement(),), ()), NOW)
    assert (desired.recheck_at, desired.state.admissions) == (None, ())


moments = st.integers(-7200, 7200).map(lambda seconds: timedelta(seconds=seconds / 4))
some_grants = st.lists(
    st.builds(
        lambda number, start, length, is_open, session: make_grant(
            number, start, start + abs(length), is_open=is_open, session_length=session
        ),
        *(st.integers(1, 9), moments, moments, st.booleans(), st.one_of(st.none(), st.integers(1, 4000))),
    ),
    max_size=4,
    unique_by=lambda grant: grant.id,
)
states = st.sampled_from(["enrolled", "suspended", "lost", "retired", "pending"])


@given(
    some_grants,
    st.booleans(),
    st.sampled_from(["enrolled", "suspended", "lost", "retired", "pending"]),
    st.sampled_from([V4, None]),
    st.sampled_from([V6, None]),
)
def test_every_admission_stands_on_an_allow_and_ends_no_later(grants, active, state, v4, v6):
    device = DeviceFacts(1, 7, "x", state, KEY, v4, v6)
    pair = make_pair(*grants, device=device, user_is_active=active)
    decision, found = decide(pair.facts, NOW), admitted(pair)
    assert all(bool(decision) and NOW + timedelta(seconds=deadline) <= decision.until for _slug, _address, deadline in found)
    lasts = bool(decision) and int(decision.until.timestamp()) > NOW.timestamp()
    assert {address for _slug, address, _deadline in found} == ({str(each) for each in (v4, v6) if each} if lasts else set())


@given(some_grants, st.integers(0, 3))
def test_ending_a_grant_never_adds_and_adding_one_never_takes_away(grants, index):
    fewer = [grant for number, grant in enumerate(grants) if number != index]
    more, less = admitted(make_pair(*grants)), admitted(make_pair(*fewer))
    longest = {(slug, address): deadline for slug, address, deadline in more}
    assert all(longest.get((slug, address), 0) >= deadline for slug, address, deadline in less)


@given(some_grants)
def test_what_is_compiled_is_what_an_agent_reads(grants):
    state = compile_state(PepFacts((make_placement(),), (make_pair(*grants),)), NOW).state
    assert isinstance(state, State)
    assert from_json(to_json(state)) == state


@given(some_grants)
def test_between_now_and_the_recheck_nothing_changes_by_itself(grants):
    pair = make_pair(*grants)
    recheck_at = compile_state(PepFacts((make_placement(),), (pair,)), NOW).recheck_at or NOW + HOUR
    later = recheck_at - timedelta(microseconds=1)
    grants_then = compile_state(PepFacts((make_placement(),), (replace(pair),)), later).decided[0].grant_ids
    assert grants_then == compile_state(PepFacts((make_placement(),), (pair,)), NOW).decided[0].grant_ids
