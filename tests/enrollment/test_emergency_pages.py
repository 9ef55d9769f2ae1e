"""Taking emergency access, and reviewing it: what each person sees of it."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from enrollment import lifecycle
from enrollment.models import Grant
from tests import factories

pytestmark = pytest.mark.django_db
TAKEN = {"duration": "custom", "minutes": "30", "reason": "the file server burns", "sure": "on"}


@pytest.fixture
def fileshare(alice, bob, dave):
    policy = factories.a_policy("emergencies", break_glass_longest=3600)
    return factories.a_resource(pep=factories.a_pep(), policy=policy)


@pytest.fixture
def device(alice):
    return factories.a_device(alice)


def browser(person):
    client = Client()
    client.force_login(person)
    return client


def take(alice, device, **changes):
    return browser(alice).post("/resources/fileshare/emergency/", {**TAKEN, "devices": [device.pk], **changes})


def taken(alice, fileshare, device):
    return lifecycle.break_glass(alice, resource=fileshare, devices=[device], seconds=600, reason="it burns", now=timezone.now())


def test_whoever_takes_it_has_it_at_once_and_reads_that_it_waits_for_its_review(alice, fileshare, device):
    answer = take(alice, device)
    grant = Grant.objects.get()
    assert (grant.is_break_glass, grant.review_due, grant.state) == (True, True, "active")
    assert answer.url == f"/requests/{grant.request_id}/"
    for page in (answer.url, "/"):
        assert "mergency access" in browser(alice).get(page).text


def test_the_page_says_what_it_does_before_it_does_it(alice, fileshare, device):
    page = browser(alice).get("/resources/fileshare/emergency/").text
    assert "One of them reviews it" in page
    assert "csrfmiddlewaretoken" in page


@pytest.mark.parametrize("lacking", [{"reason": ""}, {"sure": ""}, {"minutes": "120"}, {"minutes": "0"}, {"devices": []}])
def test_what_is_lacking_is_said_and_nothing_is_taken(alice, fileshare, device, lacking):
    answer = take(alice, device, **lacking)
    assert (answer.status_code, Grant.objects.count()) == (200, 0)
    assert "error" in answer.text


def test_where_the_terms_do_not_allow_it_the_page_says_so(alice, bob, device):
    factories.a_resource(pep=factories.a_pep())
    assert "mergency" not in browser(alice).get("/resources/fileshare/request/").text
    answer = take(alice, device)
    assert (answer.status_code, Grant.objects.count()) == (200, 0)


def test_erin_sees_nothing_of_it(alice, erin, fileshare, device):
    grant = taken(alice, fileshare, device)
    assert browser(erin).get(f"/requests/{grant.request_id}/").status_code == 404


@pytest.mark.parametrize(("verb", "state"), [("justified", "active"), ("not_justified", "revoked")])
def test_bob_reviews_it_in_the_admin(alice, bob, fileshare, device, verb, state):
    grant = taken(alice, fileshare, device)
    address = reverse(f"admin:enrollment_grant_{verb}", args=[grant.pk])
    assert "it burns" in browser(bob).get(address).text
    browser(bob).post(address, {"comment": "I looked", "confirmed": "yes"})
    grant.refresh_from_db()
    assert (grant.review_due, grant.state) == (False, state)


def test_nobody_reviews_their_own_in_the_admin(bob, fileshare):
    factories.a_person("brenda", groups=[factories.APPROVERS])
    grant = taken(bob, fileshare, factories.a_device(bob))
    address = reverse("admin:enrollment_grant_justified", args=[grant.pk])
    browser(bob).post(address, {"comment": "fine", "confirmed": "yes"})
    grant.refresh_from_db()
    assert grant.review_due


@pytest.mark.parametrize("who", ["carol", "dave", "erin"])
def test_nobody_but_an_approver_reviews_it(request, alice, fileshare, device, who):
    grant = taken(alice, fileshare, device)
    browser(request.getfixturevalue(who)).post(reverse("admin:enrollment_grant_justified", args=[grant.pk]), {"comment": "x"})
    grant.refresh_from_db()
    assert grant.review_due


def test_carol_reads_in_the_admin_that_nobody_approved_it(alice, carol, fileshare, device):
    grant = taken(alice, fileshare, device)
    page = browser(carol).get(reverse("admin:enrollment_grant_change", args=[grant.pk])).text
    assert "nobody approved it" in page
