"""Approvers let somebody stand in, in the admin; that person gets in, sees what they may answer, and is out when it ends."""

import pytest
from django.urls import reverse

from enrollment import lifecycle
from enrollment.models import AccessRequest, AuditEvent, Delegation, Grant, Review
from tests import factories

ANSWER = {"at_most": "", "comment": ""}


@pytest.fixture
def lent(bob, erin, fileshare, now):
    """bob lets erin stand in."""
    return factories.a_delegation(bob, delegate=erin, now=now)


@pytest.fixture
def fill_in(browse, bob, url, fileshare, erin):
    """Send bob's form, with erin in it unless something else is said."""

    def send(**said):
        given = {"delegate": "erin@example.com", "starts_at": "", "lasts": "5 d", "reason": "on holiday", **said}
        return browse(bob).post(url("delegation_add"), given)

    return send


def test_an_approver_lets_somebody_stand_in_at_once(fill_in, bob, erin, now):
    assert fill_in().status_code == 302
    made = Delegation.objects.get()
    assert (made.delegator, made.delegate, made.reason) == (bob, erin, "on holiday")
    assert (made.ends_at - made.starts_at).days == 5
    assert now <= made.starts_at


def test_a_start_is_read_as_utc(fill_in, now):
    start = factories.later(days=3, since=now).replace(second=0, microsecond=0)
    fill_in(starts_at=f"{start:%Y-%m-%dT%H:%M}", lasts="2 w")
    made = Delegation.objects.get()
    assert (made.starts_at, made.ends_at) == (start, factories.later(days=14, since=start))


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"delegate": ""}, "delegate", "Say who stands in"),
        ({"delegate": "erin"}, "delegate", "valid email"),
        ({"delegate": "nobody@example.com"}, "delegate", "Nobody with an active account"),
        ({"delegate": "bob@example.com"}, None, "cannot stand in for yourself"),
        ({"starts_at": "2020-01-01T00:00"}, "starts_at", "has passed"),
        ({"starts_at": "9999-12-31T23:59"}, "starts_at", "too far away"),
        ({"starts_at": "0001-01-01T00:00+14:00"}, "starts_at", ""),
        ({"starts_at": "tomorrow"}, "starts_at", "valid date"),
        ({"lasts": ""}, "lasts", "required"),
        ({"lasts": "5"}, "lasts", "Say the unit too"),
        ({"lasts": "91 d"}, "lasts", "90 days at most"),
        ({"lasts": "1e9 d"}, "lasts", "whole number"),
        ({"reason": ""}, "reason", "Say why"),
        ({"reason": "x" * 10_000}, "reason", "at most 1000"),
        ({"reason": "away\N{RIGHT-TO-LEFT OVERRIDE}"}, "reason", "do not print"),
    ],
)
def test_bad_input_is_refused_at_its_field_and_nothing_is_lost(said, field, words, fill_in):
    response = fill_in(**said)
    form = response.context["form"]
    assert (response.status_code, form["reason"].value()) == (200, said.get("reason", "on holiday"))
    assert words in " ".join(form.errors[field or "__all__"])
    assert not Delegation.objects.exists()


def test_an_address_that_two_accounts_have_says_nothing(fill_in, frank):
    frank.email = "ERIN@example.com"
    frank.save(update_fields=["email"])
    assert "Several accounts" in str(fill_in().context["form"].errors["delegate"])


def test_a_disabled_account_is_not_found(fill_in, erin):
    lifecycle.disable_user(erin, actor=None, now=factories.NOW)
    assert "Nobody with an active account" in str(fill_in().context["form"].errors["delegate"])


def test_the_form_sent_twice_is_one_delegation(fill_in, words):
    fill_in()
    assert "Erin stands in for you within that time already" in words(fill_in())
    assert Delegation.objects.count() == 1


def test_fields_that_nobody_offered_change_nothing(fill_in, bob, dave):
    fill_in(delegator=dave.pk, ends_at="2099-01-01", created_at="2020-01-01", ended_at="2020-01-01")
    made = Delegation.objects.get()
    assert (made.delegator, made.ended_at, (made.ends_at - made.starts_at).days) == (bob, None, 5)


@pytest.mark.parametrize("name", ["carol", "dave", "erin"])
def test_nobody_lends_what_they_do_not_have(name, request, browse, lent, url, everything):
    client, before = browse(request.getfixturevalue(name)), everything()
    given = {"delegate": "alice@example.com", "starts_at": "", "lasts": "5 d", "reason": "x"}
    assert client.post(url("delegation_add"), given).status_code == 403
    assert everything() == before


@pytest.mark.parametrize(("name", "sees"), [("bob", True), ("erin", True), ("carol", True), ("dave", True), ("frank", False)])
def test_the_two_see_it_auditors_and_admins_see_all_and_others_none(name, sees, request, browse, lent, printers, url, words):
    client = browse(request.getfixturevalue(name))
    assert ("Erin <erin@example.com>".replace("<", "&lt;").replace(">", "&gt;") in client.get(url("delegation_changelist")).text) == sees
    assert client.get(url("delegation_change", lent.pk)).status_code == (200 if sees else 302)


@pytest.mark.parametrize("name", ["bob", "erin", "dave"])
def test_it_is_ended_on_a_page_that_asks_first(name, request, browse, lent, url, told, words):
    person = request.getfixturevalue(name)
    client = browse(person)
    assert "End the delegation?" in words(client.get(url("delegation_end", lent.pk)))
    assert Delegation.objects.get().ended_at is None
    client.post(url("delegation_end", lent.pk))
    assert Delegation.objects.get().ended_by == person


