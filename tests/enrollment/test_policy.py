"""Who may reach what, and until when: the truth table."""

from dataclasses import replace

import pytest

from enrollment.durations import seconds_in_words
from enrollment.policy import FOREVER, RULES, Allow, Deny, decide
from enrollment.values import Facts, GrantFacts, Proof
from tests.factories import HOUR, NOW, later

GRANT = GrantFacts(id=1, user_id=7, device_ids=frozenset({5}), starts_at=later(-HOUR), ends_at=later(HOUR))
FACTS = Facts(user_is_active=True, proofs=(Proof(NOW),), device_id=5, device_owner_id=7, device_state="enrolled", grants=(GRANT,))


def with_grants(*grants, **facts):
    return replace(FACTS, grants=tuple(replace(GRANT, id=number, **values) for number, values in enumerate(grants, 1)), **facts)


def check_allows(facts, *, until, recheck_at=None, now=NOW):
    assert decide(facts, now) == Allow(until, recheck_at)


def check_denies(facts, *, because, recheck_at=None, now=NOW):
    decision = decide(facts, now)
    assert isinstance(decision, Deny)
    assert len(decision.reasons) == 1
    assert because in decision.reasons[0]
    assert decision.recheck_at == recheck_at


def test_a_live_grant_allows_until_it_ends():
    check_allows(FACTS, until=later(HOUR))


def test_an_allow_holds_up_to_its_deadline_and_not_a_moment_longer():
    check_allows(FACTS, until=later(HOUR), now=later(microseconds=HOUR * 10**6 - 1))
    check_denies(FACTS, because="Access ended on 2026-03-02 at 10:00:00 UTC", now=later(HOUR))


def test_a_grant_holds_from_its_start_and_not_a_moment_earlier():
    check_allows(FACTS, until=later(HOUR), now=later(-HOUR))
    early = later(microseconds=-HOUR * 10**6 - 1)
    check_denies(FACTS, because="Access begins on 2026-03-02 at 08:00:00 UTC", recheck_at=later(-HOUR), now=early)


@pytest.mark.parametrize(
    ("values", "because"),
    [
        ({"grants": ()}, "Ask for it"),
        ({"user_is_active": False}, "account is disabled"),
        ({"device_state": "suspended"}, "device is suspended"),
        ({"device_state": "retired"}, "device is retired"),
        ({"device_state": "lost"}, "reported lost"),
        ({"device_state": "pending"}, "waits for approval"),
        ({"device_state": "something new"}, "not enrolled"),
        ({"device_owner_id": 8}, "belongs to somebody else"),
        ({"device_id": 6}, "other devices"),
        ({"resource_is_retired": True}, "resource is retired"),
        ({"grants": (replace(GRANT, is_open=False),)}, "Access was ended"),
        ({"grants": (replace(GRANT, session_length=60),), "proofs": ()}, "Sign in again"),
        ({"grants": (replace(GRANT, session_length=60),), "proofs": (Proof(later(-60)),)}, "Sign in again"),
        ({"grants": (replace(GRANT, requesters=frozenset({3})),)}, "left the groups"),
        ({"grants": (replace(GRANT, requesters=frozenset({3})),), "user_groups": frozenset({4})}, "left the groups"),
    ],
)
def test_each_broken_rule_alone_denies_and_says_why(values, because):
    check_denies(replace(FACTS, **values), because=because)


def test_all_broken_rules_are_named():
    reasons = decide(replace(FACTS, user_is_active=False, device_state="suspended", resource_is_retired=True), NOW).reasons
    assert len(reasons) == 3


def test_terms_without_a_session_length_ask_for_no_proof():
    check_allows(replace(FACTS, proofs=()), until=later(HOUR))


def test_the_earliest_deadline_within_a_grant_wins():
    check_allows(with_grants({"session_length": 600}, proofs=(Proof(later(-60)),)), until=later(540))


