"""Turns of asking the provider about a sign-in: who has one, when the next one is, and what an answer that comes too late still does."""

import pytest
from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction

from enrollment import lifecycle
from enrollment.models import AuditEvent, BrowserSession, Grant, IdentityProof
from tests.enrollment.test_signing_out import bound, reaches, sign_in
from tests.factories import later

MINUTE = 60


@pytest.fixture(autouse=True)
def every_five_minutes(settings):
    settings.OIDC_PROBE_SECONDS = 5 * MINUTE


@pytest.fixture
def browser(alice, now):
    """Where alice signed in, and the provider gave a token for asking again."""
    IdentityProof.objects.update(withdrawn_at=now)  # those of the fixtures
    browser = sign_in(alice, at=now)
    lifecycle.keep_refresh_token(browser, "sealed", now=now)
    browser.refresh_from_db()
    return browser


def row(browser):
    return BrowserSession.objects.get(pk=browser.pk)


def due(alice, at):
    return list(BrowserSession.objects.due(at, issuer=alice.issuer))


def test_a_session_is_due_after_the_time_between_two_questions_and_while_it_lasts(alice, browser):
    assert (due(alice, later(299)), due(alice, later(300))) == ([], [browser])
    Session.objects.update(expire_date=later(1000))
    assert (due(alice, later(999)), due(alice, later(1000))) == ([browser], [])


def test_a_turn_without_an_answer_is_followed_by_another_later_each_time(browser):
    waits, at = [], 0
    for _ in range(6):
        assert lifecycle.take_probe(browser, now=later(at))
        waits.append((row(browser).probe_at - later(at)).total_seconds() / MINUTE)
    assert waits == [2, 4, 8, 16, 30, 30]
    lifecycle.stand_by(browser, now=later(at))
    assert (row(browser).probe_at, row(browser).probe_tries) == (later(300), 0)


def test_a_turn_is_taken_once(browser):
    stale = row(browser)
    assert lifecycle.take_probe(browser, now=later(300))
    assert not lifecycle.take_probe(stale, now=later(300))
    assert row(browser).probe_tries == 1


def test_a_refusal_ends_the_session_and_by_policy_the_access_and_revokes_nothing(alice, bob, laptop, pep, browser, now):
    ends, stays = bound(pep, alice, bob, laptop), bound(pep, alice, bob, laptop, "stays", 12, ends_at_logout=False)
    grants = list(Grant.objects.order_by("pk").values())
    assert lifecycle.end_refused(browser, now=later(60))
    assert (reaches(laptop, ends, later(60)), reaches(laptop, stays, later(60))) == (False, True)
    assert not Session.objects.exists()
    assert (list(Grant.objects.order_by("pk").values()), alice.is_active) == (grants, True)
    told = AuditEvent.objects.get(verb="user.signed_out").data
    assert (told["browsers"], told["by"], told["why"]) == ([browser.pk], "the provider", "the provider no longer stands by this sign-in")


def test_a_refusal_that_comes_after_a_new_sign_in_or_a_sign_out_ends_nothing(alice, browser):
    assert lifecycle.take_probe(browser, now=later(300))
    again = sign_in(alice, at=later(301), browser=browser.pk)
    lifecycle.keep_refresh_token(again, "another", now=later(301))
    assert not lifecycle.end_refused(browser, now=later(302))
    lifecycle.keep_rotated(browser, "rotated")
    lifecycle.stand_by(browser, now=later(302))
    after = row(browser)
    assert (after.ended_at, after.sealed_token, after.probe_at, after.probed_at) == (None, "another", later(601), None)
    lifecycle.sign_out(alice, browser.pk, now=later(303))
    assert not lifecycle.end_refused(after, now=later(304))
    assert AuditEvent.objects.filter(verb="user.signed_out").count() == 1


def test_however_a_session_ends_its_token_is_gone_and_the_database_insists(alice, browser):
    lifecycle.disable_user(alice, actor=None, now=later(60))
    assert (row(browser).sealed_token, row(browser).probe_at) == ("", None)
    with pytest.raises(IntegrityError), transaction.atomic():
        BrowserSession.objects.filter(pk=browser.pk).update(sealed_token="sealed")


def test_a_token_is_forgotten_once_its_session_is_over(browser):
    Session.objects.update(expire_date=later(1000))
    lifecycle.forget_refresh_tokens(now=later(999))
    assert row(browser).sealed_token == "sealed"
    lifecycle.forget_refresh_tokens(now=later(1000))
    assert (row(browser).sealed_token, row(browser).ended_at) == ("", None)


def test_a_token_of_a_session_that_only_begins_is_not_forgotten(alice, now):
    browser = lifecycle.sign_in(alice, groups=None, name="Alice", email="", auth_time=now, now=now)
    lifecycle.keep_refresh_token(browser, "sealed", now=now)
    lifecycle.forget_refresh_tokens(now=later(1))
    assert row(browser).sealed_token == "sealed"


def test_all_are_forgotten_where_nobody_is_to_be_asked_any_more(browser, settings):
    settings.OIDC_PROBE_SECONDS = 0
    lifecycle.forget_refresh_tokens(now=later(1))
    assert row(browser).sealed_token == ""
