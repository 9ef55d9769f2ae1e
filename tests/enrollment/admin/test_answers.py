"""Approvers answer in the admin: what they see, what they may answer, and what each answer says."""

import pytest
from django.test import Client

from enrollment.models import AccessRequest, AuditEvent, Grant, Review
from tests import factories


def test_an_approver_sees_what_waits_for_them_oldest_first(browse, bob, asked, foreign, own, url, words):
    page = words(browse(bob).get(url("accessrequest_changelist")))
    assert "Alice: Fileshare (tcp 139, tcp 445)" in page
    assert "quarterly report" in page
    assert "laptop (Laptop; 10.89." in page
    assert "1 h" in page
    assert "Printers" not in page
    assert "Bob: Fileshare" not in page


def test_an_own_request_says_that_somebody_else_must_answer(browse, bob, own, url, words):
    page = words(browse(bob).get(url("accessrequest_changelist"), {"waiting": "pending"}))
    assert "You asked for this yourself: somebody else must answer." in page


def test_the_confirm_page_says_everything_that_matters(browse, bob, asked, fileshare, url, words):
    page = words(browse(bob).get(url("accessrequest_approve", asked.pk)))
    placement = fileshare.placements.get()
    for fact in (
        "alice@example.com",
        "quarterly report",
        "laptop",
        f"{placement.overlay_v4} → {placement.target_v4}",
        "tcp 445",
        "1 h",
        "never",
    ):
        assert fact in page


def test_approving_from_the_requests_own_page_makes_a_grant(browse, bob, asked, url, told):
    response = browse(bob).post(url("accessrequest_approve", asked.pk), {"at_most": "", "comment": "fine"}, follow=True)
    assert told(response)[0].startswith("Alice: Fileshare: Approved until ")
    assert Grant.objects.get().request == asked
    assert Review.objects.get().comment == "fine"


def test_an_approver_can_give_less_time(browse, bob, asked, url):
    browse(bob).post(url("accessrequest_approve", asked.pk), {"at_most": "10 min", "comment": ""})
    grant = Grant.objects.get()
    assert (grant.ends_at - grant.starts_at).total_seconds() == 600


def test_a_cut_longer_than_asked_gives_what_was_asked(browse, bob, asked, url):
    browse(bob).post(url("accessrequest_approve", asked.pk), {"at_most": "5 h", "comment": ""})
    grant = Grant.objects.get()
    assert (grant.ends_at - grant.starts_at).total_seconds() == 3600


@pytest.mark.parametrize("text", ["0 h", "-1 h", "10", "1e309 h", "nan", "forever", "99999999999 h", "1 h; drop"])
def test_a_time_that_makes_no_sense_is_refused_in_words(text, browse, bob, asked, url):
    response = browse(bob).post(url("accessrequest_approve", asked.pk), {"at_most": text, "comment": ""})
    assert response.status_code == 200
    assert response.context["form"].errors["at_most"]
    assert not Grant.objects.exists()


def test_a_denial_needs_words(browse, bob, asked, url, words):
    response = browse(bob).post(url("accessrequest_deny", asked.pk), {"comment": " "})
    assert "Say why: the person who asked reads it." in words(response)
    asked.refresh_from_db()
    assert asked.state == AccessRequest.State.PENDING


def test_a_denial_is_kept_with_its_words(browse, bob, asked, url):
    browse(bob).post(url("accessrequest_deny", asked.pk), {"comment": "not this week"})
    asked.refresh_from_db()
    assert asked.state == AccessRequest.State.DENIED
    assert Review.objects.get().comment == "not this week"


def test_the_list_action_only_asks(browse, bob, asked, act, everything, words):
    client, before = browse(bob), everything()
    response = act(client, "accessrequest", "approve", asked)
    assert "Approve access?" in words(response)
    assert everything() == before


