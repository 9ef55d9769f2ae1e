"""The language of a person: noted at the first sign-in, chosen below a page, and the same in every browser from then on."""

import pytest
from django.conf import settings
from django.urls import reverse

from enrollment import lifecycle
from enrollment.models import AuditEvent, User
from tests.factories import NOW
from tests.portal.conftest import PORTAL, Browser
from tests.portal.scim import replace

COOKIE = settings.LANGUAGE_COOKIE_NAME


def a_browser(asks_for):
    browser = Browser()
    browser.portal.defaults["HTTP_ACCEPT_LANGUAGE"] = asks_for
    return browser


def known(user):
    user.refresh_from_db()
    return user.language, user.chose_language


def choose(client, language):
    return client.post("/language/", {"language": language, "next": "/"})


@pytest.mark.parametrize(
    ("asks_for", "language"),
    [("de-AT,de;q=0.9,en;q=0.5", "de"), ("en-GB", "en"), ("fr", "en"), ("", "en"), (",;" * 2000, "en")],
    ids=["Austrian", "English", "French", "nothing", "much"],
)
def test_at_the_first_sign_in_it_is_what_the_browser_asks_for(demo_portal, asks_for, language):
    a_browser(asks_for).sign_in("alice")
    assert known(User.objects.get()) == (language, False)


def test_a_language_that_nobody_chose_stays_and_changes_no_other_browser(demo_portal):
    a_browser("de").sign_in("alice")
    other = a_browser("en")
    page = other.sign_in("alice")
    assert known(User.objects.get()) == ("de", False)
    assert ('<html lang="en"' in page.text, COOKIE in other.portal.cookies) == (True, False)


def test_a_language_that_was_chosen_is_there_in_every_browser_after_signing_in(demo_portal):
    page = a_browser("en").sign_in("alice")
    assert 'lang="en"' in page.text
    alice = User.objects.get()
    User.objects.update(language="de", chose_language=True)
    other = a_browser("en")
    page = other.sign_in("alice")
    assert ('<html lang="de"' in page.text, known(alice)) == (True, ("de", True))
    assert 'lang="de"' in other.get(f"{PORTAL}{reverse('signed_out')}").text


def test_the_cookie_is_the_same_one_whoever_sets_it(demo_portal, client):
    client.post("/language/", {"language": "de"}, headers={"host": "localhost:8000"})
    a_browser("en").sign_in("alice")
    User.objects.update(language="de", chose_language=True)
    browser = a_browser("en")
    browser.sign_in("alice")
    ours, djangos = browser.portal.cookies[COOKIE], client.cookies[COOKIE]
    assert {**ours, "expires": ""} == {**djangos, "expires": ""}


def test_choosing_while_signed_in_is_kept_with_the_person_and_with_nobody_else(client, alice, erin):
    client.force_login(alice)
    assert choose(client, "de").status_code == 302
    assert (known(alice), known(erin)) == (("de", True), ("", False))
    choose(client, "en")
    assert known(alice) == ("en", True)


def test_a_language_of_some_country_is_ours(client, alice):
    client.force_login(alice)
    choose(client, "de-AT-aaaaaaaa")
    assert known(alice) == ("de", True)


@pytest.mark.parametrize("sent", ["tlh", "", "../../etc", "de'--", "d" * 300])
def test_a_language_that_the_portal_does_not_speak_is_not_kept(client, alice, sent):
    client.force_login(alice)
    assert choose(client, sent).status_code == 302
    assert (known(alice), COOKIE in client.cookies) == (("", False), False)


def test_whoever_is_not_signed_in_chooses_for_their_browser_alone(client, alice):
    assert choose(client, "de").status_code == 302
    assert (client.cookies[COOKIE].value, known(alice)) == ("de", ("", False))


def test_whoever_was_cut_off_chooses_for_their_browser_alone(client, alice, dave):
    client.force_login(alice)
    lifecycle.disable_user(alice, actor=dave, now=NOW)
    assert choose(client, "de").status_code == 302
    assert known(alice) == ("", False)


@pytest.mark.parametrize(("sent", "language"), [("de-CH", "de"), ("fr, de;q=0.8, en;q=0.7", "de"), ("en", "en"), ("fr", ""), ("%", "")])
def test_the_directory_says_what_somebody_reads_until_they_choose(directory, sent, language):
    made = directory.tell_of("kim", preferredLanguage=sent)
    kim = User.objects.get(subject="kim-subject")
    assert (known(kim), directory.get(f"Users/{made}").body.get("preferredLanguage", "")) == ((language, False), language)
    directory.patch(f"Users/{made}", replace("preferredLanguage", "de"))
    assert known(kim) == ("de", False)
    User.objects.update(language="en", chose_language=True)
    directory.patch(f"Users/{made}", replace("preferredLanguage", "de"))
    directory.put(f"Users/{made}", userName="kim@corp.example", externalId="kim-subject", preferredLanguage="de", displayName="Kim")
    assert known(kim) == ("en", True)
    told = AuditEvent.objects.filter(verb="user.described").order_by("seq")
    assert [event.data["changed"] for event in told] == [["language"]] * (language != "de") + [["name"]]


def test_a_language_that_is_no_text_is_refused_and_a_deactivation_beside_it_stands(directory, alice):
    made = directory.tell_of("alice")
    answer = directory.put(f"Users/{made}", userName="alice@corp.example", active=False, preferredLanguage=["de"])
    alice.refresh_from_db()
    assert (answer.status_code, alice.is_active) == (400, False)
