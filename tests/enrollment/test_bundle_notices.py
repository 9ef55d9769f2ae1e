"""What one form asked for is told by one mail to each who may answer some of it, and named while it waits."""

import re
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.core import mail
from django.utils import timezone

from enrollment import lifecycle, notices
from enrollment.models import Notice, NoticeItem
from tests.factories import HOUR, a_device, a_person, a_policy, a_request, a_resource, later

DAY = 24 * HOUR
HEADS, APPROVERS = "oidc:heads", "oidc:lychgate-approvers"
SOON = timedelta(seconds=1)
MORE = timedelta(minutes=2)
DEAD = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": 9}


@pytest.fixture
def henry(db):
    return a_person("henry", groups=[HEADS])


@pytest.fixture
def wiki(pep, bob):
    return a_resource("wiki", pep=pep, policy=a_policy("slower", time_to_answer=2 * DAY), number=20)


@pytest.fixture
def vault(pep, henry):
    """Bob has no say in it."""
    return a_resource("vault", pep=pep, policy=a_policy("heads", stages=((HEADS, 1),)), number=30)


@pytest.fixture
def resources(fileshare, wiki, vault):
    return [fileshare, wiki, vault]


@pytest.fixture
def bundle(alice, resources, now):
    device = a_device(alice)
    Notice.objects.all().delete()
    return lifecycle.request_bundle(alice, resources=resources, devices=[device], seconds=HOUR, reason="the audit", ticket="OPS-1", now=now)


def mailed(wait=SOON):
    """Who gets what, sent now, by first name."""
    mail.outbox.clear()
    notices.send_due(timezone.now() + wait)
    return sorted((message.to[0].partition("@")[0], message.subject) for message in mail.outbox)


def links():
    return {message.to[0].partition("@")[0]: re.findall(r"accessrequest/(\d+)/change/", message.body) for message in mail.outbox}


def numbers(*requests):
    return [str(each.pk) for each in requests]


def test_each_gets_one_mail_that_names_what_they_may_answer_each_with_its_link(bundle):
    fileshare, wiki, vault = bundle
    assert mailed() == [("bob", "Alice asks for Fileshare, Wiki"), ("henry", "Alice asks for Vault")]
    assert links() == {"bob": numbers(fileshare, wiki), "henry": numbers(vault)}
    [bobs] = [message for message in mail.outbox if message.to == ["bob@example.com"]]
    assert bobs.body == (
        "Alice asks to reach 2 resources by one form, for 1 hour each.\nPlease answer each; those that wait are listed below.\n"
        "Ticket: OPS-1\n\nThe reason given:\n\n> the audit\n\n"
        "Fileshare: please answer before 2026-03-03 at 09:00:00 UTC.\n"
        f"http://localhost:8000/admin/enrollment/accessrequest/{fileshare.pk}/change/\n\n"
        "Wiki: please answer before 2026-03-04 at 09:00:00 UTC.\n"
        f"http://localhost:8000/admin/enrollment/accessrequest/{wiki.pk}/change/\n\n"
        "All that waits for you: http://localhost:8000/admin/enrollment/accessrequest/\n"
    )
    [html] = [content for content, _kind in bobs.alternatives]
    pages = [f"http://localhost:8000/admin/enrollment/accessrequest/{pk}/change/" for pk in numbers(fileshare, wiki)]
    assert re.findall(r'href="([^"]+)"', html) == [*pages, "http://localhost:8000/admin/enrollment/accessrequest/"]


def test_one_resource_alone_is_no_bundle(alice, fileshare, bob, now):
    device = a_device(alice)
    Notice.objects.all().delete()
    [asked] = lifecycle.request_bundle(alice, resources=[fileshare], devices=[device], seconds=HOUR, reason="the audit", now=now)
    assert asked.bundle is None
    assert mailed() == [("bob", "Alice asks for Fileshare")]


def test_what_was_settled_before_the_mail_went_is_not_in_it(bundle, bob, dave, now):
    fileshare, wiki, vault = bundle
    a_person("gina", groups=[APPROVERS])
    lifecycle.cancel_request(fileshare, actor=fileshare.requester, now=now)
    lifecycle.cancel_request(vault, actor=vault.requester, now=now)
    assert mailed() == [("bob", "Alice asks for Wiki")]
    assert links() == {"bob": numbers(wiki)}
    assert not Notice.objects.filter(to="henry@example.com").exists()


def test_a_mail_that_failed_asks_again_only_for_what_still_waits(bundle, henry, now, settings):
    fileshare, wiki, vault = bundle
    good = settings.EMAIL_BACKEND
    for name, value in DEAD.items():
        setattr(settings, name, value)
    assert mailed() == []
    lifecycle.deny(vault, reviewer=henry, comment="no", now=now)
    lifecycle.cancel_request(wiki, actor=wiki.requester, now=now)
    settings.EMAIL_BACKEND = good
    assert [each for each in mailed(timedelta(minutes=5)) if "asks" in each[1]] == [("bob", "Alice asks for Fileshare")]
    [again] = [message.body for message in mail.outbox if "asks" in message.subject]
    assert re.findall(r"accessrequest/(\d+)/change/", again) == numbers(fileshare)


def test_a_mail_about_one_that_failed_is_not_sent_again_once_it_is_answered(request_of_alice, bob, now, settings):
    a_person("gina", groups=[APPROVERS])
    good = settings.EMAIL_BACKEND
    for name, value in DEAD.items():
        setattr(settings, name, value)
    assert mailed() == []
    lifecycle.deny(request_of_alice, reviewer=bob, comment="no", now=now)
    settings.EMAIL_BACKEND = good
    assert [each for each in mailed(timedelta(minutes=5)) if "Alice asks" in each[1]] == []


