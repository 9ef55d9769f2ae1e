"""Enrolling a phone by a one-time link, as the computer and the phone see it: two browsers, and whoever scans first."""

import re

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from enrollment import lifecycle
from enrollment.lifecycle.handovers import LASTS
from enrollment.models import Device, Handover
from tests.enrollment.pages import without_token
from tests.enrollment.test_device_pages import form
from tests.factories import a_device, a_key

KEY = a_key("the phone's")


@pytest.fixture
def token(as_alice, fileshare):
    """What alice's computer shows below the code to scan."""
    page = as_alice.post("/handovers/")
    return re.search(r"<code>(([a-z2-7]{2,4}-?){7})</code>", page.text)[1]


@pytest.fixture
def scan(token):
    """A browser that nobody is signed in to, with the link open."""

    def scanned(browser=None):
        browser = browser or Client()
        browser.post("/phone/", {"token": token})
        return browser

    return scanned


@pytest.fixture
def phone(scan):
    """The phone, which has made a key and offered it."""
    phone = scan()
    phone.post("/phone/key/", {"public_key": KEY})
    return phone


def confirm(computer, name="My phone"):
    return computer.post(f"/handovers/{Handover.objects.get().pk}/confirm/", {"name": name}, follow=True)


def test_the_code_to_scan_is_in_one_answer_that_nobody_stores(as_alice, pep, settings):
    settings.PUBLIC_URL = "https://portal.example.com"
    page = as_alice.post("/handovers/")
    assert ("<svg" in page.text, "https://portal.example.com/phone/" in page.text, "no-store" in page["Cache-Control"]) == (True,) * 3
    later = as_alice.get(f"/handovers/{Handover.objects.get().pk}/")
    assert ("<svg" in later.text, "No phone has answered yet" in later.text) == (False, True)


def test_opening_the_link_shows_everybody_the_same_and_changes_nothing(token, client):
    before = Handover.objects.values().get()
    pages = {without_token(Client().get(f"/phone/{query}")) for query in ("", "?anew", f"?{token}")}
    assert (len(pages), Handover.objects.values().get()) == (1, before)


def test_a_phone_that_is_not_signed_in_gets_its_config_once_the_letters_were_compared(as_alice, alice, phone, pep):
    waiting, asked = phone.get("/phone/"), as_alice.get(f"/handovers/{Handover.objects.get().pk}/")
    letters = Handover.objects.get().fingerprint
    assert (letters in waiting.text, letters in asked.text, Device.objects.count()) == (True, True, 0)
    assert "My phone is enrolled" in confirm(as_alice).text
    device = Device.objects.get(owner=alice)
    assert (device.kind, device.public_key) == ("phone", KEY)
    page = phone.get("/phone/")
    assert (f"{device.address_v4}/32" in page.text, pep.public_key in page.text, "data-ready" in page.text) == (True,) * 3


def test_whoever_scans_first_gets_nothing_in_alices_name_without_her(as_alice, alice, scan):
    thief = scan()
    thief.post("/phone/key/", {"public_key": a_key("thief")})
    assert "was used already" in scan().post("/phone/key/", {"public_key": KEY}).text
    as_alice.post(f"/handovers/{Handover.objects.get().pk}/refuse/")
    assert "Refused on the computer" in thief.get("/phone/").text
    assert not Device.objects.exists()


def test_what_the_phone_is_given_goes_to_the_browser_that_made_the_key_alone(as_alice, scan, token):
    scanned_too, phone = scan(), scan()
    phone.post("/phone/key/", {"public_key": KEY})
    assert phone.get("/phone/").text.count("data-waits") == 1
    others = [Client(), scanned_too, as_alice]
    assert [browser.get("/phone/").text.count("data-waits") for browser in others] == [0, 0, 0]
    confirm(as_alice)
    assert [browser.get("/phone/").text.count("data-ready") for browser in others] == [0, 0, 0]
    assert Client().post("/phone/", {"token": token}).status_code == 404
    assert "data-ready" in phone.get("/phone/").text


def test_signed_in_as_herself_on_the_phone_alice_enrols_there_and_the_link_is_used(as_alice, alice, browse, token):
    phone = browse(alice)
    answer = phone.post("/phone/", {"token": token}, follow=True)
    assert answer.redirect_chain == [("/devices/new/?kind=phone", 302)]
    assert '<option value="phone" selected>' in answer.text
    assert browse(alice).post("/phone/", {"token": token}).status_code == 404
    assert "Go on there" in as_alice.get(f"/handovers/{Handover.objects.get().pk}/").text


def test_signing_in_on_the_phone_after_scanning_leads_on_to_enrolment(alice, scan):
    phone = scan()
    assert "/accounts/oidc/login/?next=/phone/" in phone.get("/phone/").text
    phone.force_login(alice)
    assert "Continue" in phone.get("/phone/").text
    assert phone.post("/phone/").url == "/devices/new/?kind=phone"


