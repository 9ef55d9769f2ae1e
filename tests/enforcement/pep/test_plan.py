"""Laws of planning: nothing to do for what is held, nothing left after it was done, what closes never opens."""

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enforcement.pep.plan import NEVER_ENDS, Horizon, Plan, Scope, kept_by_rebuild, plan
from enforcement.pep.state import Admission, Peer, Placement, Port, State, make_state
from tests.enforcement.pep.agents import key

LAW = settings(max_examples=60, deadline=None)
NOW = 1_800_000_000
FREE = Horizon(NOW)
SLUGS = ("fileshare", "wiki", "printer")
ADDRESSES = tuple(ipaddress.ip_address("10.89.0.1") + n for n in range(6))


def placement(slug="fileshare", target="192.168.89.10", number=None):
    number = SLUGS.index(slug) + 1 if number is None else number
    overlay = ipaddress.ip_address("10.89.65.0") + number
    return Placement(number, slug, (Port("tcp", 445, 445),), overlay, ipaddress.ip_address(target))


def peer(number, *addresses):
    return Peer(key(number), addresses or (ADDRESSES[number],))


def admission(number=0, slug="fileshare", seconds=600):
    return Admission(slug, ADDRESSES[number], NOW + seconds)


def state(*admissions, placements=None, peers=None):
    numbers = sorted({ADDRESSES.index(a.address) for a in admissions})
    return make_state(
        [placement(slug) for slug in SLUGS] if placements is None else placements,
        [peer(n) for n in numbers] if peers is None else peers,
        admissions,
    )


def carried_out(held, todo):
    """Do to values what the agent does to the kernel, in the plan's order."""
    sets = {(a.resource, a.address): a.deadline for a in held.admissions}
    gone = {p.slug for p in todo.drop_placements}
    sets = {pair: end for pair, end in sets.items() if pair[0] not in gone and pair not in {(a.resource, a.address) for a in todo.expel}}
    sets |= {(a.resource, a.address): a.deadline for a in (*todo.shorten, *todo.admit)}
    placements = {p.slug: p for p in held.placements if p.slug not in gone}
    placements |= {new.slug: new for _, new in todo.replace_placements} | {p.slug: p for p in todo.add_placements}
    peers = {p.key: p for p in held.peers if p.key not in todo.drop_peers}
    for changed in (*todo.strip_peers, *todo.set_peers):
        others = {k: Peer(k, tuple(a for a in p.addresses if a not in changed.addresses)) for k, p in peers.items()}
        peers = others | {changed.key: changed}
    return make_state(placements.values(), peers.values(), [Admission(slug, a, end) for (slug, a), end in sets.items()])


@st.composite
def states(draw):
    placements = [placement(s, draw(st.sampled_from(("192.168.89.10", "192.168.89.11")))) for s in draw(st.sets(st.sampled_from(SLUGS)))]
    addresses = draw(st.permutations(ADDRESSES))[: draw(st.integers(0, len(ADDRESSES)))]
    keys = draw(st.permutations(range(8)))
    peers = [Peer(key(k), (a,)) for k, a in zip(keys, addresses, strict=False)]
    pairs = [(p.slug, a) for p in placements for a in addresses]
    chosen = draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    return make_state(placements, peers, [Admission(s, a, NOW + draw(st.integers(1, 9000))) for s, a in sorted(chosen, key=str)])


@LAW
@given(states())
def test_planning_a_state_against_itself_is_empty(wanted):
    assert not plan(wanted, wanted, FREE)


@LAW
@given(states(), states())
def test_carrying_out_a_plan_leaves_nothing_to_plan(held, wanted):
    after = carried_out(held, plan(held, wanted, FREE))
    assert not plan(after, wanted, FREE)
    assert (after.placements, after.peers) == (wanted.placements, wanted.peers)
    assert {(a.resource, a.address) for a in after.admissions} == {(a.resource, a.address) for a in wanted.admissions}


@LAW
@given(states(), states())
def test_no_deadline_is_ever_later_than_wanted(held, wanted):
    after = carried_out(held, plan(held, wanted, FREE))
    deadlines = {(a.resource, a.address): a.deadline for a in wanted.admissions}
    assert all(a.deadline <= deadlines[a.resource, a.address] for a in after.admissions)


@LAW
@given(states(), states())
def test_removals_open_nothing(held, wanted):
    after = carried_out(held, plan(held, wanted, FREE).removals())
    before = {(a.resource, a.address): a.deadline for a in held.admissions}
    assert all(a.deadline <= before[a.resource, a.address] for a in after.admissions)
    assert set(after.placements) <= set(held.placements)
    addresses = {a for p in held.peers for a in p.addresses}
    assert {a for p in after.peers for a in p.addresses} <= addresses


@LAW
@given(states(), states())
def test_removals_take_away_all_that_is_not_wanted(held, wanted):
    after = carried_out(held, plan(held, wanted, FREE).removals())
    allowed = {(a.resource, a.address) for a in wanted.admissions}
    assert {(a.resource, a.address) for a in after.admissions} <= allowed
    owners = {p.key: set(p.addresses) for p in wanted.peers}
    assert all(set(p.addresses) <= owners[p.key] for p in after.peers)


@LAW
@given(states(), states())
def test_an_unchanged_peer_is_never_touched(held, wanted):
    todo = plan(held, wanted, FREE)
    touched = {*todo.drop_peers, *(p.key for p in (*todo.strip_peers, *todo.set_peers))}
    assert not touched & {p.key for p in set(held.peers) & set(wanted.peers)}