def test_many_are_answered_each_with_its_outcome(browse, bob, asked, own, foreign, url, told):
    ids = f"{asked.pk},{own.pk},{foreign.pk}"
    response = browse(bob).post(url("accessrequest_approve_many"), {"ids": ids, "at_most": "", "comment": ""}, follow=True)
    said = told(response)
    assert said[0].startswith("Alice: Fileshare: Approved until ")
    assert said[1] == "Bob: Fileshare: Nobody answers a request of their own."
    assert said[2] == "Left out, because you may not see them: 1."
    assert Grant.objects.get().request == asked


def test_a_bulk_action_cannot_reach_foreign_or_own_requests(browse, bob, own, foreign, act, url, everything, words):
    client = browse(bob)
    page = words(act(client, "accessrequest", "approve", own, foreign))
    assert "You asked for this yourself" in page
    assert "Printers" not in page
    before = everything()
    client.post(url("accessrequest_approve_many"), {"ids": f"{own.pk},{foreign.pk}", "at_most": "", "comment": ""})
    after = everything()
    assert after.pop("enrollment.User") == before.pop("enrollment.User")
    assert after == before


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_nobody_answers_their_own_request(verb, browse, bob, own, url, words):
    response = browse(bob).post(url(f"accessrequest_{verb}", own.pk), {"at_most": "", "comment": "me"})
    assert response.status_code == 422
    assert "Nobody answers a request of their own." in words(response)
    own.refresh_from_db()
    assert own.state == AccessRequest.State.PENDING


def test_a_superuser_in_the_approving_group_cannot_answer_their_own_request(browse, fileshare, now, url):
    factories.a_person("gina", groups=["employees", factories.APPROVERS])
    boss = factories.a_person("boss", groups=["employees", "oidc:lychgate-admins", factories.APPROVERS])
    mine = factories.a_request(boss, fileshare, [factories.a_device(boss)], now=now)
    response = browse(boss).post(url("accessrequest_approve", mine.pk), {"at_most": "", "comment": ""})
    assert response.status_code == 422
    assert not Grant.objects.exists()


def test_the_second_answer_hears_who_decided_and_when(browse, bob, asked, url, words):
    gina = factories.a_person("gina", groups=["employees", factories.APPROVERS])
    answer = {"at_most": "", "comment": ""}
    browse(bob).post(url("accessrequest_approve", asked.pk), answer)
    response = browse(gina).post(url("accessrequest_approve", asked.pk), answer)
    assert response.status_code == 409
    assert "The request was approved by Bob on " in words(response)
    assert Grant.objects.count() == 1


def test_replaying_a_decision_changes_nothing(browse, bob, asked, url, everything):
    client, answer = browse(bob), {"at_most": "", "comment": ""}
    client.post(url("accessrequest_approve", asked.pk), answer)
    before = everything()
    assert client.post(url("accessrequest_approve", asked.pk), answer).status_code == 409
    assert everything() == before


def test_a_replay_among_many_says_so(browse, bob, granted, asked, url, told, everything):
    client, before = browse(bob), everything()
    response = client.post(url("accessrequest_approve_many"), {"ids": asked.pk, "at_most": "", "comment": ""}, follow=True)
    assert told(response)[0].startswith("Alice: Fileshare: The request was approved by Bob on ")
    assert everything() == before


def test_another_groups_approver_finds_nothing_to_answer(browse, frank, foreign, asked, url, everything):
    client, before = browse(frank), everything()
    assert client.get(url("accessrequest_approve", asked.pk)).status_code == 404
    assert client.post(url("accessrequest_approve", asked.pk), {"at_most": "", "comment": ""}).status_code == 404
    assert everything() == before


def test_an_admin_decides_nothing_unless_a_policy_names_them(browse, dave, asked, url):
    assert browse(dave).post(url("accessrequest_approve", asked.pk), {"at_most": "", "comment": ""}).status_code == 403
    assert not Grant.objects.exists()


@pytest.mark.parametrize("name", ["alice", "erin"])
def test_employees_do_not_get_into_the_admin(name, request, browse, asked, url):
    client = browse(request.getfixturevalue(name))
    response = client.post(url("accessrequest_approve", asked.pk), {"at_most": "", "comment": ""})
    assert response.status_code in {302, 403}
    assert not Grant.objects.exists()


