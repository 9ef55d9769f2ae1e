"""A recent proof of identity before what decides, opens or changes, and never before what only ends access.

The addresses come from the URL configuration, so none is left out: `ASKED` says of each who
is asked when it opens and when it is sent, and a line that fits no address fails the test.
"""

import re
from copy import deepcopy
from datetime import timedelta
from fnmatch import fnmatchcase
from urllib.parse import parse_qsl

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.utils import timezone

from enrollment import step_up
from enrollment.models import AuditEvent, BrowserSession, Device, Grant, IdentityProof, Pep, Review
from tests import factories
from tests.enrollment.test_break_glass import TERMS
from tests.portal.forms import rows
from tests.portal.test_url_matrix import ROUTES, filled_in, number_things

TITLE = "Sign in again to go on"
OLD = timedelta(minutes=40)
# Who is asked: a(lice), b(ob), c(arol), d(ave), or nobody (-): when the page opens, and when it is sent. The first line that fits.
ASKED = {
    "devices/new/": "abcd abcd",
    "devices/<int:pk>/key/": "a a",
    "handovers/": "- abcd",
    "handovers/<int:pk>/confirm/": "- a",
    "resources/<slug:slug>/emergency/": "acd abcd",  # bob may not have it, and is told so first
    "admin/enrollment/accessrequest/approve/": "b b",
    "admin/enrollment/accessrequest/deny/": "b b",
    "admin/enrollment/accessrequest/<int:pk>/*/": "b b",
    "admin/enrollment/grant/*justified/": "b b",
    "admin/enrollment/*/export/": "cd cd",
    "admin/enrollment/review/approvers/": "- cd",
    "admin/enrollment/auditevent/reach/": "- cd",
    "admin/enrollment/grant/*revoke/": "- -",
    "admin/enrollment/delegation/add/": "b b",
    "admin/enrollment/delegation/*end/": "- -",
    "admin/enrollment/device/*approve/": "d d",
    "admin/enrollment/device/*resume/": "d d",
    "admin/enrollment/user/*enable/": "d d",
    "admin/enrollment/heldchange/*confirm/": "d d",
    "admin/enrollment/heldchange/*dismiss/": "d d",
    "admin/enforcement/pepstatus/*lock_down/": "d d",
    "admin/enforcement/pepstatus/*leave_open/": "d d",
    "admin/enrollment/pep/add/": "d d",
    "admin/enrollment/resource/add/": "d d",
    "admin/enrollment/accesspolicy/add/": "d d",
    "admin/auth/group/add/": "d d",
    "admin/enrollment/pep/<path:object_id>/change/": "- d",  # to look is not to change
    "admin/enrollment/resource/<path:object_id>/change/": "- d",
    "admin/enrollment/accesspolicy/<path:object_id>/change/": "- d",
    # What ends access, of one's own or as an admin, and what changes nothing.
    "devices/<int:pk>/*": "- -",
    "handovers/<int:pk>/*": "- -",
    "phone/*": "- -",  # what a link opens there ends on these pages
    "grants/<int:pk>/end/": "- -",
    "requests/*": "- -",
    "resources/<slug:slug>/request/": "- -",  # to ask is to wait for an answer
    "admin/enrollment/device/*": "- -",
    "admin/enrollment/user/*": "- -",
    "admin/enrollment/resource/*retire/": "- -",
    "admin/*": "- -",
    "accounts/*": "- -",
    "scim/*": "- -",
    **dict.fromkeys(("", "devices/", "resources/", "language/", "healthz", "readyz", "metrics"), "- -"),
}
ENDS = {  # and each did: who, and what was sent
    "alice": (
        "devices/<int:pk>/suspend/",
        "devices/<int:pk>/lost/",
        "devices/<int:pk>/retire/",
        "requests/<int:pk>/cancel/",
        "grants/<int:pk>/end/",
    ),
    "bob": ("admin/enrollment/grant/<int:pk>/revoke/", "admin/enrollment/delegation/<int:pk>/end/"),
    "dave": (
        *(f"admin/enrollment/device/<int:pk>/{verb}/" for verb in ("suspend", "lost", "retire")),
        *(f"admin/enrollment/user/<int:pk>/{verb}/" for verb in ("disable", "leave")),
        *("admin/enrollment/resource/<int:pk>/retire/", "admin/enrollment/delegation/<int:pk>/end/"),
        *("admin/enrollment/grant/<int:pk>/revoke/", "admin/enrollment/grant/revoke/"),
    ),
}


@pytest.fixture
def fileshare(pep, bob):
    return factories.a_resource("fileshare", pep=pep, policy=factories.a_policy("emergencies", **TERMS))