@pytest.mark.parametrize(
    ("terms", "proofs", "until"),
    [
        ({"needs_mfa": True}, [Proof(later(-60), is_mfa=True)], later(540)),
        ({"needs_mfa": True}, [Proof(later(-60), is_mfa=True), Proof(later(-10))], later(540)),
        ({"needs_mfa": True}, [Proof(later(-60))], "asks for a second factor"),
        ({}, [Proof(later(-60), is_mfa=True), Proof(later(-10))], later(590)),
        ({"ends_at_logout": True}, [Proof(later(-60)), Proof(later(-10), is_open=False)], later(540)),
        ({"ends_at_logout": True}, [Proof(later(-10), is_open=False)], "ends with signing out"),
        ({"ends_at_logout": True, "needs_mfa": True}, [Proof(later(-60)), Proof(later(-10), is_mfa=True, is_open=False)], "signing out"),
        ({}, [Proof(later(-10), is_open=False)], later(590)),
        ({}, [], "asks for a recent sign-in"),
    ],
)
def test_terms_say_which_proof_counts(terms, proofs, until):
    facts = with_grants({"session_length": 600, **terms}, proofs=tuple(proofs))
    if isinstance(until, str):
        check_denies(facts, because=until)
    else:
        check_allows(facts, until=until)


def test_a_grant_with_a_second_factor_and_one_without_give_each_what_is_its_own():
    """The one without, to 18:00; the one with, to 20:00; ending either never adds (the attack of two grants)."""
    early = {"ends_at": later(8 * HOUR)}
    strong = {"ends_at": later(10 * HOUR), "session_length": 12 * HOUR, "needs_mfa": True}
    weak, both = (Proof(NOW),), (Proof(NOW), Proof(NOW, is_mfa=True))
    check_allows(with_grants(early, strong, proofs=weak), until=later(8 * HOUR))
    check_allows(with_grants(early, strong, proofs=both), until=later(10 * HOUR))
    check_allows(with_grants(early, {**strong, "is_open": False}, proofs=both), until=later(8 * HOUR))
    check_denies(with_grants({**early, "is_open": False}, strong, proofs=weak), because="second factor")


def test_a_session_length_beyond_the_end_of_time_does_not_break():
    check_allows(with_grants({"session_length": 10**12}), until=later(HOUR))


def test_a_member_of_one_of_the_groups_stays_eligible():
    check_allows(with_grants({"requesters": frozenset({3, 4})}, user_groups=frozenset({4})), until=later(HOUR))


def test_the_latest_of_two_live_grants_counts():
    check_allows(with_grants({}, {"ends_at": later(2 * HOUR)}), until=later(2 * HOUR))


def test_each_grant_counts_under_its_own_terms():
    strict = {"ends_at": later(11 * HOUR), "session_length": 2 * HOUR}
    check_allows(with_grants({"ends_at": later(9 * HOUR)}, strict), until=later(9 * HOUR))
    check_allows(with_grants({"ends_at": later(HOUR)}, strict), until=later(2 * HOUR))


def test_grants_that_follow_without_a_gap_are_one():
    check_allows(with_grants({}, {"starts_at": later(HOUR), "ends_at": later(3 * HOUR)}), until=later(3 * HOUR))


def test_a_grant_after_a_gap_is_looked_at_again_and_not_counted_before():
    gap = with_grants({}, {"starts_at": later(HOUR, microseconds=1), "ends_at": later(3 * HOUR)})
    check_allows(gap, until=later(HOUR), recheck_at=later(HOUR, microseconds=1))


def test_a_later_grant_that_could_not_give_access_is_no_reason_to_look_again():
    check_allows(with_grants({}, {"starts_at": later(2 * HOUR), "ends_at": later(3 * HOUR), "is_open": False}), until=later(HOUR))


def test_the_words_are_about_the_grant_that_should_be_live():
    facts = with_grants({"session_length": 60}, {"starts_at": later(-9 * HOUR), "ends_at": later(-8 * HOUR)}, proofs=(Proof(later(-61)),))
    check_denies(facts, because="Sign in again")


def test_the_end_of_time_is_a_deadline_too():
    check_allows(with_grants({"ends_at": FOREVER}), until=FOREVER)


def test_every_rule_can_deny():
    assert len(RULES) == 8


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "no time"), (1, "1 second"), (3600, "1 hour"), (90061, "1 day 1 hour 1 minute 1 second")]
)
def test_durations_read_as_people_say_them(seconds, words):
    assert seconds_in_words(seconds) == words
