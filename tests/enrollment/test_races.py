"""Races, where the database lets writers run at the same time: one winner, and nothing lost."""

import threading
import time

import pytest
from django.db import connection, transaction

from enrollment import audit, lifecycle
from enrollment.models import Device, Grant, Review
from tests.factories import APPROVERS, NOW, a_device, a_grant, a_key, a_pep, a_person, a_policy, a_request, a_resource

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]  # SQLite lets one writer in at a time, which hides races


def at_once(*calls):
    """Run the calls at the same moment; return what each returned or raised."""
    barrier, outcomes = threading.Barrier(len(calls)), [None] * len(calls)

    def run(number, call):
        barrier.wait()
        try:
            outcomes[number] = call()
        except Exception as error:  # noqa: BLE001 - an outcome like others
            outcomes[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


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


def test_many_enrol_at_once_and_nobody_shares_an_address():
    people = [a_person(f"person {number}") for number in range(12)]
    keys = [a_key() for _person in people]
    outcomes = at_once(*(lambda who=who, key=key: a_device(who, key=key) for who, key in zip(people, keys, strict=True)))
    assert [outcome for outcome in outcomes if not isinstance(outcome, Device)] == []
    assert len(set(Device.objects.values_list("address_v4", flat=True))) == 12


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