@pytest.fixture
def numbers(pep, fileshare, alice, bob, laptop):
    return number_things(pep, fileshare, alice, bob, laptop)


def browser_of(person, ago=OLD):
    browser = Client()
    browser.force_login(person, ago=ago)
    return browser


def asks(answer):
    return answer.status_code == 403 and TITLE in answer.text


def line_of(route):
    return next((words for pattern, words in ASKED.items() if fnmatchcase(route, pattern)), "no line describes it")


def sent_to(route, numbers):
    """Return the address, and what to send there: the row that a page of many would have chosen, and words."""
    address = filled_in(route, numbers)
    kind = re.match(r"/admin/\w+/(\w+)/", address)
    return address, {"ids": str(numbers.get(kind[1].removesuffix("s") if kind else "", 1)), "reason": "because", "comment": "because"}


def undone(browser, address, sent):
    """Post, and undo it; return the answer, and whether anything came of it: each thing that does leaves an event."""
    kept = deepcopy(browser.cookies)
    with transaction.atomic():
        before = AuditEvent.objects.count()
        answer = browser.post(address, sent)
        did = AuditEvent.objects.count() > before
        transaction.set_rollback(True)
    browser.cookies = kept  # whoever signed out is signed in again
    return answer, did


@pytest.mark.parametrize(
    ("name", "where"), [("alice", r"(?!admin/)"), ("bob", ""), ("carol", r"admin/.*/(export|approvers|reach)/$"), ("dave", "")]
)
def test_every_address_asks_for_a_recent_sign_in_as_the_table_says_and_changes_nothing(name, where, request, numbers):
    browser, asked = browser_of(request.getfixturevalue(name)), {}
    for route in filter(re.compile(where).match, ROUTES):
        address, sent = sent_to(route, numbers)
        opened = asks(browser.get(address, {"ids": sent["ids"]} if address.startswith("/admin/") else {}))
        answer, did = undone(browser, address, sent)
        assert not (asks(answer) and did)
        asked[route] = [opened, asks(answer)]
    assert asked == {route: [name[0] in who for who in line_of(route).split()] for route in asked}
    before = rows()
    for route in (route for route, (_opened, sent) in asked.items() if sent):
        browser.post(*sent_to(route, numbers))
    assert rows() == before


def test_every_line_of_the_table_is_about_an_address_there_is():
    assert set(ASKED) - {next(pattern for pattern in ASKED if fnmatchcase(route, pattern)) for route in ROUTES} == set()


@pytest.mark.parametrize("name", ENDS)
def test_what_ends_access_goes_through_whenever_one_signed_in(name, request, numbers):
    browser = browser_of(request.getfixturevalue(name), ago=None)
    assert {route: undone(browser, *sent_to(route, numbers))[1] for route in ENDS[name]} == dict.fromkeys(ENDS[name], True)


def test_the_verbs_that_never_ask_are_those_that_end_access():
    admins = [admin.site.get_model_admin(model) for model in apps.get_models() if admin.site.is_registered(model)]
    found = {verb.name for each in admins for verb in getattr(each, "verbs", ()) if verb.only_ends}
    assert found == {"revoke", "end", "refuse", "suspend", "lost", "retire", "disable", "leave"}


@pytest.mark.parametrize(
    ("ago", "says"),
    [
        (timedelta(minutes=14, seconds=40), None),
        (timedelta(minutes=15, seconds=5), "yours was 16 minutes ago"),
        (timedelta(hours=1, minutes=39, seconds=30), "yours was 1 hour 40 minutes ago"),
        (None, "has not said when yours was"),
    ],
)
def test_the_page_says_how_recent_and_how_old(ago, says, alice):
    answer = browser_of(alice, ago).get("/devices/new/")
    assert asks(answer) == bool(says)
    if says:
        assert "This needs a sign-in of the last 15 minutes" in answer.text
        assert says in answer.text
        assert "fresh=1&amp;next=%2Fdevices%2Fnew%2F" in answer.text


def test_only_a_proof_given_in_this_browser_and_not_taken_back_counts(alice, erin, now):
    browser, elsewhere = browser_of(alice, timedelta(0)), browser_of(alice)
    mine = IdentityProof.objects.filter(browser=browser.session[step_up.BROWSER_SESSION_KEY])
    spoilt = [
        lambda: mine.update(withdrawn_at=now),
        lambda: mine.update(signed_out_at=now),
        lambda: mine.update(user=erin),
        lambda: BrowserSession.objects.filter(proofs__in=mine).update(ended_at=now, key=None),
        lambda: mine.update(browser=IdentityProof.objects.get(browser=elsewhere.session[step_up.BROWSER_SESSION_KEY]).browser),
    ]
    assert not asks(browser.get("/devices/new/"))
    for spoil in spoilt:
        with transaction.atomic():
            spoil()
            assert asks(browser.get("/devices/new/"))
            transaction.set_rollback(True)


