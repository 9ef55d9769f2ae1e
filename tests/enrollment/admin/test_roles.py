"""Who may do what on every page of the admin there is, also on those that nobody thought of here."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

from enrollment.admin.verbs import VerbAdmin
from enrollment.models import User

REGISTERED = sorted(admin.site._registry.items(), key=lambda entry: entry[0]._meta.label)  # noqa: SLF001 - all there is
OURS = [pytest.param(model, rows, id=model._meta.label) for model, rows in REGISTERED]
FORGED = {
    "is_staff": "on",
    "is_superuser": "on",
    "is_auditor": "on",
    "is_active": "",
    "groups": "1",
    "state": "approved",
    "name": "taken",
    "approved_by": "1",
    "owner": "1",
    "expires_at": "2099-01-01",
    "ends_at_0": "2099-01-01",
    "ends_at_1": "00:00",
    "address_v4": "10.89.0.99",
    "reason": "x",
    "comment": "x",
    "at_most": "",
    "slug": "taken",
    "_save": "Save",
    "retired_at": "",
}
READERS = ["bob", "carol", "dave"]
MEDDLERS = ["bob", "carol"]


def page(model, name, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def every_post(model, rows, pk):
    """All addresses of a model's admin that take a POST, with what a browser would send."""
    chosen = {"_selected_action": [pk]}
    names = [verb.name for verb in rows.verbs] if isinstance(rows, VerbAdmin) else []
    yield page(model, "add"), FORGED
    yield page(model, "change", pk), FORGED
    yield page(model, "delete", pk), {"post": "yes"}
    for name in [*names, "delete_selected"]:
        yield page(model, "changelist"), {"action": name, **chosen, "post": "yes"}
    for name in names:
        yield page(model, name, pk), FORGED
        yield page(model, f"{name}_many"), {"ids": str(pk), **FORGED}


@pytest.fixture
def estate(granted, foreign, own):
    """A world in which every table of people has a row; what bob could rightly answer is answered."""
    return granted


@pytest.mark.parametrize("name", MEDDLERS)
def test_posts_of_those_who_keep_nothing_change_nothing(name, request, browse, estate, everything):
    client, before = browse(request.getfixturevalue(name)), everything()
    may_do = {"bob": {"grant", "accessrequest", "delegation"}}.get(name, set())  # test_answers, test_grants and test_delegations say what
    for model, rows in REGISTERED:
        pk = model.objects.values_list("pk", flat=True).first() or 1
        for address, fields in every_post(model, rows, pk) if model._meta.model_name not in may_do else ():
            expected = {200, 302, 403} if "action" in fields else {302, 403, 404}  # an action that nobody offers shows the list again
            assert client.post(address, fields).status_code in expected, address
    assert everything() == before


@pytest.mark.parametrize("name", READERS)
def test_nothing_anywhere_can_be_deleted(name, request, browse, estate, everything):
    client, before = browse(request.getfixturevalue(name)), everything()
    for model, _rows in REGISTERED:
        pk = model.objects.values_list("pk", flat=True).first() or 1
        client.post(page(model, "delete", pk), {"post": "yes"})
        client.post(page(model, "changelist"), {"action": "delete_selected", "_selected_action": [pk], "post": "yes"})
    assert everything() == before


@pytest.mark.parametrize("name", READERS)
def test_looking_at_every_page_changes_nothing_and_never_fails(name, request, browse, estate, everything):
    client, before = browse(request.getfixturevalue(name)), everything()
    for model, rows in REGISTERED:
        pk = model.objects.values_list("pk", flat=True).first() or 1
        names = [verb.name for verb in rows.verbs] if isinstance(rows, VerbAdmin) else []
        for address in [page(model, "changelist"), page(model, "add"), *(page(model, each, pk) for each in ["change", "history", *names])]:
            assert client.get(address).status_code in {200, 302, 403, 404}, address
    assert everything() == before


def test_an_auditor_reads_every_list(browse, carol, estate):
    client = browse(carol)
    codes = {model._meta.label: client.get(page(model, "changelist")).status_code for model, _rows in REGISTERED}
    assert set(codes.values()) == {200}


def test_an_auditor_is_offered_no_action(browse, carol, estate):
    client = browse(carol)
    offered = [client.get(page(model, "changelist")).context["action_form"] for model, _rows in REGISTERED]
    assert set(offered) == {None}


def test_an_approver_sees_requests_grants_reviews_and_delegations_alone(browse, bob, estate):
    client = browse(bob)
    seen = {model._meta.model_name for model, _rows in REGISTERED if client.get(page(model, "changelist")).status_code == 200}
    assert seen == {"accessrequest", "delegation", "grant", "review"}


def test_another_groups_approver_sees_none_of_them(browse, frank, estate, url, words):
    client = browse(frank)
    assert client.get(url("grant_change", estate.pk)).status_code == 302  # to the index: there is no such row for him
    assert client.get(url("accessrequest_change", estate.request_id)).status_code == 302
    assert "Fileshare" not in words(client.get(url("grant_changelist"), {"standing": "all"}))


@pytest.mark.parametrize("name", ["alice", "erin"])
def test_employees_open_nothing(name, request, browse, estate):
    client = browse(request.getfixturevalue(name))
    assert {client.get(page(model, "changelist")).status_code for model, _rows in REGISTERED} == {302}


def test_not_even_an_admin_raises_anybody_by_hand(browse, dave, erin, url, everything):
    client, before = browse(dave), everything()
    forged = {**FORGED, "memberships-TOTAL_FORMS": 1, "memberships-INITIAL_FORMS": 0, "memberships-0-group": Group.objects.first().pk}
    assert client.post(url("user_change", erin.pk), forged).status_code == 403
    assert client.post(url("user_add"), forged).status_code == 403
    assert everything() == before


def test_no_page_shows_a_password_or_a_session(browse, dave, erin, url):
    body = browse(dave).get(url("user_change", erin.pk)).content.decode()
    assert "password" not in body
    assert User.objects.get(pk=erin.pk).password not in body


@pytest.mark.parametrize(
    "query", ["_connector=OR%201=1", "o=999", "o=-1.x", "p=9999999", "all=", "requester__password__startswith=x", "state__regex=(", "e=1"]
)
def test_a_crafted_query_is_no_error_of_ours(query, browse, bob, asked, url):
    assert browse(bob).get(url("accessrequest_changelist") + "?" + query).status_code in {200, 302, 400}


def test_the_index_wears_our_colours_and_lists_no_actions_that_nobody_keeps(browse, dave):
    page = browse(dave).get(reverse("admin:index"))
    assert ("css/admin.css" in page.text, "favicon.svg" in page.text, "Recent actions" in page.text) == (True, True, False)
