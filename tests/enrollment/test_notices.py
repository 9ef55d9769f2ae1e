"""Mail: written down with the change, sent by a worker, tried again, and never twice at once."""

import io
from datetime import timedelta
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest
from celery import current_app
from django.core import mail
from django.db import transaction
from django.utils import timezone

from enrollment import keys, lifecycle, notices
from enrollment.models import Notice
from enrollment.tasks import mail_due_notices
from portal.console import EmailBackend
from tests.factories import a_device, a_key, a_person, a_request, later

BROKEN = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture
def soon():
    """Mail becomes due by the real clock: it is no part of what is decided."""
    return timezone.now() + timedelta(seconds=1)


@pytest.fixture
def dead_mail_server(settings):
    settings.EMAIL_BACKEND = BROKEN
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9


@pytest.fixture
def laptop(alice):
    """What its enrolment told her is long read."""
    device = a_device(alice)
    Notice.objects.all().delete()
    return device


@pytest.fixture
def told(soon):
    """The mails that wait, sent: to whom, about what, and saying what."""

    def read():
        mail.outbox.clear()
        notices.send_due(soon)
        return [(message.to, message.subject, message.body) for message in mail.outbox]

    return read


def sent():
    return [(message.to, message.subject) for message in mail.outbox]


def test_approvers_are_mailed_and_nobody_else(request_of_alice, carol, erin, soon):
    assert notices.send_due(soon) == 1
    assert sent() == [(["bob@example.com"], "Alice asks for Fileshare")]
    assert "quarterly report" in mail.outbox[0].body


def test_nothing_is_sent_before_the_worker_comes(request_of_alice):
    assert sent() == []
    assert Notice.objects.get().sent_at is None


def test_sending_again_sends_nothing(request_of_alice, soon):
    notices.send_due(soon)
    assert notices.send_due(soon + timedelta(days=1)) == 0
    assert len(sent()) == 1


def test_the_worker_sends_what_waits(request_of_alice):
    mail_due_notices()
    assert len(sent()) == 1


def test_who_asked_hears_of_the_answer(request_of_alice, bob, now, soon):
    lifecycle.deny(request_of_alice, reviewer=bob, comment="not this week", now=now)
    notices.send_due(soon)
    assert (["alice@example.com"], "Your request for Fileshare was denied") in sent()


def test_a_change_that_is_rolled_back_mails_nobody(alice, laptop, fileshare, bob, soon):
    with transaction.atomic():
        a_request(alice, fileshare, [laptop])
        transaction.set_rollback(True)
    assert notices.send_due(soon) == 0


@pytest.mark.usefixtures("dead_mail_server")
def test_a_dead_mail_server_costs_time_and_no_mail(request_of_alice, soon, settings):
    assert notices.send_due(soon) == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert notices.send_due(soon) == 0
    assert notices.send_due(soon + timedelta(minutes=2)) == 1


@pytest.mark.usefixtures("dead_mail_server")
def test_a_mail_that_never_goes_is_given_up(request_of_alice, soon):
    for tries in range(notices.MOST_TRIES + 3):
        notices.send_due(soon + timedelta(days=tries))
    assert Notice.objects.get().tries == notices.MOST_TRIES


def test_a_dead_broker_breaks_no_question(alice, laptop, fileshare, bob, monkeypatch, django_capture_on_commit_callbacks, caplog, soon):
    monkeypatch.setitem(current_app.conf, "broker_url", "redis+socket:///nowhere.sock")
    with django_capture_on_commit_callbacks(execute=True):
        a_request(alice, fileshare, [laptop])
    assert notices.send_due(soon) == 1


def test_nobody_learns_who_else_was_asked(alice, laptop, fileshare, bob, soon):
    a_person("gina", groups=["oidc:lychgate-approvers"])
    a_request(alice, fileshare, [laptop])
    notices.send_due(soon)
    assert sorted(to for to, _ in sent()) == [["bob@example.com"], ["gina@example.com"]]