def prove(browser, ago=timedelta(0)):
    """Let it be so long ago that somebody proved, in this browser, who they are."""
    mine = IdentityProof.objects.filter(browser=browser.session[step_up.BROWSER_SESSION_KEY])
    mine.update(auth_time=timezone.now() - ago)


def test_rows_chosen_in_a_list_and_a_comment_are_there_again_after_signing_in(bob, numbers):
    browser, number = browser_of(bob), numbers["accessrequest"]
    chosen = {"action": "approve", "_selected_action": [number]}
    many = f"/admin/enrollment/accessrequest/approve/?ids={number}"
    assert f"ids%3D{number}" in browser.post("/admin/enrollment/accessrequest/", chosen).text
    prove(browser)
    assert f'name="ids" value="{number}"' in browser.get(many).text
    prove(browser, OLD)
    answer = browser.post("/admin/enrollment/accessrequest/approve/", {"ids": number, "at_most": "7 min", "comment": "as agreed"})
    assert "What you typed is kept" in answer.text
    prove(browser)
    page = browser.get(many).text
    assert ('value="7 min"' in page, "as agreed" in page) == (True, True)
    assert "as agreed" not in browser.get(many).text
    assert not Review.objects.filter(request=number).exists()


def test_what_an_admin_typed_is_there_again_and_not_saved_until_they_say_so(dave, pep):
    browser, page = browser_of(dave), f"/admin/enrollment/pep/{pep.pk}/change/"
    assert "You can look. To change anything, sign in again first." in browser.get(page).text
    form = {**{name: value for name, value in vars(pep).items() if value is not None and name[0] != "_"}, "lease_seconds": "8 h"}
    form |= {"endpoint_host": "elsewhere.example.com", "placements-TOTAL_FORMS": 0, "placements-INITIAL_FORMS": 0}
    assert asks(browser.post(page, form))
    assert "elsewhere.example.com" not in browser.get(page).text  # to look once more, before signing in, uses nothing up
    prove(browser)
    again = browser.get(page).text
    assert ("elsewhere.example.com" in again, "nothing is saved yet" in again) == (True, True)
    assert Pep.objects.get().endpoint_host == "pep-1.example.com"
    assert "elsewhere.example.com" not in browser.get(page).text
    assert browser.post(page, form).status_code == 302
    assert Pep.objects.get().endpoint_host == "elsewhere.example.com"


def test_a_key_that_was_pasted_is_not_kept_and_the_name_is(alice):
    browser = browser_of(alice)
    private, _public = factories.a_pair()
    browser.post("/devices/new/", {"name": "my laptop", "kind": "laptop", "way": "pasted", "public_key": private, "is_public": "on"})
    assert dict(parse_qsl(browser.session[step_up.KEPT_KEY]["sent"])) == {
        "name": "my laptop",
        "kind": "laptop",
        "way": "pasted",
        "is_public": "on",
    }
    prove(browser)
    assert 'value="my laptop"' in browser.get("/devices/new/").text
    assert not Device.objects.exists()


@pytest.mark.parametrize("spoil", [str, "{} ".format])
def test_nothing_is_kept_of_a_form_where_a_private_key_may_have_been_pasted_for_a_gateways(spoil, dave, pep):
    browser = browser_of(dave)
    private, _public = factories.a_pair()
    answer = browser.post(f"/admin/enrollment/pep/{pep.pk}/change/", {"public_key": spoil(private), "endpoint_host": "elsewhere"})
    assert (asks(answer), "do it once more" in answer.text) == (True, True)
    assert step_up.KEPT_KEY not in browser.session


def test_what_is_too_long_to_keep_is_not_kept_and_the_page_says_so(bob, numbers):
    browser = browser_of(bob)
    answer = browser.post(f"/admin/enrollment/accessrequest/{numbers['accessrequest']}/deny/", {"comment": "x" * 30_000})
    assert asks(answer)
    assert "do it once more" in answer.text
    assert step_up.KEPT_KEY not in browser.session


def test_emergency_access_says_first_why_it_cannot_be_had(alice, laptop, pep):
    factories.a_resource("printers", pep=pep, number=30)
    assert not asks(browser_of(alice).get("/resources/printers/emergency/"))
    assert not Grant.objects.exists()
