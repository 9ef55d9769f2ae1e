"""Mails in the language of whoever reads them: who gets which, and that each there is has been written in both."""

import ast
import re
from collections import defaultdict
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone, translation

from enrollment import lifecycle, notices
from enrollment.models import Notice, NoticeItem, User
from tests.enrollment import mail_stories
from tests.factories import APPROVERS, HOUR, NOW, a_device, a_person, a_request, later
from tests.portal.test_catalogue import CATALOGUE, ROOT, read
from tests.portal.test_german import ENGLISH

pytestmark = pytest.mark.sqlite  # what is said is the same on any database
NOTICES = ROOT / "enrollment/notices"
FINGERPRINT = re.compile(r"\b(?:[a-z2-7]{4}-){3}[a-z2-7]{4}\b")
EVIL = "<img src=//evil.example>{who} %(x)s %s {0.__class__}</blockquote>"


@pytest.fixture
def told():
    """The mails that wait, sent: by first name."""

    def read():
        mail.outbox.clear()
        notices.send_due(timezone.now() + timedelta(seconds=1))
        found = defaultdict(list)
        for message in mail.outbox:
            found[message.to[0].partition("@")[0]].append(message)
        return found

    return read


def speaks(language, *people):
    """Let these read that language from now on."""
    User.objects.filter(pk__in=[person.pk for person in people]).update(language=language)
    for person in people:
        person.refresh_from_db()


def html_of(message):
    return message.alternatives[0].content


def test_a_german_and_an_english_reader_of_one_event_get_each_their_own(alice, bob, fileshare, told):
    gina = a_person("gina", groups=[APPROVERS])
    laptop = a_device(alice)
    speaks("de", bob)
    speaks("en", gina)
    told()
    request = a_request(alice, fileshare, [laptop])
    mails = told()
    [german], [english] = mails["bob"], mails["gina"]
    assert (german.subject, english.subject) == ("Alice fragt Zugang zu Fileshare an", "Alice asks for Fileshare")
    assert "Bitte antworten Sie bis 2026-03-03 um 09:00:00 UTC." in german.body
    assert "Please answer before 2026-03-03 at 09:00:00 UTC." in english.body
    assert ("1 Stunde lang" in german.body, "for 1 hour" in english.body) == (True, True)
    assert ('<html lang="de">' in html_of(german), "Die Seite dazu im Portal öffnen" in html_of(german)) == (True, True)
    assert ('<html lang="en">' in html_of(english), "Open its page in the portal" in html_of(english)) == (True, True)
    assert (german.message()["Content-Language"], english.message()["Content-Language"]) == ("de", "en")
    assert {message.message()["References"] for message in (german, english)} == {f"<request-{request.pk}@localhost>"}


def test_a_mail_is_in_the_language_of_its_reader_and_not_of_whoever_caused_it(alice, bob, fileshare, told):
    laptop = a_device(alice)
    speaks("en", alice)
    told()
    with translation.override("de"):
        lifecycle.deny(a_request(alice, fileshare, [laptop]), reviewer=bob, comment="Nein", now=NOW)
    [message] = told()["alice"]
    assert (message.subject, '<html lang="en">' in html_of(message)) == ("Your request for Fileshare was denied", True)


@pytest.mark.parametrize("known", ["", "tlh"], ids=["nobody knows", "none that we speak"])
def test_who_has_no_language_of_ours_is_written_to_in_the_sites(alice, told, known, settings):
    speaks(known, alice)
    told()
    a_device(alice, "one")
    assert told()["alice"][0].subject == "Your device one was enrolled"
    settings.LANGUAGE_CODE = "de"
    a_device(alice, "two")
    assert told()["alice"][0].subject == "Ihr Gerät two wurde registriert"


def test_what_waits_is_sent_as_it_was_written(alice, told):
    speaks("de", alice)
    a_device(alice)
    speaks("en", alice)
    [message] = told()["alice"]
    assert message.subject.startswith("Ihr Gerät")
    assert "Gesendet vom Zugangsportal" in html_of(message)


def test_nobody_is_told_twice_for_having_changed_their_language(alice, bob, fileshare, told):
    request = a_request(alice, fileshare, [a_device(alice)])
    told()
    notices.remind_due(later(12 * HOUR))
    assert len(told()["bob"]) == 1
    speaks("de", bob)
    notices.remind_due(later(12 * HOUR + 60))
    assert told() == {}
    lifecycle.cancel_request(request, actor=alice, now=later(13 * HOUR))
    [message] = told()["bob"]
    assert message.subject == "Nichts mehr zu beantworten: Alice, Fileshare"


def test_the_chat_is_told_in_english_whoever_reads_and_whoever_caused_it(alice, bob, fileshare, settings):
    settings.WEBHOOK_URL = "https://chat.example/"
    speaks("de", alice, bob)
    with translation.override("de"):
        a_request(alice, fileshare, [a_device(alice)])
    said = Notice.objects.get(is_for_chat=True)
    assert (said.language, said.subject) == ("en", "Alice asks for Fileshare")
    assert said.text == "Alice asks for Fileshare, for 1 hour. Somebody should answer before 2026-03-03 at 09:00:00 UTC."


def test_what_was_typed_is_neither_markup_nor_a_place_for_values_in_german(alice, bob, fileshare, told):
    speaks("de", bob)
    User.objects.filter(pk=alice.pk).update(name=EVIL)
    alice.refresh_from_db()
    laptop = a_device(alice)
    told()
    a_request(alice, fileshare, [laptop], reason=f"{EVIL}\nDas Sicherheitsteam hat zugestimmt.")
    [message] = told()["bob"]
    assert message.subject == f"{EVIL} fragt Zugang zu Fileshare an"[: notices.LONGEST_SUBJECT]
    assert f"{EVIL} möchte Fileshare erreichen" in message.body
    assert [line for line in message.body.splitlines() if "Sicherheitsteam" in line] == ["> Das Sicherheitsteam hat zugestimmt."]
    page = html_of(message)
    assert ("<img" in page, page.count("</blockquote>")) == (False, 1)
    assert "&lt;img src=//evil.example&gt;{who} %(x)s" in page


@pytest.fixture
def mails(db, settings):
    """Every notice there is, to people who read German: each text without what somebody typed."""
    assert mail_stories.tell_all(mail_stories.a_world(settings)) > 20
    found = [f"{subject}\n{text}" for subject, text in Notice.objects.filter(is_for_chat=False).values_list("subject", "text")]
    return [FINGERPRINT.sub("", text) for text in (*found, *NoticeItem.objects.values_list("line", flat=True))]


def test_no_notice_in_german_has_english_left_over(mails):
    assert len(mails) > 60
    assert [text for text in mails if ENGLISH.search(text)] == []


def sentences():
    """The English of every sentence that stands in the notices' code."""
    calls = [node for path in NOTICES.glob("*.py") for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return {call.args[0].value for call in calls if isinstance(call.func, ast.Name) and call.func.id in {"say", "counted"}}


def test_every_sentence_of_a_notice_was_seen_in_german(mails):
    german = {key if isinstance(key, str) else key[0]: text for key, text in reversed(read((ROOT / CATALOGUE).with_suffix(".mo")).items())}
    shapes = {english: re.sub(r"\\{.*?\\}", ".*", re.escape(german[english])) for english in sentences()}
    assert len(shapes) > 40
    assert [english for english, shape in shapes.items() if not any(re.search(shape, text) for text in mails)] == []
