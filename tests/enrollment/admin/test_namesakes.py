"""Two people of one name are told apart in every list: the address stands beside the name."""

import re

import pytest

from enrollment import lifecycle
from enrollment.models import User
from tests import factories


@pytest.fixture
def namesake(alice, bob, fileshare, granted, now):
    """Another Alice, with a device, a request of her own and a grant."""
    other = factories.a_person("alice.other", groups=["employees"])
    User.objects.filter(pk=other.pk).update(name=alice.name)
    other.refresh_from_db()
    device = factories.a_device(other, "her laptop", now=now)
    lifecycle.approve(factories.a_request(other, fileshare, [device], now=now), reviewer=bob, now=now)
    return other


@pytest.fixture
def cells():
    """What a column of a list says, without its markup."""

    def read(page, column):
        found = re.findall(rf'class="field-{column}[" ][^>]*>(.*?)</t[dh]>', page.content.decode(), re.DOTALL)
        return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell)).strip() for cell in found]

    return read


@pytest.mark.parametrize(
    ("model", "column", "query"),
    [
        ("accessrequest", "who_and_what", {"waiting": "all"}),
        ("grant", "holder", {}),
        ("device", "whose", {}),
        ("review", "asked", {}),
    ],
)
def test_both_are_in_the_list_each_with_her_address(model, column, query, browse, carol, namesake, url, cells):
    found = cells(browse(carol).get(url(f"{model}_changelist"), query), column)
    assert all("Alice" in cell for cell in found)
    assert {address for cell in found for address in re.findall(r"\S+@example\.com", cell)} == {"alice@example.com", namesake.email}


def test_answers_and_delegations_name_who_gave_them(browse, carol, bob, dave, granted, now, url, cells):
    factories.a_delegation(bob, delegate=dave, now=now)
    client = browse(carol)
    assert cells(client.get(url("review_changelist")), "by") == ["Bob bob@example.com"]
    assert cells(client.get(url("delegation_changelist")), "in_whose_stead") == [
        "Bob <bob@example.com>".replace("<", "&lt;").replace(">", "&gt;")
    ]


def test_the_audit_log_says_which_of_both_it_was(browse, carol, granted, namesake, url, cells):
    page = browse(carol).get(url("auditevent_changelist"), {"verb": "request.made"})
    assert cells(page, "by") == [f"Alice {namesake.email}", "Alice alice@example.com"]
    page = browse(carol).get(url("auditevent_changelist"), {"verb": "user.signed_in", "subject_id": namesake.pk})
    assert {cell.split()[-1] for cell in cells(page, "about")} == {namesake.email}


def test_who_has_no_address_is_told_apart_by_number(browse, carol, alice, granted, namesake, url, cells):
    User.objects.filter(pk__in=[alice.pk, namesake.pk]).update(email="")
    found = cells(browse(carol).get(url("grant_changelist")), "holder")
    assert sorted(found) == sorted([f"Alice user {alice.pk}", f"Alice user {namesake.pk}"])


def test_who_is_known_by_the_address_alone_is_said_once(browse, carol, alice, granted, url, cells):
    User.objects.filter(pk=alice.pk).update(name="")
    assert cells(browse(carol).get(url("grant_changelist")), "holder") == ["alice@example.com"]


def test_markup_in_a_name_or_an_address_is_text(browse, carol, alice, granted, url):
    User.objects.filter(pk=alice.pk).update(name="<b>Alice</b>", email="<i>@example.com")
    page = browse(carol).get(url("grant_changelist")).content.decode()
    assert "&lt;b&gt;Alice&lt;/b&gt;<br>" in page
    assert "<i>@" not in page