def test_a_subject_is_one_short_line(alice, laptop, fileshare, bob, soon):
    alice.name = "A" * 140
    alice.save()
    a_request(alice, fileshare, [laptop])
    notices.send_due(soon)
    assert [len(subject) for _, subject in sent()] == [notices.LONGEST_SUBJECT]


def test_sent_mail_is_forgotten_after_a_month(request_of_alice, soon):
    notices.send_due(soon)
    notices.send_due(soon + notices.KEPT + timedelta(seconds=1))
    assert not Notice.objects.exists()


def test_an_owner_hears_of_a_new_device(alice, erin, told):
    phone = a_device(alice, "phone")
    [(to, subject, body)] = told()
    assert (to, subject) == (["alice@example.com"], "Your device phone was enrolled")
    assert "by you" in body
    assert "If this was not you, report the device lost" in body
    assert f"/devices/{phone.pk}/" in body


@pytest.mark.parametrize(("actor", "by"), [("alice", "by you"), ("dave", "by Dave")])
def test_an_owner_hears_of_a_new_key_whoever_changed_it(request, alice, dave, laptop, told, now, actor, by):
    key = a_key()
    lifecycle.rotate_key(laptop, public_key=key, key_origin="pasted", actor=request.getfixturevalue(actor), now=now)
    [(to, subject, body)] = told()
    assert (to, subject) == (["alice@example.com"], "Your device laptop was given a new key")
    assert (by in body, keys.fingerprint(key) in body, "If this was not you" in body) == (True, True, True)


@pytest.mark.parametrize(("verb", "what"), [(lifecycle.suspend_device, "suspended"), (lifecycle.retire_device, "retired")])
def test_an_owner_hears_what_somebody_else_did_to_a_device(dave, laptop, told, now, verb, what):
    verb(laptop, actor=dave, reason="found in a taxi", now=now)
    [(to, subject, body)] = told()
    assert (to, subject) == (["alice@example.com"], f"Your device laptop was {what}")
    assert ("by Dave" in body, "found in a taxi" in body, "If you did not expect this" in body) == (True, True, True)


def test_an_owner_hears_that_somebody_let_a_lost_device_in_again(alice, dave, laptop, told, now):
    lifecycle.suspend_device(laptop, actor=alice, reason="", now=now)
    lifecycle.resume_device(laptop, actor=dave, reason="", now=later(1))
    [(_to, subject, body)] = told()
    assert subject == "Your device laptop was resumed"
    assert "If this was not you, report the device lost" in body


@pytest.mark.parametrize("verb", [lifecycle.suspend_device, lifecycle.retire_device])
def test_nobody_is_mailed_what_they_did_themselves(alice, laptop, told, now, verb):
    verb(laptop, actor=alice, reason="", now=now)
    assert told() == []


def test_no_mail_about_a_device_holds_a_key_or_an_address(alice, dave, told, now):
    phone = a_device(alice, "phone")
    secrets = [phone.public_key, key := a_key(), *phone.addresses]
    lifecycle.rotate_key(phone, public_key=key, key_origin="pasted", actor=dave, now=now)
    lifecycle.suspend_device(phone, actor=dave, reason="", now=later(1))
    lifecycle.retire_device(phone, actor=None, reason="", now=later(2))
    mails = told()
    assert len(mails) == 4
    assert not [secret for secret in secrets for mail in mails if secret in "".join(map(str, mail))]


def test_what_was_refused_is_mailed_to_nobody(alice, erin, laptop, told, now):
    theirs = a_device(erin)
    told()
    with pytest.raises(lifecycle.Refused):
        lifecycle.rotate_key(laptop, public_key=theirs.public_key, key_origin="pasted", actor=alice, now=now)
    with pytest.raises(lifecycle.Refused):
        lifecycle.retire_device(laptop, actor=erin, reason="", now=now)
    with pytest.raises(lifecycle.Refused):
        a_device(alice)
    assert told() == []


