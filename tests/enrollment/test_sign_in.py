"""Arriving: what the provider says is taken over, and nothing else is touched."""

import pytest

from enrollment import facts, lifecycle
from enrollment.models import AuditEvent, IdentityProof, Membership
from enrollment.policy import decide
from tests.factories import ADMINS, APPROVERS, AUDITORS, a_grant, a_group, a_person, a_policy, a_resource, later


def arrive(user, groups, *, now, auth_time=None, **more):
    lifecycle.sign_in(user, groups=groups, name="Alice", email="alice@example.com", auth_time=auth_time, now=now, **more)
    user.refresh_from_db()


def named(user):
    return set(user.groups.values_list("name", flat=True))


def test_groups_are_what_the_provider_says_removals_too(alice, now):
    arrive(alice, ["finance", "travel"], now=now)
    assert named(alice) == {"finance", "travel"}
    arrive(alice, [], now=now)
    assert named(alice) == set()


def test_a_source_without_the_claim_never_touches_groups(alice, now):
    arrive(alice, None, now=now)
    assert named(alice) == {"employees"}


def test_what_was_given_elsewhere_stays(alice, now):
    Membership.objects.create(user=alice, group=a_group("by-hand"), source="by hand", since=now)
    arrive(alice, ["finance"], now=now)
    assert named(alice) == {"by-hand", "finance"}


@pytest.mark.parametrize(
    ("groups", "staff", "superuser", "auditor"),
    [
        (["employees"], False, False, False),
        ([APPROVERS], True, False, False),
        ([AUDITORS], True, False, True),
        ([ADMINS], True, True, False),
        ([ADMINS.upper()], False, False, False),
    ],
)
def test_groups_decide_what_the_admin_shows(alice, groups, staff, superuser, auditor, now):
    arrive(alice, groups, now=now)
    assert (alice.is_staff, alice.is_superuser, alice.is_auditor) == (staff, superuser, auditor)


def test_leaving_the_admins_takes_the_rights_away(dave, now):
    arrive(dave, ["employees"], now=now)
    assert (dave.is_staff, dave.is_superuser) == (False, False)


def test_odd_groups_are_left_out(alice, now):
    arrive(alice, ["", "a\nb", "x" * 151, "fine", "fine"], now=now)
    assert named(alice) == {"fine"}


def test_each_proof_is_kept_and_none_lies_ahead_of_now(alice, now):
    arrive(alice, None, now=now, auth_time=later(999), acr="phr", amr=["hwk"], sid="s1")
    proof = IdentityProof.objects.latest("pk")
    assert (proof.auth_time, proof.acr, proof.amr, proof.sid) == (now, "phr", ["hwk"], "s1")


def test_signing_in_anew_carries_a_session_on(alice, bob, laptop, pep):
    fresh = a_resource("fresh", pep=pep, policy=a_policy("fresh", session_length=600))
    a_grant(alice, fresh, [laptop], reviewer=bob)
    assert decide(facts.facts_of(laptop, fresh, later(60)), later(60)).until == later(600)
    assert not decide(facts.facts_of(laptop, fresh, later(600)), later(600))
    arrive(alice, None, now=later(700), auth_time=later(700))
    assert decide(facts.facts_of(laptop, fresh, later(700)), later(700)).until == later(1300)


def test_leaving_a_group_ends_access_that_was_for_its_members(alice, bob, laptop, pep, now):
    inner = a_resource("inner", pep=pep, policy=a_policy("inner", requesters=["employees"]))
    a_grant(alice, inner, [laptop], reviewer=bob)
    assert decide(facts.facts_of(laptop, inner, now), now)
    arrive(alice, [], now=now)
    assert not decide(facts.facts_of(laptop, inner, now), now)


def test_a_disabled_account_does_not_arrive(alice, dave, now):
    lifecycle.disable_user(alice, actor=dave, now=now)
    proofs = IdentityProof.objects.count()
    with pytest.raises(lifecycle.Refused, match="disabled"):
        arrive(alice, [ADMINS], now=now, auth_time=now)
    assert IdentityProof.objects.count() == proofs


def test_the_log_tells_the_groups_of_that_moment(alice, now):
    arrive(alice, ["finance"], now=now, auth_time=now)
    event = AuditEvent.objects.first()
    assert (event.verb, event.data["groups"], event.data["auth_time"]) == ("user.signed_in", ["finance"], "2026-03-02T09:00:00.000000Z")


def test_a_namesake_is_somebody_else(alice, erin, now):
    arrive(erin, ["finance"], now=now)
    assert named(alice) == {"employees"}
    assert a_person("ALICE").pk != alice.pk
