"""Laws of deciding, for any grants at all.

What is drawn leans towards access, so that the laws about it are tried often: where too
few draws give any, hypothesis itself fails the test.
"""

from dataclasses import replace
from datetime import timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from enrollment.policy import Allow, decide
from enrollment.values import Facts, GrantFacts, Proof
from tests.factories import NOW

moments = st.integers(-5, 15).map(lambda minutes: NOW + timedelta(minutes=minutes))
starts = st.integers(-20, 15).map(lambda minutes: NOW + timedelta(minutes=minutes))
mostly_yes = st.integers(0, 9).map(bool)
laws = settings(max_examples=50, deadline=None, database=None)


@st.composite
def grants(draw):
    start, length = draw(starts), draw(st.integers(1, 40))
    return GrantFacts(
        id=draw(st.integers(1, 9)),
        user_id=7,
        device_ids=draw(st.sampled_from([frozenset({5}), frozenset({5}), frozenset({5, 6}), frozenset({6})])),
        starts_at=start,
        ends_at=start + timedelta(minutes=length),
        is_open=draw(mostly_yes),
        session_length=draw(st.sampled_from([None, None, None, 600, 3600])),
        needs_mfa=draw(st.booleans()),
        ends_at_logout=draw(st.booleans()),
    )


facts = st.builds(
    Facts,
    user_is_active=mostly_yes,
    proofs=st.lists(st.builds(Proof, starts, st.booleans(), st.booleans()), max_size=3).map(tuple),
    device_id=st.just(5),
    device_owner_id=st.just(7),
    device_state=mostly_yes.map({True: "enrolled", False: "suspended"}.get),
    grants=st.lists(grants(), min_size=1, max_size=5).map(tuple),
)


@laws
@given(facts, moments)
def test_there_is_no_allow_without_a_deadline_ahead_that_a_grant_gives(known, now):
    decision = decide(known, now)
    assume(decision)
    assert decision.until > now
    assert decision.until <= max(grant.ends_at for grant in known.grants)


@laws
@given(facts, moments)
def test_an_allow_holds_until_just_before_its_deadline_and_ends_at_it(known, now):
    decision = decide(known, now)
    assume(decision)
    assert decide(known, decision.until - timedelta(microseconds=1)) == decision
    assert not decide(known, decision.until)


@laws
@given(facts, moments)
def test_access_does_not_begin_by_itself_but_at_a_start(known, now):
    decision = decide(known, now)
    assume(decision)
    earlier = max(grant.starts_at for grant in known.grants if grant.starts_at <= now)
    assert isinstance(decide(known, earlier), Allow)
    assert decide(known, earlier).until == decision.until


@laws
@given(facts, moments, grants())
def test_one_more_grant_never_takes_access_away(known, now, more):
    before, after = decide(known, now), decide(replace(known, grants=(*known.grants, more)), now)
    assume(before)
    assert after
    assert after.until >= before.until


@laws
@given(facts, moments, st.data())
def test_ending_some_grants_leaves_what_the_others_give(known, now, data):
    kept = tuple(grant for grant in known.grants if data.draw(st.booleans()))
    rest, ended = set(known.grants) - set(kept), decide(replace(known, grants=kept), now)
    still_there = tuple(grant if grant in kept else replace(grant, is_open=False) for grant in known.grants)
    assume(rest)
    assert bool(decide(replace(known, grants=still_there), now)) == bool(ended)
    assert getattr(decide(replace(known, grants=still_there), now), "until", None) == getattr(ended, "until", None)


@laws
@given(facts, moments)
def test_nothing_changes_between_now_and_the_moment_to_look_again(known, now):
    decision = decide(known, now)
    assume(not decision)
    until = decision.recheck_at or NOW + timedelta(days=1)
    assert not any(decide(known, grant.starts_at) for grant in known.grants if now < grant.starts_at < until)
    assert decision.recheck_at is None or decide(known, decision.recheck_at)


@laws
@given(facts, moments)
def test_a_deny_always_says_why(known, now):
    decision = decide(known, now)
    assume(not decision)
    assert decision.reasons
    assert all(decision.reasons)


@laws
@given(facts, moments)
def test_a_disabled_account_or_a_suspended_device_reaches_nothing(known, now):
    assert not decide(replace(known, user_is_active=False), now)
    assert not decide(replace(known, device_state="suspended"), now)