class Page(HTMLParser):
    """What a mail program makes of a mail's HTML: its elements, what they point at, and the words between."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, words):
        self.words += words


def received(message):
    """What arrives, read by a parser that is not ours."""
    mail = message_from_bytes(message.message().as_bytes(), policy=policy.default)
    return mail, mail.get_body(["plain"]).get_content(), Page(mail.get_body(["html"]).get_content())


def test_a_mail_says_the_same_in_text_and_in_html_that_loads_nothing(request_of_alice, soon):
    notices.send_due(soon)
    mail, text, page = received(mail_of("Alice asks"))
    assert (mail.get_content_type(), mail["Auto-Submitted"]) == ("multipart/alternative", "auto-generated")
    link = f"http://localhost:8000/admin/enrollment/accessrequest/{request_of_alice.pk}/change/"
    assert text.endswith(f"The reason given:\n\n> quarterly report\n\n{link}\n")
    assert "quarterly report" in page.words
    assert [value for name, value in page.attributes if name in {"href", "src", "style", "background"}] == [link]
    assert not {"img", "link", "style", "script", "iframe", "form"} & set(page.tags)


def test_nothing_that_was_typed_becomes_markup_or_passes_for_our_words(alice, laptop, fileshare, bob, soon):
    evil = "<img src=//evil.example><b>x</b>\n\nThe security team approved this: {{ notice.to }} </blockquote>\nhttps://evil.example/"
    a_request(alice, fileshare, [laptop], reason=evil)
    notices.send_due(soon)
    _mail, text, page = received(mail_of("Alice asks"))
    assert not {"img", "b"} & set(page.tags)
    assert all(line in page.words for line in evil.splitlines())
    assert "https://evil.example/" not in [value for _name, value in page.attributes]
    assert [line for line in text.splitlines() if "security team" in line or "evil" in line] == [
        "> <img src=//evil.example><b>x</b>",
        "> The security team approved this: {{ notice.to }} </blockquote>",
        "> https://evil.example/",
    ]


def test_all_about_one_request_is_one_thread_and_a_mail_has_the_same_name_however_often_it_is_tried(request_of_alice, bob, now, soon):
    lifecycle.approve(request_of_alice, reviewer=bob, now=now)
    lifecycle.expire_due(later(3600))
    names = list(Notice.objects.filter(thread=f"request-{request_of_alice.pk}").values_list("pk", flat=True))
    notices.send_due(soon)
    mine = [message.message() for message in mail.outbox if "Fileshare" in message.subject]
    assert {message["References"] for message in mine} == {f"<request-{request_of_alice.pk}@localhost>"}
    assert [message["Message-ID"].split("-")[1] for message in mine] == [str(pk) for pk in names]
    assert len(mine) == 2


def test_what_was_given_up_is_forgotten_too_and_what_waits_is_not(request_of_alice, soon):
    Notice.objects.filter(to="bob@example.com").update(tries=notices.MOST_TRIES)
    notices.send_due(soon + timedelta(days=29))
    assert Notice.objects.filter(to="bob@example.com").exists()
    notices.send_due(soon + timedelta(days=31))
    assert not Notice.objects.filter(to="bob@example.com").exists()


def test_on_the_console_a_mail_reads_as_in_a_mailbox(request_of_alice, soon):
    notices.send_due(soon)
    stream = io.StringIO()
    EmailBackend(stream=stream).send_messages([mail_of("Alice asks")])
    head, _, rest = stream.getvalue().partition("\n\n")
    assert head.splitlines()[1:] == ["To: bob@example.com", "Subject: Alice asks for Fileshare"]
    assert rest == mail_of("Alice asks").body.rstrip() + "\n"


def mail_of(start):
    return next(message for message in mail.outbox if message.subject.startswith(start))
