"""Whose account it is: (issuer, subject), and nothing that a person can choose."""

import pytest

from enrollment.models import Membership, User
from tests.portal.hostile import ABSENT

FRESH = {"fresh": "1"}


def as_subject(hostile, subject, **userinfo):
    hostile.id_token["sub"] = subject
    hostile.userinfo.update({"sub": subject, **userinfo})


def test_the_same_address_with_another_subject_is_another_person(hostile, browser):
    as_subject(hostile, "subject-1", email="alice@example.com", email_verified=True)
    browser.sign_in("alice")
    as_subject(hostile, "subject-2", email="alice@example.com", email_verified=True)
    browser.sign_in("mallory", **FRESH)
    assert sorted(User.objects.values_list("subject", flat=True)) == ["subject-1", "subject-2"]


def test_the_same_chosen_name_with_another_subject_is_another_person(hostile, browser):
    as_subject(hostile, "subject-1", preferred_username="alice")
    browser.sign_in("alice")
    as_subject(hostile, "subject-2", preferred_username="alice")
    browser.sign_in("mallory", **FRESH)
    assert User.objects.count() == 2


def test_another_name_and_address_are_still_the_same_person(hostile, browser):
    as_subject(hostile, "subject-1", preferred_username="alice", name="Alice Adler")
    browser.sign_in("alice")
    as_subject(hostile, "subject-1", preferred_username="root", name="Alice Berg", email="alice.berg@example.com")
    browser.sign_in("alice", **FRESH)
    assert list(User.objects.values_list("name", "email")) == [("Alice Berg", "alice.berg@example.com")]


def test_the_same_subject_of_another_issuer_is_another_person(hostile, browser, portal):
    User.objects.create_user("https://id.example.com", "subject-1", name="Another Alice")
    browser.sign_in("alice")
    assert User.objects.count() == 2


def test_subjects_are_told_apart_by_case(hostile, browser):
    as_subject(hostile, "subject-a")
    browser.sign_in("alice")
    as_subject(hostile, "subject-A")
    browser.sign_in("mallory", **FRESH)
    assert User.objects.count() == 2


def test_a_claim_to_be_staff_is_not_a_group(hostile, browser):
    hostile.userinfo.update({"is_staff": True, "is_superuser": True, "roles": ["lychgate-admins"], "groups": []})
    browser.sign_in("alice")
    assert not User.objects.filter(is_staff=True).exists()


def test_groups_that_are_gone_at_the_provider_are_gone_here(hostile, browser):
    hostile.userinfo["groups"] = ["employees", "lychgate-admins"]
    browser.sign_in("alice")
    assert User.objects.get().is_superuser
    hostile.userinfo["groups"] = []
    browser.sign_in("alice", **FRESH)
    assert not User.objects.get().is_staff
    assert not Membership.objects.exists()


def test_a_provider_that_says_nothing_about_groups_changes_none(hostile, browser):
    hostile.userinfo["groups"] = ["employees", "lychgate-approvers"]
    browser.sign_in("bob")
    hostile.userinfo["groups"] = ABSENT
    browser.sign_in("bob", **FRESH)
    assert Membership.objects.count() == 2
    assert User.objects.get().is_staff


def test_a_name_with_control_characters_is_cleaned(hostile, browser):
    hostile.userinfo["name"] = "Alice\r\nBcc: all\u202e\x00 <script>" + "x" * 500
    browser.sign_in("alice")
    assert User.objects.get().name.startswith("AliceBcc: all <script>")
    assert len(User.objects.get().name) <= 150


@pytest.mark.parametrize(("name", "shown"), [("Alice\u034f\u3164 Adler", "Alice Adler"), ("\u3164 \u2800", "alice@example.com")])
def test_no_name_holds_letters_that_nobody_sees(hostile, browser, name, shown):
    hostile.userinfo["name"] = name
    browser.sign_in("alice")
    assert str(User.objects.get()) == shown


def test_what_is_not_an_address_is_no_address(hostile, browser):
    hostile.userinfo["email"] = "alice@example.com\nBcc: all@example.com"
    browser.sign_in("alice")
    assert User.objects.get().email == ""