def test_a_lapsed_request_cannot_be_approved(browse, bob, alice, laptop, fileshare, now, url, words):
    old = factories.a_request(alice, fileshare, [laptop], now=factories.later(-25 * 3600, since=now))
    response = browse(bob).post(url("accessrequest_approve", old.pk), {"at_most": "", "comment": ""})
    assert response.status_code == 409
    assert "Nobody answered in time" in words(response)


def test_a_further_stage_is_said(browse, bob, laptop, pep, frank, now, url, told):
    policy = factories.a_policy("two", stages=[(factories.APPROVERS, 1), ("printer-approvers", 1)])
    vault = factories.a_resource("vault", pep=pep, policy=policy, number=30)
    both = factories.a_request(laptop.owner, vault, [laptop], now=now)
    response = browse(bob).post(url("accessrequest_approve", both.pk), {"at_most": "", "comment": ""}, follow=True)
    assert told(response)[0].startswith("Alice: Vault: Your yes is noted; others must agree too.")
    assert not Grant.objects.exists()


@pytest.mark.parametrize("page", ["changelist", "approve", "deny", "change"])
def test_looking_changes_nothing(page, browse, bob, asked, url, everything):
    client, before = browse(bob), everything()
    response = client.get(url(f"accessrequest_{page}", *([] if page == "changelist" else [asked.pk])))
    assert response.status_code == 200
    assert everything() == before


def test_a_get_on_the_bulk_address_does_nothing(browse, bob, asked, url, everything):
    client, before = browse(bob), everything()
    assert client.get(url("accessrequest_approve_many"), {"ids": asked.pk}).status_code == 200  # the confirm page
    assert client.get(url("accessrequest_approve_many")).status_code == 302
    assert everything() == before


def test_fields_that_nobody_offered_change_nothing(browse, bob, asked, url):
    forged = {
        "at_most": "",
        "comment": "",
        "state": "approved",
        "seconds": "999999",
        "requester": bob.pk,
        "is_break_glass": "on",
        "reviewer": 1,
    }
    browse(bob).post(url("accessrequest_deny", asked.pk), {**forged, "comment": "no"})
    asked.refresh_from_db()
    assert (asked.state, asked.seconds, asked.is_break_glass) == (AccessRequest.State.DENIED, 3600, False)
    assert asked.requester_id != bob.pk
    assert Review.objects.get().reviewer == bob


@pytest.mark.parametrize("ids", ["", "x", "1;2", "\N{ARABIC-INDIC DIGIT ONE}", "-1", "9" * 30, ",".join(map(str, range(3000)))])
def test_ids_that_are_none_are_no_error(ids, browse, bob, asked, url, everything):
    client, before = browse(bob), everything()
    assert client.post(url("accessrequest_approve_many"), {"ids": ids, "at_most": "", "comment": ""}).status_code == 302
    assert everything() == before


def test_what_people_typed_is_escaped(browse, bob, alice, fileshare, now, url):
    device = factories.a_device(alice, "<script>alert(1)</script>")
    hostile = factories.a_request(alice, fileshare, [device], now=now, reason='"><img src=x onerror=alert(1)> <b hx-post="/x">')
    client = browse(bob)
    for page in (url("accessrequest_changelist"), url("accessrequest_approve", hostile.pk), url("accessrequest_change", hostile.pk)):
        body = client.get(page).content.decode()
        assert "<script>alert(1)" not in body
        assert "<img src=x" not in body
        assert "<b hx-post" not in body


def test_a_decision_is_in_the_audit_log_under_its_approver(browse, bob, asked, url):
    browse(bob).post(url("accessrequest_approve", asked.pk), {"at_most": "", "comment": ""})
    assert AuditEvent.objects.filter(verb="request.approved", actor_id=bob.pk).count() == 1


def test_an_answer_without_its_csrf_token_is_refused(bob, asked, url):
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    for address in (url("accessrequest_approve", asked.pk), url("accessrequest_approve_many"), url("accessrequest_changelist")):
        assert client.post(address, {"ids": asked.pk, "at_most": "", "comment": ""}).status_code == 403
    assert not Grant.objects.exists()
