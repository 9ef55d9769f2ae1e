"""Grants in the admin: what stands there, and revoking."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from enforcement.models import Enforcement
from enrollment import lifecycle
from enrollment.models import Grant
from tests.factories import HOUR, a_device, a_grant, a_policy, a_resource, an_emergency, later
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


@pytest.fixture
def more(alice, bob, erin, laptop, pep, now):
    """Of five resources that were retired since: what was approved and held, and what was taken in an emergency."""

    def made():
        phone = a_device(erin, "phone")
        for number in range(40, 45):
            terms = a_policy(f"terms {number}", break_glass_longest=3600, now=now)
            resource = a_resource(f"res-{number}", pep=pep, policy=terms, number=number, now=now)
            standing(a_grant(alice, resource, [laptop], reviewer=bob, now=now), "in_force", in_force_at=now)
            lifecycle.review_break_glass(an_emergency(erin, resource, [phone], now=now), reviewer=bob, justified=True, comment="", now=now)
            lifecycle.retire_resource(resource, actor=None, now=now)

    return made


def test_the_list_costs_the_same_for_many(browse, bob, granted, more, url, django_assert_max_num_queries):
    client = browse(bob)
    client.get(url("grant_changelist"))
    standing(granted, "in_force", in_force_at=granted.starts_at)
    with CaptureQueriesContext(connection) as few:
        assert len(client.get(url("grant_changelist")).context["cl"].result_list) == 1
    more()
    with django_assert_max_num_queries(len(few)):
        assert len(client.get(url("grant_changelist")).context["cl"].result_list) == 11


CUTS = {
    "resource": ("The resource was retired.", lambda grant, dave, at: lifecycle.retire_resource(grant.resource, actor=dave, now=at)),
    "account": ("The account was disabled.", lambda grant, dave, at: lifecycle.disable_user(grant.user, actor=dave, now=at)),
    "retired": (
        "The device was retired.",
        lambda grant, dave, at: lifecycle.retire_device(grant.devices.get(), actor=dave, reason="", now=at),
    ),
    "lost": (
        "The device was reported lost.",
        lambda grant, dave, at: lifecycle.report_lost(grant.devices.get(), actor=dave, reason="", now=at),
    ),
    "suspended": (
        "The device was suspended.",
        lambda grant, dave, at: lifecycle.suspend_device(grant.devices.get(), actor=dave, reason="", now=at),
    ),
}


@pytest.fixture
def over(alice, bob, fileshare, laptop):
    """From nine to ten, long ago."""
    return a_grant(alice, fileshare, [laptop], reviewer=bob, seconds=HOUR)


@pytest.mark.parametrize("kind", CUTS)
def test_what_was_cut_off_before_its_end_did_not_expire(kind, browse, carol, dave, over, url, words):
    why, cut = CUTS[kind]
    cut(over, dave, later(600))
    lifecycle.expire_due(later(2 * HOUR))
    said, client = f"cut off on 2026-03-02 at 09:10:00 UTC: {why}", browse(carol)
    assert f"{said} By Dave." in words(client.get(url("grant_change", over.pk)))
    assert said in words(client.get(url("grant_changelist"), {"standing": "all"}))
    row = json.loads(client.post(url("grant_export") + "?standing=all", {"as": "jsonl"}).getvalue())
    assert (row["cut_off_at"], row["cut_off_why"]) == ("2026-03-02T09:10:00.000000Z", why)


@pytest.mark.parametrize("kind", CUTS)
def test_what_happened_after_its_end_ended_nothing(kind, browse, carol, dave, over, url, words):
    lifecycle.expire_due(later(2 * HOUR))
    CUTS[kind][1](over, dave, later(2 * HOUR))
    page = words(browse(carol).get(url("grant_change", over.pk)))
    assert "cut off" not in page
    assert "expired" in page


def test_with_one_device_left_it_was_not_cut_off(browse, alice, bob, carol, fileshare, laptop, url, words):
    grant = a_grant(alice, fileshare, [laptop, a_device(alice, "phone")], reviewer=bob, seconds=HOUR)
    lifecycle.retire_device(laptop, actor=None, reason="", now=later(600))
    assert "cut off" not in words(browse(carol).get(url("grant_change", grant.pk)))


def test_whose_access_was_cut_off_reads_so_and_not_that_time_was_up(browse, alice, dave, over, words):
    lifecycle.retire_resource(over.resource, actor=dave, now=later(600))
    page = words(browse(alice).get(f"/requests/{over.request_id}/"))
    assert "Time was up" not in page
    assert "Ended at 2 Mar 2026, 09:10:00 UTC" in page
    assert page.count("The resource was retired.") == 2  # on top, and where it happened


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
