"""Answers in somebody's stead, at the same moment as what speaks against them: one order, and nothing left hanging."""

import threading
import time

import pytest
from django.db import transaction

from enrollment import audit, lifecycle
from enrollment.models import Delegation, Grant, Review
from tests.enrollment.test_races import at_once
from tests.factories import APPROVERS, NOW, a_delegation, a_device, a_grant, a_pep, a_person, a_policy, a_request, a_resource

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]  # SQLite lets one writer in at a time, which hides races


def people(*names):
    return [a_person(name, groups=["employees", APPROVERS]) if name in {"bob", "brenda"} else a_person(name) for name in names]


def a_vault(need):
    return a_resource("vault", pep=a_pep(), policy=a_policy("vault", stages=[(APPROVERS, need)]))


def approve(asked, who):
    return lambda: lifecycle.approve(asked, reviewer=who, now=NOW)


def test_an_end_that_is_under_way_comes_before_the_answer():
    alice, bob, erin = people("alice", "bob", "erin")
    asked = a_request(alice, a_vault(1), [a_device(alice)])
    lent, ending = a_delegation(bob, delegate=erin), threading.Event()

    def end_slowly():
        with transaction.atomic():
            lifecycle.end_delegation(lent, actor=bob, now=NOW)
            ending.set()
            time.sleep(0.5)

    def answer():
        ending.wait(5)
        return lifecycle.approve(asked, reviewer=erin, now=NOW)

    _ended, answered = at_once(end_slowly, answer)
    assert (type(answered), Review.objects.count()) == (lifecycle.Refused, 0)


def test_the_two_who_share_a_seat_answer_at_once_and_one_counts():
    alice, bob, _brenda, erin = people("alice", "bob", "brenda", "erin")
    asked = a_request(alice, a_vault(2), [a_device(alice)])
    a_delegation(bob, delegate=erin)
    outcomes = at_once(approve(asked, bob), approve(asked, erin))
    assert sorted(type(outcome) for outcome in outcomes if outcome is not None) == [lifecycle.Conflict]
    assert (Review.objects.count(), Grant.objects.count(), audit.verify()) == (1, 0, [])


def test_one_form_sent_by_two_tabs_at_once_is_one_delegation():
    bob, erin = people("bob", "erin")
    a_vault(1)
    at_once(*[lambda: a_delegation(bob, delegate=erin)] * 4)
    assert Delegation.objects.count() == 1


def test_two_who_answer_each_other_at_once_do_not_wait_for_each_other_for_ever():
    bob, brenda = people("bob", "brenda")
    vault = a_vault(1)
    asked = [a_request(who, vault, [a_device(who)]) for who in (bob, brenda)]
    outcomes = at_once(approve(asked[0], brenda), approve(asked[1], bob))
    assert [type(outcome) for outcome in outcomes] == [Grant, Grant]


def test_nor_do_two_who_revoke_each_others_access_at_once():
    bob, brenda = people("bob", "brenda")
    vault = a_vault(1)
    of_bob = a_grant(bob, vault, [a_device(bob)], reviewer=brenda)
    of_brenda = a_grant(brenda, vault, [a_device(brenda)], reviewer=bob)
    end = lambda grant, who: lambda: lifecycle.revoke(grant, actor=who, reason="", now=NOW)  # noqa: E731
    assert at_once(end(of_bob, brenda), end(of_brenda, bob)) == [None, None]
