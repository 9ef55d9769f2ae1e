"""Races, where the database lets writers run at the same time: one winner, and nothing lost."""

import sys
import threading
import time
from collections import Counter

import pytest
from django.db import transaction

from enrollment import audit, lifecycle
from enrollment.models import AuditEvent, Device, Grant, Review, User
from tests.factories import APPROVERS, HOUR, NOW, a_device, a_grant, a_key, a_pep, a_person, a_policy, a_request, a_resource
from tests.races import ANSWERS, at_once, check_log, won

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]  # SQLite lets one writer in at a time, which hides races


@pytest.mark.parametrize("_round", range(5))
def test_one_of_many_answers_wins_and_the_others_learn_of_it(_round):
    approvers = [a_person(f"approver {number}", groups=[APPROVERS]) for number in range(6)]
    alice = a_person("alice")
    asked = a_request(alice, a_resource(pep=a_pep()), [a_device(alice)])
    answers = [lambda who=who: lifecycle.approve(asked, reviewer=who, now=NOW) for who in approvers[:4]]
    answers += [lambda who=who: lifecycle.deny(asked, reviewer=who, comment="", now=NOW) for who in approvers[4:]]
    outcomes = at_once(*answers)
    assert sum(isinstance(outcome, lifecycle.Conflict) for outcome in outcomes) == 5
    assert Review.objects.count() == 1
    assert Grant.objects.count() <= 1
    assert audit.verify() == []


def test_two_yeses_that_are_both_needed_both_count():
    bob, brenda, alice = a_person("bob"), a_person("brenda", groups=[APPROVERS]), a_person("alice")
    both = a_resource(pep=a_pep(), policy=a_policy("both", stages=[(APPROVERS, 2)]))
    asked = a_request(alice, both, [a_device(alice)])
    at_once(*(lambda who=who: lifecycle.approve(asked, reviewer=who, now=NOW) for who in (bob, brenda)))
    assert Grant.objects.count() == 1


def test_two_hundred_enrol_at_once_and_nobody_shares_an_address_or_is_turned_away():
    people = [a_person(f"person {number}") for number in range(40)]
    mine = [[(who, f"device {number}", a_key()) for who in people[at::20] for number in range(5)] for at in range(20)]
    began = time.monotonic()
    at_once(*(lambda share=share: [a_device(who, name, key=key) for who, name, key in share] for share in mine))
    took = time.monotonic() - began
    sys.stdout.write(f"200 enrolments by 20 at a time: {took:.1f} s, {took / 200 * 1000:.0f} ms each\n")
    assert Device.objects.count() == 200
    assert len(set(Device.objects.values_list("address_v4", flat=True))) == 200
    assert Device.objects.order_by("-slot").first().slot - Device.objects.order_by("slot").first().slot == 199
    assert took < 60
    check_log()


def test_one_key_enrolled_by_many_at_once_is_one_device():
    people, key = [a_person(f"person {number}") for number in range(6)], a_key()
    at_once(*(lambda who=who: a_device(who, key=key) for who in people))
    assert Device.objects.count() == 1


def test_two_questions_at_once_do_not_overdraw_the_rolling_total():
    bob, alice = a_person("bob"), a_person("alice")
    small = a_resource(pep=a_pep(), policy=a_policy("small", longest_grant=3600, rolling_total=3600))
    asked = [a_request(alice, small, [a_device(alice, name)]) for name in ("laptop", "phone")]
    at_once(*(lambda each=each: lifecycle.approve(each, reviewer=bob, now=NOW) for each in asked))
    assert Grant.objects.count() == 1


@pytest.mark.parametrize("_round", range(5))
def test_a_revoke_is_never_undone_by_what_runs_beside_it(_round):
    bob, alice = a_person("bob"), a_person("alice")
    grant = a_grant(alice, a_resource(pep=a_pep()), [a_device(alice)], reviewer=bob)
    end = lambda: lifecycle.revoke(Grant.objects.get(pk=grant.pk), actor=bob, reason="", now=NOW)  # noqa: E731
    outcomes = at_once(
        end, end, lambda: lifecycle.expire_due(grant.ends_at), lambda: lifecycle.disable_user(alice, actor=None, now=NOW, leaves=True)
    )
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception) and not isinstance(outcome, lifecycle.Conflict)]
    assert Grant.objects.get().state in {"revoked", "expired"}
    assert audit.verify() == []


