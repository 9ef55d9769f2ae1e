"""Browsers in which people are signed in, and how that ends: here, or by what the identity provider says.

Signing out ends the session of one browser, and its proofs of identity with it: access
under terms that say so ends at once, other access goes on. The provider's word may
overtake the sign-in that it is about, so it is kept until no such sign-in can arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.sessions.models import Session
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from enrollment import audit
from enrollment.lifecycle.outcomes import Refused, refuse_if
from enrollment.lifecycle.reach import devices_of_user, peps_of_user
from enrollment.models import BrowserSession, IdentityProof, LogoutToken, User
from enrollment.sentences import say
from enrollment.signals import nudge

KEPT = timedelta(hours=1)  # a sign-in that takes longer is refused for its age


def browser_of(user: User, known: int | None, sid: str, now: datetime) -> BrowserSession:
    """Return the row of the browser that somebody signs in with: the known one if it is theirs and has not ended.

    Whoever was signed in there before, and is somebody else, no longer is.
    """
    if known is not None:
        here = BrowserSession.objects.filter(pk=known, ended_at=None)
        end(here.exclude(user=user), by="another sign-in", now=now)
        if here.filter(user=user).update(sid=sid[:255]):
            return here.get()
    return BrowserSession.objects.create(user=user, sid=sid[:255], began_at=now)


def insist_on_no_later_logout(subject: str, sid: str, issued_at: datetime) -> None:
    """Refuse a sign-in that the provider has ended while it was under way."""
    later = Q(sid="", subject=subject, issued_at__gte=issued_at)
    named = (later | Q(sid=sid)) if sid else later
    refuse_if(
        LogoutToken.objects.filter(named).exists(),
        say("You were signed out at the identity provider while you signed in here. Sign in again."),
    )


def keep_key(browser: BrowserSession, key: str) -> bool:
    """Remember by which key the browser's session can be ended from elsewhere. False: it has ended meanwhile."""
    return BrowserSession.objects.filter(pk=browser.pk, ended_at=None).update(key=key) == 1


@transaction.atomic
def sign_out(user: User, browser: int | None, *, now: datetime) -> None:
    """Somebody signs out in one browser. Never refused; harmless to repeat."""
    if browser is not None:
        end(BrowserSession.objects.filter(pk=browser, user=user), by="themselves", now=now)


@transaction.atomic
def sign_out_everywhere(user: User, *, now: datetime) -> None:
    """Somebody signs out in every browser in which they, or whoever else, are signed in as them. Never refused; harmless to repeat."""
    end(BrowserSession.objects.filter(user=user), by="themselves", now=now)


@transaction.atomic
def sign_out_by_provider(*, issuer: str, jti: str, subject: str, sid: str, issued_at: datetime, expires_at: datetime, now: datetime) -> int:
    """End what a verified logout token names: one session by `sid`, or all of a `subject`. Returns how many browsers.

    Refused if the token was used before. One that names nobody known is kept all the same.
    """
    forget_at = max(expires_at, now) + KEPT
    try:
        with transaction.atomic():
            LogoutToken.objects.create(jti=jti, subject=subject, sid=sid, issued_at=issued_at, forget_at=forget_at)
    except IntegrityError:
        raise Refused("This logout token was used before.") from None
    owner = Q(user__issuer=issuer)
    if subject:
        owner &= Q(user__subject=subject)
    if sid:
        owner &= Q(sid=sid) | Q(proofs__sid=sid)
    return end(BrowserSession.objects.filter(pk__in=BrowserSession.objects.filter(owner).values("pk")), by="the provider", now=now)


def end_all(user: User, *, now: datetime) -> None:
    """End every session of somebody, and withdraw every proof. Part of the verb that says why."""
    _close(BrowserSession.objects.filter(user=user, ended_at=None), now)
    IdentityProof.objects.filter(user=user, withdrawn_at=None).update(withdrawn_at=now)


def forget_logout_tokens(*, now: datetime) -> None:
    """Let go of tokens that no sign-in can be about any more."""
    LogoutToken.objects.filter(forget_at__lte=now).delete()


def forget_sessions(*, now: datetime) -> None:
    """Let go of Django's own sessions that are over, those too in which somebody only set out to sign in; the log keeps who signed in."""
    Session.objects.filter(expire_date__lte=now).delete()


def end(browsers: QuerySet[BrowserSession], *, by: str, now: datetime, why: str = "") -> int:
    """End those of these browsers that have not ended, and what hangs on them. Part of the verb that says by whom; returns how many."""
    ended = _close(browsers.filter(ended_at=None), now)
    for user in User.objects.filter(pk__in={browser.user_id for browser in ended}).order_by("pk"):
        mine = [browser.pk for browser in ended if browser.user_id == user.pk]
        open_proofs = IdentityProof.objects.filter(browser__in=mine, signed_out_at=None)
        proofs = sorted(open_proofs.values_list("pk", flat=True))
        open_proofs.update(signed_out_at=now)
        data = {"user": user.pk, "proofs": proofs, "browsers": mine, "by": by, **({"why": why} if why else {})}
        audit.append("user.signed_out", actor=user if by == "themselves" else None, subject=user, data=data, now=now)
        nudge(peps_of_user(user), devices=devices_of_user(user))
    return len(ended)


def _close(browsers: QuerySet[BrowserSession], now: datetime) -> Sequence[BrowserSession]:
    """End the sessions of these browsers; the caller's transaction decides whether it stays so."""
    ended = list(browsers.select_for_update(no_key=True).order_by("pk"))
    BrowserSession.objects.filter(pk__in=[browser.pk for browser in ended]).update(ended_at=now, key=None, sealed_token="", probe_at=None)
    Session.objects.filter(pk__in=[browser.key for browser in ended if browser.key]).delete()
    return ended
