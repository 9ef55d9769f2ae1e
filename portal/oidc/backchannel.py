"""Back-channel logout: the provider says, server to server, that a session of somebody has ended.

Every check of https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation; the
token's own word for who and which session counts only once its signature holds. What it
ends it ends at once, and it is believed once.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from allauth.socialaccount.models import SocialApp
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from enrollment import clock, lifecycle
from portal import limits
from portal.oidc.claims import LONGEST, SKEW_SECONDS
from portal.oidc.flow import OIDCFlow, fetch
from portal.oidc.refusal import SignInRefused
from portal.oidc.tokens import verified
from portal.too_many import delayed

EVENT = "http://schemas.openid.net/event/backchannel-logout"
TYPES = {"logout+jwt", "application/logout+jwt", "jwt"}
LONGEST_TOKEN = 16 * 1024
OLDEST_SECONDS = 600  # a provider says it when it happens

logger = logging.getLogger(__name__)


class LogoutRefused(Exception):  # noqa: N818 - an answer, not an error
    """The token is not believed; the sentence is for the provider's log and ours."""


@dataclass(frozen=True, kw_only=True)
class Logout:
    """Whom it is about: a subject, or a session, or both."""

    jti: str
    subject: str
    sid: str
    issued_at: datetime
    expires_at: datetime


@csrf_exempt  # a provider has no cookie of ours: the signature speaks for it
@never_cache
@require_POST
def receive(request: HttpRequest) -> HttpResponse:
    """Answer 200 once what the token names has ended, 400 to a token that is not believed.

    Tokens that are believed are never limited. Who sends others is not listened to for a while: each costs a question to the provider.
    """
    address, at = limits.address_of(request), time.time()
    if limits.is_spent("refusals", address, now=at):
        said = {"error": "temporarily_unavailable", "error_description": "Too many tokens that are not believed came from your address."}
        return delayed(JsonResponse(said, status=429), at)
    try:
        told = judge(*_claims(request), issuer=settings.OIDC_ISSUER, client_id=settings.OIDC_CLIENT_ID, now=clock.of(request))
        ended = lifecycle.sign_out_by_provider(
            issuer=settings.OIDC_ISSUER,
            jti=told.jti,
            subject=told.subject,
            sid=told.sid,
            issued_at=told.issued_at,
            expires_at=told.expires_at,
            now=clock.of(request),
        )
    except (LogoutRefused, lifecycle.Refused) as refused:
        limits.spend("refusals", address, now=at)
        logger.warning("Logout token refused: %s", refused)
        return JsonResponse({"error": "invalid_request", "error_description": str(refused)}, status=400)
    except SignInRefused as refused:  # the provider's own keys cannot be had
        logger.warning("Logout token not judged: %s (%s)", refused.sentence, refused.hint)
        return JsonResponse({"error": "temporarily_unavailable", "error_description": refused.sentence}, status=503)
    logger.info("The provider ended %d session(s) by logout token %s", ended, told.jti)
    return HttpResponse(status=200)


def judge(kind: object, claims: Mapping[str, Any], *, issuer: str, client_id: str, now: datetime) -> Logout:
    """Return what a token says whose signature was verified, `kind` being its header's `typ`. Raises LogoutRefused."""
    _insist(kind is None or (isinstance(kind, str) and kind.lower() in TYPES), "The token is of another type than a logout token's.")
    _insist(claims.get("iss") == issuer, "The token is from another issuer.")
    audience = claims.get("aud")
    _insist(client_id in (audience if isinstance(audience, list) else [audience]), "The token is for another application.")
    events = claims.get("events")
    _insist(
        isinstance(events, dict) and isinstance(events.get(EVENT), dict), "The token is not about a logout: its events say nothing of it."
    )
    _insist("nonce" not in claims, "A logout token has no nonce.")
    issued, expires = _instant(claims, "iat"), _instant(claims, "exp")
    at = now.timestamp()
    _insist(at - OLDEST_SECONDS <= issued <= at + SKEW_SECONDS, "The token was issued too long ago, or by a clock that is ahead.")
    _insist(expires > at - SKEW_SECONDS, "The token has expired.")
    subject, sid, jti = (_text(claims, name) for name in ("sub", "sid", "jti"))
    _insist(bool(jti), "The token has no jti, so it could be replayed.")
    _insist(bool(subject or sid), "The token names neither a subject nor a session.")
    return Logout(jti=jti, subject=subject, sid=sid, issued_at=_moment(issued), expires_at=_moment(expires))


def _claims(request: HttpRequest) -> tuple[object, Mapping[str, Any]]:
    """Return the token's type and its claims, once it is signed by the provider. Nothing is fetched for what is no token of its."""
    token = request.POST.get("logout_token", "")
    _insist(0 < len(token) <= LONGEST_TOKEN, "There is no logout_token, or it is too long.")
    try:
        header = jwt.get_unverified_header(token)
        claimed = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError):
        raise LogoutRefused("The logout_token is not a signed JWT.") from None
    _insist(bool(settings.OIDC_ISSUER) and claimed.get("iss") == settings.OIDC_ISSUER, "The token is from another issuer.")
    try:
        keys = fetch(OIDCFlow(request, "oidc").openid_config["jwks_uri"])
    except SocialApp.DoesNotExist:
        raise LogoutRefused("No identity provider is set up here.") from None
    try:
        return header.get("typ"), verified(token, keys)
    except SignInRefused as refused:
        raise LogoutRefused(f"The token is not signed by the provider ({refused.hint}).") from refused


def _insist(holds: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise LogoutRefused(otherwise)


def _instant(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**37:
        raise LogoutRefused(f"The token's {name} is missing, or no time.")
    return value


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name, "")
    if not isinstance(value, str) or len(value) > LONGEST or not value.isprintable():
        raise LogoutRefused(f"The token's {name} cannot be read.")
    return value


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
