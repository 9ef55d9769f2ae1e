"""Mail: written down with the change, sent by a worker, tried again, and never twice at once."""

from datetime import timedelta

import pytest
from celery import current_app
from django.core import mail
from django.db import transaction
from django.utils import timezone

from enrollment import lifecycle, notices
from enrollment.models import Notice
from enrollment.tasks import mail_due_notices
from tests.factories import a_device, a_person, a_request

BROKEN = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture
def soon():
    """Mail becomes due by the real clock: it is no part of what is decided."""
    return timezone.now() + timedelta(seconds=1)


@pytest.fixture
def dead_mail_server(settings):
    settings.EMAIL_BACKEND = BROKEN
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9


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


def test_a_subject_is_one_short_line(alice, fileshare, bob, soon):
    alice.name = "A" * 140
    alice.save()
    a_request(alice, fileshare, [a_device(alice, "phone")])
    notices.send_due(soon)
    assert [len(subject) for _, subject in sent()] == [notices.LONGEST_SUBJECT]


def test_sent_mail_is_forgotten_after_a_month(request_of_alice, soon):
    notices.send_due(soon)
    notices.send_due(soon + notices.KEPT + timedelta(seconds=1))
    assert not Notice.objects.exists()