def test_what_is_due_together_is_reminded_of_together(bundle):
    mailed()
    notices.remind_due(later(DAY // 2))
    assert mailed() == [("bob", "Alice still waits for Fileshare"), ("henry", "Alice still waits for Vault")]
    notices.remind_due(later(DAY))
    assert mailed() == [("bob", "Alice still waits for Wiki")]


def test_several_that_are_due_at_once_are_one_reminder(alice, fileshare, pep, bob, now):
    twin = a_resource("twin", pep=pep, policy=fileshare.policy, number=40)
    asked = lifecycle.request_bundle(alice, resources=[fileshare, twin], devices=[a_device(alice)], seconds=HOUR, reason="it", now=now)
    mailed()
    notices.remind_due(later(DAY // 2))
    assert mailed() == [("bob", "Alice still waits for Fileshare, Twin")]
    assert links() == {"bob": numbers(*asked)}
    notices.remind_due(later(DAY // 2 + 60))
    assert mailed() == []


def test_who_asked_reminds_of_the_one_whose_page_they_are_on(bundle, alice, now):
    mailed()
    lifecycle.remind_approvers(bundle[1], actor=alice, now=later(60))
    assert mailed() == [("bob", "Alice still waits for Wiki")]


def test_what_another_has_answered_within_a_minute_is_told_by_one_mail(bundle, bob, now):
    gina = a_person("gina", groups=[APPROVERS])
    fileshare, wiki, _vault = bundle
    lifecycle.remind_approvers(fileshare, actor=fileshare.requester, now=later(1))
    lifecycle.remind_approvers(wiki, actor=wiki.requester, now=later(1))
    mailed()
    lifecycle.approve(fileshare, reviewer=bob, now=later(2))
    lifecycle.deny(wiki, reviewer=bob, comment="no", now=later(2))
    assert [each for each in mailed() if each[0] == "gina"] == []
    assert mailed(MORE) == [("gina", "Nothing left to answer: Alice, Fileshare, Wiki")]
    assert [line for line in mail.outbox[0].body.splitlines() if "request of" in line] == [
        "The request of Alice for Fileshare was approved by Bob.",
        "The request of Alice for Wiki was denied by Bob.",
    ]
    assert gina.email == mail.outbox[0].to[0]


def test_all_that_one_form_asked_for_is_one_thread_to_those_who_answer(bundle, bob, now):
    mailed()
    notices.remind_due(later(DAY // 2))
    threads = set(Notice.objects.filter(to="bob@example.com").values_list("thread", flat=True))
    assert threads == {f"bundle-{bundle[0].bundle.hex}"}


def test_the_chat_is_told_once_of_a_bundle(alice, resources, settings, now):
    settings.WEBHOOK_URL = "https://chat.example/hook"
    device = a_device(alice)
    lifecycle.request_bundle(alice, resources=resources, devices=[device], seconds=HOUR, reason="the audit", now=now)
    [post] = Notice.objects.filter(is_for_chat=True)
    assert (post.event, post.link) == ("request.waits", "/admin/enrollment/accessrequest/")
    assert post.text == (
        "Alice asks for Fileshare, Wiki, Vault, for 1 hour each. Somebody should answer before 2026-03-03 at 09:00:00 UTC."
    )


def test_two_questions_of_two_forms_are_two_mails(bundle, alice, fileshare, bob, now):
    phone = a_device(alice, "phone")
    a_request(alice, fileshare, [phone], now=now)
    assert [each for each in mailed() if each[0] == "bob"] == [
        ("bob", "Alice asks for Fileshare"),
        ("bob", "Alice asks for Fileshare, Wiki"),
    ]


def test_a_refused_bundle_mails_nobody(alice, fileshare, vault, henry, dave, now):
    device = a_device(alice)
    Notice.objects.all().delete()
    lifecycle.disable_user(henry, actor=dave, now=now)
    with pytest.raises(lifecycle.RefusedBundle):
        lifecycle.request_bundle(alice, resources=[fileshare, vault], devices=[device], seconds=HOUR, reason="it", now=now)
    assert mailed() == []


def test_each_reads_it_in_their_language(bundle, bob, alice, fileshare, wiki, now):
    bob.language = "de"
    bob.save()
    device = a_device(alice, "phone")
    Notice.objects.all().delete()
    lifecycle.request_bundle(alice, resources=[fileshare, wiki], devices=[device], seconds=HOUR, reason="it", now=later(1))
    assert mailed() == [("bob", "Alice fragt Zugang zu Fileshare, Wiki an")]
    assert "Fileshare: bitte antworten Sie bis 2026-03-03" in mail.outbox[0].body
    assert "Die Seite von Fileshare im Portal öffnen" in mail.outbox[0].alternatives[0][0]


def test_mail_that_was_written_before_notices_named_requests_is_told_as_settled_too(request_of_alice, bob, now):
    a_person("gina", groups=[APPROVERS])
    Notice.objects.create(
        person=bob, to=bob.email, event="request.waits", thread=f"request-{request_of_alice.pk}", subject="old", sent_at=now
    )
    NoticeItem.objects.all().delete()
    import_module("enrollment.migrations.0020_say_what_waiting_mail_asks_for").name_requests(apps, None)
    lifecycle.cancel_request(request_of_alice, actor=request_of_alice.requester, now=now)
    assert ("bob", "Nothing left to answer: Alice, Fileshare") in mailed()
