"""A page asks the database as often for seven of everything as for two."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from enforcement.models import Enforcement, Handshake
from enrollment.models import Membership
from tests import factories

FEW, MANY = 2, 7


@pytest.fixture
def now():
    """Pages ask the clock themselves, so everything here happens now."""
    return timezone.now()


@pytest.fixture
def grow(alice, bob, pep, now, settings):
    """More of everything: groups, people in them and standing in, policies of two stages, devices, resources, requests, grants."""
    settings.DEVICE_LIMIT = MANY * 2
    made = []

    def until(count):
        made.extend(one(number, alice, bob, pep, now) for number in range(len(made), count))
        return made

    return until


def one(number, alice, bob, pep, now):
    group = factories.a_group(f"team {number}")
    Membership.objects.bulk_create([Membership(user=person, group=group, source="test", since=now) for person in (alice, bob)])
    approver = factories.a_person(f"approver {number}", groups=[factories.APPROVERS, f"second {number}"], now=now)
    device = factories.a_device(alice, f"device {number}", now=now)
    Handshake.objects.create(device=device, pep=pep, at=now)
    loud = {"break_glass_longest": 3600, "break_glass_by": [f"team {number}"]}
    single = factories.a_policy(f"single {number}", requesters=[f"team {number}"], **loud, now=now)
    double = factories.a_policy(f"double {number}", stages=[(factories.APPROVERS, 1), (f"second {number}", 1)], now=now)
    factories.a_delegation(approver, delegate=bob, now=now)
    had = factories.a_resource(f"had-{number}", pep=pep, policy=single, number=20 + number, now=now)
    wanted = factories.a_resource(f"wanted-{number}", pep=pep, policy=double, number=120 + number, now=now)
    other = factories.a_person(f"person {number}", groups=[f"team {number}"], now=now)
    factories.an_emergency(other, had, [factories.a_device(other, now=now)], now=now)
    grant = factories.a_grant(alice, had, [device], reviewer=bob, now=now)
    state, at = ("in_force", {"in_force_at": now}) if number % 2 else ("gone", {"gone_at": now})
    Enforcement.objects.update_or_create(grant=grant, device=device, pep=pep, defaults={"state": state, "wanted_at": now, **at})
    return grant, factories.a_request(alice, wanted, [device], now=now)


def counted(client, pages):
    return {page: queries_of(lambda page=page: client.get(page)) for page in pages}


def queries_of(browse):
    browse()  # what is read once a process
    with CaptureQueriesContext(connection) as queries:
        answer = browse()
    assert answer.status_code == 200
    return len(queries)


def test_pages_of_mine_take_as_many_queries_for_many_as_for_few(client, alice, grow):
    client.force_login(alice)
    grant, _asked = grow(FEW)[0]
    pages = [
        *(reverse(name) for name in ("home", "resources", "requests", "devices")),
        reverse("request-new", args=["wanted-0"]),
        reverse("request-new", args=["had-0"]),
        reverse("emergency-new", args=["had-0"]),
        reverse("request", args=[grant.request_id]),
        reverse("device", args=[grant.devices.get().pk]),
    ]
    few = counted(client, pages)
    grow(MANY)
    assert counted(client, pages) == few


def test_so_does_asking_for_many_resources_at_once(client, alice, grow):
    client.force_login(alice)

    def bundle_of(count):
        return queries_of(lambda: client.get(reverse("bundle-new"), {"resource": [grant.resource_id for grant, _asked in grow(count)]}))

    assert bundle_of(FEW) == bundle_of(MANY)


@pytest.mark.parametrize("person", ["bob", "carol", "dave"])
def test_so_do_the_lists_of_the_admin(client, request, grow, person):
    grow(FEW)
    client.force_login(request.getfixturevalue(person))
    pages = [reverse("home"), *(reverse(f"admin:enrollment_{rows}_changelist") for rows in ("accessrequest", "grant", "delegation"))]
    few = counted(client, pages)
    grow(MANY)
    assert counted(client, pages) == few


def test_so_do_the_reports_for_auditors(client, carol, grow):
    grow(FEW)
    client.force_login(carol)
    pages = [
        reverse("admin:index"),
        reverse("admin:enrollment_review_approvers"),
        reverse("admin:enrollment_grant_changelist") + "?use=never",
    ]
    few = counted(client, pages)
    grow(MANY)
    assert counted(client, pages) == few


@pytest.mark.parametrize(("rows", "verb"), [("accessrequest", "approve"), ("accessrequest", "deny"), ("grant", "revoke")])
def test_so_do_the_pages_that_confirm_a_verb_for_many(client, bob, grow, rows, verb):
    client.force_login(bob)

    def confirm():
        chosen = [(grant if rows == "grant" else asked).pk for grant, asked in grow(0)]
        return client.post(reverse(f"admin:enrollment_{rows}_changelist"), {"action": verb, "_selected_action": chosen})

    grow(FEW)
    few = queries_of(confirm)
    grow(MANY)
    assert queries_of(confirm) == few
