"""What waits for somebody's answer: the number at home is the number of rows that the admin lists."""

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from enrollment import facts, lifecycle
from enrollment.models import AccessRequest
from tests.factories import APPROVERS, a_delegation, a_device, a_person, a_policy, a_request, a_resource, later

SECURITY = "security"


@pytest.fixture
def now():
    """Pages ask the clock themselves, so everything here happens now."""
    return timezone.now()


@pytest.fixture
def brenda(db, now):
    return a_person("brenda", groups=[APPROVERS], now=now)


@pytest.fixture
def sam(db, now):
    """An approver of the second stage alone; what the first policy says made the account one that may open the admin."""
    a_policy("for sam", stages=[(SECURITY, 1)], now=now)
    return a_person("sam", groups=[SECURITY], now=now)


@pytest.fixture
def vault(pep, bob, sam, now):
    return a_resource("vault", pep=pep, policy=a_policy("vault", stages=[(APPROVERS, 1), (SECURITY, 1)], now=now), now=now)


@pytest.fixture
def asked(alice, laptop, vault, now):
    return a_request(alice, vault, [laptop], now=now)


@pytest.fixture
def waits_for(client):
    """What home counts and what the admin lists for this person, once both were seen to agree."""

    def look(person):
        client.force_login(person)
        said = re.search(r"(One|\d+) requests? waits? for your answer", client.get(reverse("home")).text)
        listed = list(client.get(reverse("admin:enrollment_accessrequest_changelist")).context["cl"].queryset)
        assert (0 if said is None else int(said[1].replace("One", "1"))) == len(listed)
        return listed

    return look


def test_a_request_waits_for_one_stage_at_a_time(waits_for, asked, bob, sam, now):
    assert (waits_for(bob), waits_for(sam)) == ([asked], [])
    lifecycle.approve(asked, reviewer=bob, now=now)
    assert (waits_for(bob), waits_for(sam)) == ([], [asked])
    lifecycle.approve(asked, reviewer=sam, now=now)
    assert (waits_for(bob), waits_for(sam)) == ([], [])


def test_a_group_that_only_todays_terms_name_is_asked_too(waits_for, alice, laptop, fileshare, bob, sam, now):
    asked = a_request(alice, fileshare, [laptop], now=now)
    a_policy("policy of fileshare", stages=[(SECURITY, 1)], now=now)
    assert waits_for(sam) == []
    lifecycle.approve(asked, reviewer=bob, now=now)
    assert waits_for(sam) == [asked]


def test_a_group_that_the_terms_of_then_name_is_still_asked(waits_for, asked, bob, sam, now):
    a_policy("vault", stages=[(APPROVERS, 1)], now=now)
    lifecycle.approve(asked, reviewer=bob, now=now)
    assert waits_for(sam) == [asked]


def test_who_answered_waits_no_more_while_somebody_else_must(waits_for, alice, laptop, pep, bob, brenda, now):
    pair = a_resource("pair", pep=pep, policy=a_policy("pair", stages=[(APPROVERS, 2)], now=now), now=now)
    asked = a_request(alice, pair, [laptop], now=now)
    lifecycle.approve(asked, reviewer=bob, now=now)
    assert (waits_for(bob), waits_for(brenda)) == ([], [asked])


def test_the_yes_of_somebody_who_left_is_missing_again(waits_for, asked, bob, brenda, sam, dave, now):
    lifecycle.approve(asked, reviewer=bob, now=now)
    lifecycle.disable_user(bob, actor=dave, now=now)
    assert (waits_for(brenda), waits_for(sam)) == ([asked], [])


def test_a_request_of_ones_own_waits_for_others(waits_for, vault, bob, brenda, now):
    asked = a_request(bob, vault, [a_device(bob, now=now)], now=now)
    assert (waits_for(bob), waits_for(brenda)) == ([], [asked])


def test_what_nobody_answered_in_time_waits_for_nobody(waits_for, asked, bob, now):
    AccessRequest.objects.filter(pk=asked.pk).update(created_at=later(-10, since=now), answer_by=later(-1, since=now))
    assert waits_for(bob) == []


def test_erin_has_nothing_to_answer_and_no_admin(client, asked, erin, now):
    client.force_login(erin)
    assert "for your answer" not in client.get(reverse("home")).text
    assert not facts.to_answer(erin, now).exists()


@pytest.mark.parametrize("person", ["alice", "bob", "sam", "brenda", "erin"])
def test_whoever_it_waits_for_can_answer_and_nobody_else_can(request, asked, brenda, person, now):
    reviewer = request.getfixturevalue(person)
    waits = facts.to_answer(reviewer, now).exists()
    try:
        lifecycle.approve(asked, reviewer=reviewer, now=now)
    except lifecycle.Refused:
        assert not waits
    else:
        assert waits


def test_whoever_asked_reads_for_whom_it_waits_under_the_terms_of_then_and_today(client, alice, laptop, fileshare, bob, sam, now):
    asked = a_request(alice, fileshare, [laptop], now=now)
    a_policy("policy of fileshare", stages=[(APPROVERS, 1), (SECURITY, 1)], now=now)
    client.force_login(alice)
    pages = [reverse("home"), reverse("request", args=[asked.pk])]
    assert ["Waiting for lychgate-approvers: Bob; then security: Sam." in client.get(page).text for page in pages] == [True, True]
    lifecycle.approve(asked, reviewer=bob, now=now)
    assert ["Waiting for security: Sam." in client.get(page).text for page in pages] == [True, True]


def test_of_many_who_could_answer_their_number_is_told_and_of_few_their_names_but_for_who_has_spoken(client, alice, laptop, pep, bob, now):
    others = [a_person(f"other {number}", groups=[APPROVERS], now=now) for number in range(3)]
    policy = a_policy("two of them", stages=[(APPROVERS, 2)], now=now)
    asked = a_request(alice, a_resource("vault", pep=pep, policy=policy, number=77, now=now), [laptop], now=now)
    client.force_login(alice)
    page = reverse("request", args=[asked.pk])
    assert "Waiting for 2 of lychgate-approvers: Bob, Other 0, Other 1, Other 2." in client.get(page).text
    lifecycle.approve(asked, reviewer=others[0], now=now)
    a_delegation(others[0], delegate=a_person("deputy of who spoke", now=now), now=now)
    a_delegation(others[1], delegate=a_person("deputy", now=now), now=now)
    assert "Waiting for lychgate-approvers: Bob, Other 1, Other 2, Deputy." in client.get(page).text
    a_person("one more", groups=[APPROVERS], now=now)
    assert "Waiting for lychgate-approvers (5 people)." in client.get(page).text
    assert "It waits for lychgate-approvers (5 people)." in client.get(reverse("resources")).text