def test_the_computer_says_what_the_phone_that_is_signed_in_enrolled(as_alice, alice, browse, token):
    phone = browse(alice)
    page = phone.post("/phone/", {"token": token}, follow=True).text
    assert ('value="Phone"' in page, "Show a link for my phone" in page) == (True, False)
    here = f"/handovers/{Handover.objects.get().pk}/"
    assert 'data-refresh="2"' in as_alice.get(here).text
    phone.post("/devices/new/?kind=phone", form(name="Alice's own", kind="phone", public_key=KEY))
    assert "Alice&#x27;s own is enrolled" in as_alice.get(here).text
    phone.post("/devices/new/", form(name="Another", public_key=a_key()))
    assert Handover.objects.get().device.name == "Alice's own"


def test_signed_in_for_the_link_alone_the_phone_goes_on_by_itself(alice, scan):
    phone = scan()
    start = phone.get("/phone/").text
    assert (re.findall(r'action="([^"]*next=[^"]*)"', start), "data-goes-on" in start) == (
        ["/accounts/oidc/login/?next=/phone/%3Fsigned-in"],
        False,
    )
    phone.force_login(alice)
    assert ["data-goes-on" in phone.get(where).text for where in ("/phone/?signed-in", "/phone/")] == [True, False]


def test_whoever_finds_themselves_signed_in_elsewhere_ends_that_from_there(as_alice, alice, browse, token):
    browse(alice).post("/phone/", {"token": token})
    page = as_alice.get(f"/handovers/{Handover.objects.get().pk}/").text
    ends = re.search(r'<form method="post" action="/accounts/logout/">.*?</form>', page[page.index("If that was not you") :], re.DOTALL)[0]
    assert 'name="everywhere"' in ends


@pytest.mark.parametrize("typed", ["abcd", "a" * 27, "a" * 25 + "8", "\u0130" * 26, "<b>" + "a" * 23])
def test_what_is_no_code_is_said_at_its_field_which_keeps_it_and_the_link_still_works(token, typed):
    page = Client().post("/phone/", {"token": typed})
    assert (page.status_code, re.search(r'id="id_token_error">([^<]*)<', page.text)[1][:18]) == (422, "This is not a code")
    assert f'value="{escape(typed)}"' in page.text
    assert "was used already" not in page.text
    assert Client().post("/phone/", {"token": token}).status_code == 302


def test_a_code_that_no_link_has_is_kept_too_to_be_compared_letter_by_letter(token):
    wrong = ("b" if token[0] == "a" else "a") + token[1:]
    page = Client().post("/phone/", {"token": wrong})
    assert (page.status_code, "No link has this code now" in page.text, f'value="{wrong}"' in page.text) == (404, True, True)


def test_somebody_else_who_is_signed_in_is_told_why_and_uses_up_nothing(erin, browse, scan, token):
    theirs = scan(browse(erin)).post("/phone/", {"token": token})
    assert (theirs.status_code, "somebody else made it" in theirs.text, "signed in here as Erin" in theirs.text) == (403, True, True)
    scanned_first = scan()
    scanned_first.force_login(erin)
    assert scanned_first.get("/phone/").status_code == 403
    scanned_first = scan()
    scanned_first.force_login(erin)
    scanned_first.post("/phone/key/", {"public_key": KEY})
    assert Handover.objects.get().state == "open"


def test_a_used_an_expired_and_an_unknown_link_are_answered_alike(as_alice, alice, scan, token, phone):
    _handover, late = lifecycle.make_handover(alice, now=timezone.now() - LASTS)
    for how in ({}, {"scanned": "yes"}):
        answers = [Client().post("/phone/", {"token": each, **how}) for each in (token, "a" * 26, late)]
        assert {answer.status_code for answer in answers} == {404}
        assert len({re.sub(r'value="[a-z2-7-]{26,}"', "", without_token(answer)) for answer in answers}) == 1


def test_a_name_that_is_taken_is_said_at_its_field_and_stays_typed(as_alice, alice, phone):
    a_device(alice, "My phone")
    page = confirm(as_alice)
    assert ("a device of this name already" in page.text, 'value="My phone"' in page.text) == (True, True)
    assert "is enrolled" in confirm(as_alice, "Another").text


def test_the_same_key_sent_again_waits_as_before(phone):
    assert phone.post("/phone/key/", {"public_key": KEY}, follow=True).text.count("data-waits") == 1


def test_a_key_that_protects_nothing_is_refused_and_the_link_still_works(scan):
    phone = scan()
    page = phone.post("/phone/key/", {"public_key": "A" * 43 + "="})
    assert (page.status_code, "protects nothing" in page.text) == (422, True)
    assert "data-waits" in phone.post("/phone/key/", {"public_key": KEY}, follow=True).text
