"""Asking the identity provider again whether it stands by a sign-in, with the refresh token that it gave for that.

One turn is one question: it is taken by a conditional UPDATE, so no token is sent twice at once,
which providers that rotate them hold for theft (RFC 9700, 4.14). A turn that brings no answer ends
by itself, later each time. Only the provider's own refusal ends anything.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from enrollment import audit, notices
from enrollment.lifecycle import sessions
from enrollment.models import AuditEvent, BrowserSession
from enrollment.sentences import joined, say

FIRST_RETRY = timedelta(minutes=2)  # longer than the slowest answer takes, so that no token is on its way still
LONGEST_RETRY = timedelta(minutes=30)
QUIET = timedelta(hours=1)
REFUSED = say("the provider no longer stands by this sign-in")


def keep_refresh_token(browser: BrowserSession, sealed: str, *, now: datetime) -> None:
    """Keep what a sign-in brought. Part of signing in; one that brings none leaves the earlier one of that browser."""
    at = now + timedelta(seconds=settings.OIDC_PROBE_SECONDS)
    BrowserSession.objects.filter(pk=browser.pk, ended_at=None).update(sealed_token=sealed, probe_at=at, probed_at=None, probe_tries=0)


def take_probe(browser: BrowserSession, *, now: datetime) -> bool:
    """Take the turn to ask about a browser. False: somebody else has it, or it is another browser's token by now."""
    wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(browser.probe_tries, 8))
    taken = {"probe_at": now + wait, "probe_tries": browser.probe_tries + 1}
    mine = _turn(browser).update(**taken) == 1
    if mine:
        browser.probe_at, browser.probe_tries = taken["probe_at"], taken["probe_tries"]
    return mine


def keep_rotated(browser: BrowserSession, sealed: str) -> None:
    """Keep the token that is good from now on, before anything else is done with the answer that brought it.

    A crash before this loses it: the next turn sends one that was used, the provider refuses, and the
    session ends. That is less than was due, never more.
    """
    if _turn(browser).update(sealed_token=sealed) == 1:
        browser.sealed_token = sealed


def stand_by(browser: BrowserSession, *, now: datetime) -> None:
    """Note that the provider stands by the sign-in. That proves nothing anew: how old the proof is stays as it was."""
    _turn(browser).update(probe_at=now + timedelta(seconds=settings.OIDC_PROBE_SECONDS), probed_at=now, probe_tries=0)


@transaction.atomic
def end_refused(browser: BrowserSession, *, now: datetime) -> bool:
    """End the session that the provider refuses, and by policy the access that hangs on it. Nothing else.

    It says the same of a token that merely ran out, so nobody has left for good. Not if the person signed in anew meanwhile.
    """
    return sessions.end(_turn(browser), by="the provider", why=REFUSED, now=now) == 1


@transaction.atomic
def report_mistaken(browser: BrowserSession, reason: str, *, now: datetime) -> None:
    """Write down that the provider's answer was about something else than was asked, and mail admins, once an hour."""
    user = browser.user
    told = AuditEvent.objects.filter(verb="user.mistaken", at__gt=now - QUIET, at__lte=now).exists()
    if not told:
        text = (
            say("Asked whether {user} is still signed in, the identity provider gave an answer that is not about them:", user=user),
            reason,
            say("Nothing was cut off, and nothing is known of that session until it answers as it should. Look at the provider."),
            say("The audit log has every such case; there is one mail an hour at most."),
        )
        subject = say("ALARM: the identity provider mistakes one for another")
        notices.tell_admins(subject, joined(text, "\n"), path="/admin/enrollment/auditevent/?verb=user.mistaken")
    data = {"user": user.pk, "browser": browser.pk, "why": reason}
    audit.append("user.mistaken", actor=None, subject=user, data=data, now=now)


def drop_token(browser: BrowserSession) -> None:
    """Let go of a token that nobody here can open any more; the session stays, and is not asked about again."""
    _turn(browser).update(sealed_token="", probe_at=None)


def forget_refresh_tokens(*, now: datetime) -> None:
    """Let go of tokens whose session is over, and of all where nobody is to be asked any more."""
    kept = BrowserSession.objects.exclude(sealed_token="")
    if settings.OIDC_PROBE_SECONDS:  # only what is due: the key of a session is written down a moment after its token
        kept = kept.filter(probe_at__lte=now).exclude(pk__in=BrowserSession.objects.in_use(now).values("pk"))
    kept.update(sealed_token="", probe_at=None)


def _turn(browser: BrowserSession) -> QuerySet[BrowserSession]:
    """Find the row as it is in hand: with another turn or another token, it is another question."""
    as_it_was = Q(probe_at=browser.probe_at, sealed_token=browser.sealed_token)
    return BrowserSession.objects.filter(as_it_was, pk=browser.pk, ended_at=None).exclude(sealed_token="")