def test_an_extension_approved_at_the_same_moment_does_not_outlive_the_revoke():
    bob, alice = a_person("bob"), a_person("alice")
    fileshare, laptop = a_resource(pep=a_pep()), a_device(alice)
    grant = a_grant(alice, fileshare, [laptop], reviewer=bob)
    more = a_request(alice, fileshare, [laptop], extends=grant)
    approved = threading.Event()

    def approve_slowly():
        with transaction.atomic():
            lifecycle.approve(more, reviewer=bob, now=NOW)
            approved.set()
            time.sleep(0.5)

    def revoke():
        approved.wait(5)
        lifecycle.revoke(Grant.objects.get(pk=grant.pk), actor=bob, reason="", now=NOW)

    assert at_once(approve_slowly, revoke) == [None, None]
    assert set(Grant.objects.values_list("state", flat=True)) == {"revoked"}


def test_two_who_approve_each_others_requests_at_once_both_succeed(rounds):
    bob, brenda = (a_person(name, groups=[APPROVERS]) for name in ("bob", "brenda"))
    fileshare = a_resource(pep=a_pep())
    for number in range(rounds(2, 50)):
        asked = [a_request(who, fileshare, [a_device(who, f"laptop {number % 5}")], seconds=HOUR // 2) for who in (bob, brenda)]
        answers = [
            lambda each=each, who=who: lifecycle.approve(each, reviewer=who, now=NOW)
            for each, who in zip(asked, (brenda, bob), strict=True)
        ]
        assert [type(outcome) for outcome in at_once(*answers, lined_up=True)] == [Grant, Grant]
        for device in Device.objects.filter(retired_at=None):
            lifecycle.retire_device(device, actor=None, reason="", now=NOW)


def test_fifty_changes_of_rights_among_answers_and_revokes_end_in_one_order_with_one_event_each():
    bob, people = a_person("bob"), [a_person(f"person {number}") for number in range(5)]
    fileshare, files = a_resource(pep=a_pep()), a_resource("files")
    devices = {who: a_device(who) for who in people}
    grants = [a_grant(who, fileshare, [devices[who]], reviewer=bob) for who in people]
    asked = [a_request(who, files, [devices[who]]) for who in people]

    def change_rights(who):
        for turn in range(10):
            groups = ["employees", APPROVERS] if turn % 2 == 0 else ["employees"]
            lifecycle.sign_in(User.objects.get(pk=who.pk), groups=groups, name=who.name, email=who.email, auth_time=NOW, now=NOW)

    def one_by_one(verb, rows, **more):
        return won([settled(lambda row=row: verb(type(row).objects.get(pk=row.pk), now=NOW, **more)) for row in rows])

    outcomes = at_once(
        *(lambda who=who: change_rights(who) for who in people),
        *(lambda order=order: one_by_one(lifecycle.approve, order, reviewer=bob) for order in (asked, asked[::-1])),
        *(lambda order=order: one_by_one(lifecycle.revoke, order, actor=bob, reason="") for order in (grants, grants[::-1])),
    )
    assert outcomes[:5] == [None] * 5
    assert (sum(outcomes[5:7]), sum(outcomes[7:])) == (5, 5)
    told = Counter(AuditEvent.objects.filter(pk__gt=0).values_list("verb", flat=True))
    assert (told["request.approved"], told["grant.revoked"], told["user.signed_in"]) == (10, 5, 6 + 50)
    assert [(who.is_staff, [group.name for group in who.groups.all()]) for who in User.objects.exclude(pk=bob.pk)] == [
        (False, ["employees"])
    ] * 5
    check_log()


def settled(call):
    """Return what it returned, or answered instead."""
    try:
        return call()
    except ANSWERS as answer:
        return answer
