"""A round over the sessions that the provider is to be asked about, one question at a time.

It ends early where the provider does not answer: the next question would only wait as long.
What was not asked stays due, and what brought no answer is due again later.
"""

import logging
import time
from typing import Any

from django.conf import settings

from enrollment import clock, lifecycle
from enrollment.models import BrowserSession
from portal.oidc.claims import Expected, insist_on_same_person
from portal.oidc.flow import configuration, fetch
from portal.oidc.probe import Answer, Verdict, ask
from portal.oidc.refusal import SignInRefused
from portal.oidc.sealed import seal, unseal
from portal.oidc.tokens import verified

BATCH = 1000
LONGEST_SECONDS = 120  # the next round goes on
MOST_SILENT = 3  # one session may be what the provider chokes on

logger = logging.getLogger(__name__)


def make_round() -> None:
    """Ask about each session that is due. Safe at any time, and beside another round."""
    try:
        found = configuration() if settings.OIDC_PROBE_SECONDS else None
    except SignInRefused as refused:
        logger.warning("Sessions are not checked: %s (%s)", refused.sentence, refused.hint)
        return
    if found is None:
        return
    silent, until = 0, time.monotonic() + LONGEST_SECONDS
    due = BrowserSession.objects.due(clock.now(), issuer=settings.OIDC_ISSUER).select_related("user")
    for browser in due[:BATCH]:
        silent += not _probe(browser, found)
        if silent >= MOST_SILENT or time.monotonic() > until:
            break


def _probe(browser: BrowserSession, found: dict[str, Any]) -> bool:
    """Ask about one. False: the provider was asked, and did not say."""
    token = unseal(browser.sealed_token)
    if token is None:
        lifecycle.drop_token(browser)
        logger.warning("Session %d is no longer checked: its refresh token was sealed with another LYCHGATE_SECRET_KEY.", browser.pk)
        return True
    if not lifecycle.take_probe(browser, now=clock.now()):
        return True
    try:
        return _settle(browser, ask(token, found), found)
    except Exception:  # an error of ours must neither end a session nor hold back the others
        logger.exception("Session %d could not be checked; it goes on, and is asked about again.", browser.pk)
        return False


def _settle(browser: BrowserSession, answer: Answer, found: dict[str, Any]) -> bool:
    if answer.verdict is Verdict.REFUSES:
        if lifecycle.end_refused(browser, now=clock.now()):
            logger.info("The provider no longer stands by session %d: it has ended.", browser.pk)
        return True
    if answer.verdict is Verdict.SILENT:
        level = logging.ERROR if answer.is_ours else logging.WARNING
        logger.log(level, "The provider did not say whether it stands by session %d, which goes on: %s", browser.pk, answer.hint)
        return False
    if answer.refresh_token:
        lifecycle.keep_rotated(browser, seal(answer.refresh_token))
    stands = answer.id_token is None or _names_the_same(browser, answer.id_token, found)
    if stands:
        lifecycle.stand_by(browser, now=clock.now())
    return stands


def _names_the_same(browser: BrowserSession, id_token: object, found: dict[str, Any]) -> bool:
    """Tell whether an id_token that came along is about whom we asked. If not, nothing ends, and admins hear of it."""
    try:
        keys = fetch(found["jwks_uri"])
    except SignInRefused as refused:
        logger.warning("The provider's keys cannot be had, session %d goes on: %s", browser.pk, refused.hint)
        return False
    try:
        expected = Expected(issuer=settings.OIDC_ISSUER, client_id=settings.OIDC_CLIENT_ID, nonce="")
        insist_on_same_person(verified(id_token, keys), expected, browser.user.subject)
    except SignInRefused as refused:
        logger.warning("ALARM: asked about session %d: %s (%s)", browser.pk, refused.sentence, refused.hint)
        lifecycle.report_mistaken(browser, refused.sentence, now=clock.now())
        return False
    return True
