"""Grants in the admin: what stands there, and revoking."""

import json

import pytest
from django.utils import timezone

from enforcement.models import Enforcement
from enrollment.models import Grant
from tests.factories import NOW as HEARD

WHY = {"reason": "left the project"}
AT = "2026-03-02T09:00:00.000000Z"


def test_an_approver_revokes_with_a_reason(browse, bob, granted, url, told):
    response = browse(bob).post(url("grant_revoke", granted.pk), WHY, follow=True)
    assert "Revoked." in told(response)[0]
    granted.refresh_from_db()
    assert (granted.state, granted.end_reason, granted.ended_by) == (Grant.State.REVOKED, "left the project", bob)


def test_an_admin_revokes_too(browse, dave, granted, url):
    browse(dave).post(url("grant_revoke", granted.pk), WHY)
    granted.refresh_from_db()
    assert granted.state == Grant.State.REVOKED


def test_a_revoke_needs_a_reason(browse, bob, granted, url, words):
    assert "Say why: it is kept in the history." in words(browse(bob).post(url("grant_revoke", granted.pk), {"reason": ""}))
    granted.refresh_from_db()
    assert granted.state == Grant.State.ACTIVE


@pytest.mark.parametrize(("name", "status"), [("carol", 403), ("frank", 404)])
def test_others_do_not_revoke(name, status, request, browse, printers, granted, url):
    client = browse(request.getfixturevalue(name))
    assert client.post(url("grant_revoke", granted.pk), WHY).status_code == status
    client.post(url("grant_revoke_many"), {"ids": granted.pk, **WHY})
    granted.refresh_from_db()
    assert granted.state == Grant.State.ACTIVE


def test_the_second_revoke_hears_who_was_first(browse, bob, dave, granted, url, words, everything):
    first, second = browse(bob), browse(dave)
    first.post(url("grant_revoke", granted.pk), WHY)
    before = everything()
    response = second.post(url("grant_revoke", granted.pk), WHY)
    assert response.status_code == 409
    assert "The grant was revoked by Bob on " in words(response)
    assert everything() == before


def test_the_list_action_asks_first(browse, bob, granted, act, words, everything):
    client, before = browse(bob), everything()
    page = words(act(client, "grant", "revoke", granted))
    assert "Revoke access?" in page
    assert "Alice: Fileshare until" in page
    assert everything() == before


def standing(grant, state, **times):
    device, pep = grant.devices.get(), grant.resource.placements.get().pep
    return Enforcement.objects.create(grant=grant, device=device, pep=pep, state=state, wanted_at=timezone.now(), **times)


def test_without_a_receipt_nothing_is_confirmed(browse, bob, granted, url, words):
    assert "not confirmed yet" in words(browse(bob).get(url("grant_changelist")))


def test_what_is_in_force_says_since_when(browse, bob, granted, url, words):
    standing(granted, "in_force", in_force_at=granted.starts_at)
    assert f"laptop · pep-1: in force since {granted.starts_at:%Y-%m-%d %H:%M:%S} UTC" in words(browse(bob).get(url("grant_changelist")))


def test_a_revoke_is_confirmed_only_when_it_is_gone(browse, bob, granted, url, words):
    row, client = standing(granted, "ending", ending_at=granted.starts_at), browse(bob)
    assert "not confirmed yet" in words(client.get(url("grant_change", granted.pk)))
    Enforcement.objects.filter(pk=row.pk).update(state="gone", gone_at=granted.starts_at)
    assert "gone, confirmed at " in words(client.get(url("grant_change", granted.pk)))


def test_the_list_costs_the_same_for_many(browse, bob, granted, url, django_assert_max_num_queries):
    client = browse(bob)
    with django_assert_max_num_queries(22):
        client.get(url("grant_changelist"))


@pytest.mark.parametrize(
    ("times", "said", "listed"),
    [
        ({}, "never in force", []),
        ({"in_force_at": HEARD}, "never used", ["never"]),
        ({"in_force_at": HEARD, "heard_at": HEARD}, "used, last heard on 2026-03-02 at 09:00:00 UTC", ["used"]),
        ({"heard_at": HEARD}, "used, last heard on", ["used"]),  # it was in force once, and is wanted again
    ],
)
def test_whether_it_was_used_is_what_the_gateways_heard_meanwhile(times, said, listed, browse, carol, granted, url, words):
    standing(granted, "in_force", **times)
    client = browse(carol)
    assert said in words(client.get(url("grant_change", granted.pk)))
    found = {use: len(client.get(url("grant_changelist"), {"use": use}).context["cl"].result_list) for use in ("never", "used")}
    assert found == {use: int(use in listed) for use in ("never", "used")}
    row = json.loads(client.post(url("grant_export"), {"as": "jsonl"}).getvalue())
    assert (row["in_force_at"], row["heard_at"]) == tuple(AT if name in times else None for name in ("in_force_at", "heard_at"))