def test_who_ends_it_second_hears_who_did_and_when(browse, lent, bob, dave, url, words):
    browse(bob).post(url("delegation_end", lent.pk))
    response = browse(dave).post(url("delegation_end", lent.pk))
    assert (response.status_code, "The delegation was ended by Bob on " in words(response)) == (409, True)


@pytest.mark.parametrize(("name", "status"), [("carol", 403), ("frank", 403), ("alice", 302)])
def test_others_cannot_end_it(name, status, request, browse, lent, printers, url, everything):
    client, before = browse(request.getfixturevalue(name)), everything()
    assert client.post(url("delegation_end", lent.pk)).status_code == status
    assert client.post(url("delegation_end_many"), {"ids": lent.pk}).status_code == status
    assert everything() == before


def admin_of(client, url):
    """What somebody can open: the admin itself, and which requests it lists in all."""
    index = client.get(reverse("admin:index")).status_code
    listed = client.get(url("accessrequest_changelist"), {"waiting": "all"})
    return index, list(listed.context["cl"].queryset) if listed.status_code == 200 else None


def test_the_stand_in_gets_in_with_the_session_they_have_and_is_out_when_it_ends(browse, erin, bob, asked, foreign, url, now):
    client = browse(erin)
    assert admin_of(client, url) == (302, None)
    lent = factories.a_delegation(bob, delegate=erin, now=now)
    assert admin_of(client, url) == (200, [asked])
    assert 'href="/admin/"' in client.get(reverse("home")).text
    lifecycle.end_delegation(lent, actor=bob, now=now)
    assert admin_of(client, url) == (302, None)
    assert 'href="/admin/"' not in client.get(reverse("home")).text


@pytest.mark.parametrize("end", ["time", "disabled", "group"])
def test_it_ends_by_itself_too(end, browse, erin, bob, asked, lent, url, now):
    client = browse(erin)
    assert admin_of(client, url) == (200, [asked])
    if end == "time":
        Delegation.objects.update(starts_at=factories.later(-60, since=now), ends_at=now)
    elif end == "disabled":
        lifecycle.disable_user(bob, actor=None, now=now)
    else:
        bob.memberships.all().delete()
    assert admin_of(client, url) == (302, None)


def test_home_counts_what_waits_for_the_stand_in(browse, erin, asked, lent):
    assert "One request waits for your answer." in browse(erin).get(reverse("home")).text


def test_the_stand_in_sees_no_more_of_the_admin_than_an_approver(browse, erin, lent, asked):
    page = browse(erin).get(reverse("admin:index"))
    seen = {model["object_name"] for app in page.context["app_list"] for model in app["models"]}
    assert seen == {"AccessRequest", "Delegation", "Grant", "Review"}


@pytest.mark.usefixtures("lent")
def test_the_page_says_in_whose_stead_the_answer_is_and_the_history_does_too(browse, erin, bob, alice, carol, asked, url, words):
    client = browse(erin)
    assert "You answer in the stead of Bob." in words(client.get(url("accessrequest_approve", asked.pk)))
    client.post(url("accessrequest_approve", asked.pk), ANSWER)
    assert Review.objects.get().on_behalf_of == bob
    assert "Erin in the stead of Bob approved" in words(browse(alice).get(reverse("request", args=[asked.pk])))
    event = AuditEvent.objects.get(verb="request.reviewed")
    assert '"in_stead_of_name": "Bob"' in browse(carol).get(url("auditevent_change", event.pk)).text.replace("&quot;", '"')


def test_an_approver_answering_for_themselves_reads_of_no_stead(browse, bob, asked, lent, url, words):
    assert "in the stead of" not in words(browse(bob).get(url("accessrequest_approve", asked.pk)))


@pytest.fixture
def both(laptop, pep, lent, now):
    """What two of bob's group must answer."""
    factories.a_person("gina", groups=["employees", factories.APPROVERS])
    vault = factories.a_resource("vault", pep=pep, policy=factories.a_policy("pair", stages=[(factories.APPROVERS, 2)]), number=30)
    return factories.a_request(laptop.owner, vault, [laptop], now=now)


def test_whose_stand_in_has_answered_hears_who_did_and_when(browse, bob, erin, both, url, words):
    browse(erin).post(url("accessrequest_approve", both.pk), ANSWER)
    client = browse(bob)
    assert "somebody else must agree too" in words(client.get(url("accessrequest_approve", both.pk)))
    response = client.post(url("accessrequest_approve", both.pk), ANSWER)
    assert (response.status_code, "Erin answered this in your stead on " in words(response)) == (409, True)
    assert not Grant.objects.exists()


def test_a_stand_in_reads_that_what_bob_asked_is_not_theirs_to_answer(browse, erin, own, lent, url, words):
    response = browse(erin).post(url("accessrequest_approve", own.pk), ANSWER)
    assert (response.status_code, "You stand in for whoever asked" in words(response)) == (422, True)


def test_a_delegation_that_ended_since_the_page_was_opened_is_refused_in_words(browse, erin, bob, asked, lent, url, now, words):
    client = browse(erin)
    assert client.get(url("accessrequest_approve", asked.pk)).status_code == 200
    lifecycle.end_delegation(lent, actor=bob, now=now)
    for address, more in ((url("accessrequest_approve", asked.pk), {}), (url("accessrequest_approve_many"), {"ids": asked.pk})):
        response = client.post(address, {**ANSWER, **more}, follow=True)
        assert (response.status_code, "If you stood in for somebody, that has ended." in words(response)) == (403, True)
    assert AccessRequest.objects.get(pk=asked.pk).state == "pending"


def test_a_stand_in_may_revoke_what_the_approver_may(browse, erin, granted, lent, url):
    browse(erin).post(url("grant_revoke", granted.pk), {"reason": "done"})
    assert Grant.objects.get().ended_by == erin
