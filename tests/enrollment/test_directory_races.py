"""The directory and people at the same moment: nobody waits in a circle, who comes second learns of it, the log has all once."""

import pytest

from enrollment import lifecycle
from enrollment.models import AuditEvent, DirectoryUser, HeldChange, User
from tests.factories import ISSUER, a_person, later
from tests.races import at_once, check_log

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]
MANY = 8


@pytest.fixture
def people():
    found = [a_person(f"person {number}") for number in range(MANY)]
    for number, person in enumerate(found):
        lifecycle.provision_user(ISSUER, person.subject, user_name=f"person{number}", now=later())
    return found


@pytest.fixture
def groups():
    return [lifecycle.provision_group(f"oidc:group {number}", now=later()) for number in range(2)]


def sign_in(person, groups):
    return lambda: lifecycle.sign_in(person, groups=groups, name=person.name, email="", auth_time=later(), now=later())


def change(group, add, remove):
    return lambda: lifecycle.change_members(group, add=add, remove=remove, now=later())


def test_groups_that_swap_their_people_wait_for_no_circle(people, groups, rounds):
    halves = people[: MANY // 2], people[MANY // 2 :]
    for number in range(rounds(6, 60)):
        here, there = halves if number % 2 else halves[::-1]
        calls = change(groups[0], here, there), change(groups[1], there, here)
        outcomes = at_once(*calls, *(sign_in(each, ["employees"]) for each in people[:2]), lined_up=number % 3 == 0)
        assert [each for each in outcomes if isinstance(each, Exception)] == []
    check_log()


def test_a_list_a_sign_in_and_a_deletion_at_once_all_come_to_an_end(people, groups, rounds):
    for number in range(rounds(3, 30)):
        leaver = people[number % MANY]
        if not DirectoryUser.objects.filter(user=leaver).exists():
            lifecycle.provision_user(ISSUER, leaver.subject, user_name=f"again {number}", now=later())
        lifecycle.change_members(groups[0], add=people, now=later())
        lifecycle.change_members(groups[1], add=people, now=later())
        wanted = [each for each in people if each.pk != people[number - 1].pk]
        outcomes = at_once(
            lambda wanted=wanted: lifecycle.replace_members(groups[0], wanted, now=later()),
            lambda leaver=leaver: lifecycle.deprovision_user(leaver, now=later()),
            sign_in(people[2], []),
            lambda: lifecycle.disable_user(people[3], actor=None, now=later(), source="scim"),
        )
        failed = [each for each in outcomes if isinstance(each, Exception) and not isinstance(each, lifecycle.Conflict | lifecycle.Refused)]
        assert failed == []
        assert not User.objects.get(pk=leaver.pk).is_active
    check_log()


def test_of_two_admins_one_decides(people, groups):
    dave = a_person("dave")
    lifecycle.change_members(groups[0], add=people, now=later())
    held = lifecycle.replace_members(groups[0], people[:1], now=later())
    outcomes = at_once(
        lambda: lifecycle.confirm_held(HeldChange.objects.get(pk=held.pk), actor=dave, now=later()),
        lambda: lifecycle.dismiss_held(HeldChange.objects.get(pk=held.pk), actor=dave, now=later()),
        lambda: lifecycle.confirm_held(HeldChange.objects.get(pk=held.pk), actor=dave, now=later()),
        lined_up=True,
    )
    assert sum(isinstance(each, lifecycle.Conflict) for each in outcomes) == 2
    assert AuditEvent.objects.filter(verb__in=["group.change_confirmed", "group.change_dismissed"]).count() == 1
    check_log()


def test_the_same_list_twice_at_once_is_held_once(people, groups):
    lifecycle.change_members(groups[0], add=people, now=later())
    outcomes = at_once(*(lambda: lifecycle.replace_members(groups[0], people[:1], now=later()) for _ in range(4)))
    assert {each.pk for each in outcomes} == {HeldChange.objects.get().pk}
    assert AuditEvent.objects.filter(verb="group.change_held").count() == 1


@pytest.mark.parametrize("has_signed_in", [True, False])
def test_a_person_told_of_twice_at_once_is_one(has_signed_in, groups):
    if has_signed_in:
        a_person("newcomer")
    calls = [
        lambda number=number: lifecycle.provision_user(ISSUER, "newcomer-subject", user_name=f"newcomer {number}", now=later())
        for number in range(4)
    ]
    outcomes = at_once(*calls)
    assert sorted(type(each).__name__ for each in outcomes) == ["Conflict"] * 3 + ["User"]
    assert (User.objects.count(), AuditEvent.objects.filter(verb="user.provisioned").count()) == (1, 1)
    check_log()


def test_a_deactivation_sent_twice_at_once_is_one_event(people):
    calls = [lambda: lifecycle.disable_user(User.objects.get(pk=people[0].pk), actor=None, now=later(), source="scim") for _ in range(3)]
    outcomes = at_once(*calls, lined_up=True)
    assert sum(isinstance(each, lifecycle.Conflict) for each in outcomes) == 2
    assert AuditEvent.objects.filter(verb="user.disabled").count() == 1