@LAW
@given(states(), states())
def test_every_expelled_pair_has_its_flows_forgotten(held, wanted):
    todo = plan(held, wanted, FREE)
    overlays = {p.slug: p.overlay_v4 for p in held.placements}
    for expelled in todo.expel:
        overlay = overlays[expelled.resource]
        assert {(expelled.address, overlay), (None, overlay), (expelled.address, None)} & set(todo.forget)


@LAW
@given(states(), states(), st.sets(st.sampled_from(ADDRESSES)), st.sets(st.sampled_from(SLUGS)))
def test_a_scope_expels_nobody_else(held, wanted, devices, resources):
    scope = Scope(frozenset(devices), frozenset(resources))
    part = replace(wanted, peers=(), admissions=())
    todo = plan(held, part, FREE, scope)
    assert all(scope.holds(a.resource, a.address) or a.address in devices for a in todo.expel)
    assert all(p.slug in resources for p in todo.drop_placements)


@LAW
@given(states(), states(), st.booleans())
def test_a_rebuild_keeps_only_what_was_held_and_is_wanted(held, wanted, opens):
    kept = kept_by_rebuild(held, wanted, FREE, opens=opens)
    before = {(a.resource, a.address): a.deadline for a in held.admissions}
    deadlines = {(a.resource, a.address): a.deadline for a in wanted.admissions}
    owners = {a: p.key for p in wanted.peers for a in p.addresses}
    assert all((a.resource, a.address) in before and a.deadline <= deadlines[a.resource, a.address] for a in kept.admissions)
    assert opens or all(a.deadline <= before[a.resource, a.address] for a in kept.admissions)
    assert all(Peer(owners[a.address], (a.address,)) in held.peers for a in kept.admissions)
    assert opens or set(kept.placements) <= set(held.placements)


def test_what_ends_too_late_is_shortened_and_what_ends_too_early_is_extended():
    todo = plan(state(admission(seconds=601), admission(1, seconds=590)), state(admission(), admission(1)), FREE)
    assert todo == Plan(shorten=(admission(),), admit=(admission(1),))


def test_two_seconds_early_is_near_enough():
    assert not plan(state(admission(seconds=598)), state(admission()), FREE)


def test_an_element_made_permanent_is_shortened():
    forever = replace(admission(), deadline=NEVER_ENDS)
    assert plan(state(forever), state(admission()), FREE).shorten == (admission(),)


def test_a_deadline_that_has_passed_is_expelled_not_shortened():
    todo = plan(state(admission()), state(admission(seconds=0)), FREE)
    assert (todo.expel, todo.shorten, todo.admit) == ((admission(),), (), ())


def test_an_address_is_taken_from_one_peer_before_the_other_gets_it():
    before = state(admission(), peers=[peer(0)])
    after = state(admission(), peers=[peer(5, ADDRESSES[0])])
    todo = plan(before, after, FREE)
    assert (todo.drop_peers, todo.set_peers) == ((key(0),), (peer(5, ADDRESSES[0]),))
    assert (todo.expel, todo.admit) == ((admission(),), (admission(),))
    assert (ADDRESSES[0], None) in todo.forget


def test_a_retargeted_resource_is_changed_and_its_flows_forgotten():
    before, after = state(admission(), placements=[placement()]), state(admission(), placements=[placement(target="192.168.89.9")])
    todo = plan(before, after, FREE)
    assert todo == Plan(forget=((None, placement().overlay_v4),), replace_placements=((before.placements[0], after.placements[0]),))


def test_a_slug_of_another_id_is_another_resource():
    before, after = state(admission(), placements=[placement()]), state(admission(), placements=[placement(number=9)])
    todo = plan(before, after, FREE)
    assert (todo.drop_placements, todo.add_placements) == (before.placements, after.placements)
    assert todo.admit == (admission(),)


def test_a_lease_limits_and_is_renewed_in_its_second_half_only():
    wanted = state(admission(seconds=9000))
    assert plan(state(), wanted, Horizon(NOW, 100)).admit == (admission(seconds=100),)
    assert not plan(state(admission(seconds=51), peers=[peer(0)]), wanted, Horizon(NOW, 100))
    assert plan(state(admission(seconds=49), peers=[peer(0)]), wanted, Horizon(NOW, 100)).admit == (admission(seconds=100),)


def test_a_lag_shortens_what_is_opened_and_what_is_held():
    wanted, late = state(admission()), Horizon(NOW, lag=31, sure_lag=30)
    assert plan(state(), wanted, late).admit == (admission(seconds=569),)
    assert plan(state(admission()), wanted, late).shorten == (admission(seconds=569),)
    assert plan(state(admission(seconds=571)), wanted, late).shorten == (admission(seconds=569),)


@pytest.mark.parametrize("lag", [30, 31, 35, 60])
def test_how_long_a_document_took_changes_nothing_that_is_held(lag):
    assert not plan(state(admission(seconds=570)), state(admission()), Horizon(NOW, lag=lag, sure_lag=30))


def test_a_lag_that_fell_gives_the_time_back():
    assert plan(state(admission(seconds=570)), state(admission()), FREE).admit == (admission(),)


def test_nothing_is_wanted_where_nothing_is_placed():
    assert plan(State(), State(), FREE) == Plan()
