"""What an identity provider must have said before we believe who somebody is.

Nothing here touches the network, the database or the clock. `identify` takes claims whose
signature was already verified and returns an Identity, or refuses with a sentence. A claim
that is missing or of another type than the standard's is a refusal, never a default.

https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from enrollment.sentences import say
from portal.oidc.refusal import SignInRefused

SKEW_SECONDS = 120  # clocks of two organisations
FRESH_SECONDS = 600  # an id_token is made while we wait for it
MOST_GROUPS = 500
LONGEST_GROUP = 150
LONGEST = 255

Claims = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What this sign-in was started with."""

    issuer: str
    client_id: str
    nonce: str
    groups_claim: str = "groups"
    max_age: int | None = None
    asked_at: float | None = None  # since when a proof counts, where the person was to give a new one
    sends_auth_time: bool = True


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who signed in. `groups` is None where the provider says nothing about groups."""

    issuer: str
    subject: str
    name: str
    email: str
    groups: tuple[str, ...] | None
    auth_time: datetime | None
    acr: str
    amr: tuple[str, ...]
    sid: str
    issued_at: datetime


def identify(id_token: Claims, userinfo: Claims | None, expected: Expected, *, now: datetime) -> Identity:
    """Return who this is, or raise SignInRefused."""
    _check_parties(id_token, expected)
    _check_nonce(id_token, expected)
    _check_times(id_token, now)
    subject = _subject(id_token, userinfo)
    said = {**id_token, **(userinfo or {})}
    return Identity(
        issuer=expected.issuer,
        subject=subject,
        name=_printable(said.get("name") or said.get("preferred_username"), 150),
        email=_email(said.get("email")),
        groups=_groups(said, expected.groups_claim),
        auth_time=_auth_time(id_token, expected, now),
        acr=_printable(id_token.get("acr"), LONGEST),
        amr=_amr(id_token.get("amr")),
        sid=_printable(id_token.get("sid"), LONGEST),
        issued_at=datetime.fromtimestamp(_instant(id_token, "iat"), UTC),
    )


def insist_on_same_person(id_token: Claims, expected: Expected, subject: str) -> None:
    """Hold the id_token that a refresh brings against the sign-in's: the same provider, for us, about the same person.

    It says nothing else that we believe, and no nonce: 12.2 of the standard.
    """
    _check_parties(id_token, expected)
    if _subject(id_token, None) != subject:
        raise SignInRefused(say("The identity provider answered about another person than the one who signed in."), hint="sub is another")


def is_mfa(identity: Identity, *, acr: Collection[str], amr: Collection[str]) -> bool:
    """Return whether the provider said that more than one factor was shown, in a word that the settings name (RFC 8176)."""
    return identity.acr in acr or not set(amr).isdisjoint(identity.amr)


def _check_parties(token: Claims, expected: Expected) -> None:
    if token.get("iss") != expected.issuer:
        raise SignInRefused(
            say("The answer came from another identity provider than the one this portal trusts."), hint=f"iss {token.get('iss')!r}"
        )
    audience = token.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if expected.client_id not in audiences:
        raise SignInRefused(say("The identity provider's answer is meant for another application."), hint=f"aud {audience!r}")
    # With several audiences, azp says which of them may use the token.
    if token.get("azp", expected.client_id if len(audiences) == 1 else None) != expected.client_id:
        raise SignInRefused(say("The identity provider's answer was issued to another application."), hint=f"azp {token.get('azp')!r}")


def _check_nonce(token: Claims, expected: Expected) -> None:
    nonce = token.get("nonce")
    if not expected.nonce or not isinstance(nonce, str) or not compare_digest(nonce.encode(), expected.nonce.encode()):
        raise SignInRefused(say("The identity provider's answer does not belong to this sign-in."), hint="nonce missing or different")


def _check_times(token: Claims, now: datetime) -> None:
    at = now.timestamp()
    if _instant(token, "exp") <= at - SKEW_SECONDS:
        raise SignInRefused(say("The identity provider's answer has expired."), hint=f"exp {token['exp']}, now {at:.0f}")
    if not at - FRESH_SECONDS <= _instant(token, "iat") <= at + SKEW_SECONDS:
        raise SignInRefused(
            say("The identity provider's clock and this portal's differ too much, or its answer is old."),
            hint=f"iat {token['iat']}, now {at:.0f}",
        )
    if "nbf" in token and _instant(token, "nbf") > at + SKEW_SECONDS:
        raise SignInRefused(say("The identity provider's answer is not valid yet."), hint=f"nbf {token['nbf']}, now {at:.0f}")


def _instant(token: Claims, name: str) -> float:
    value = token.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**40:
        raise SignInRefused(say("The identity provider's answer lacks a time we need."), hint=f"{name} {value!r}")
    return value


def _subject(token: Claims, userinfo: Claims | None) -> str:
    subject = token.get("sub")
    if not isinstance(subject, str) or not subject or len(subject) > LONGEST or not subject.isprintable():
        raise SignInRefused(say("The identity provider did not say who you are."), hint=f"sub {str(subject)[:64]!r}")
    if userinfo is not None and userinfo.get("sub") != subject:
        raise SignInRefused(say("The identity provider named two different people."), hint="sub of userinfo is not the id_token's")
    return subject


def _auth_time(token: Claims, expected: Expected, now: datetime) -> datetime | None:
    if "auth_time" not in token:
        return _without_auth_time(token, expected, now)
    when, max_age = _instant(token, "auth_time"), expected.max_age
    if when > now.timestamp() + SKEW_SECONDS or (max_age is not None and when < now.timestamp() - max_age - SKEW_SECONDS):
        raise SignInRefused(
            say("You proved who you are too long ago. Sign in at your identity provider again."), hint=f"auth_time {when:.0f}"
        )
    if expected.asked_at is not None and when < expected.asked_at - SKEW_SECONDS:
        raise SignInRefused(
            say("Your identity provider let you through without asking you anew who you are. Sign out there, then sign in again."),
            hint=f"auth_time {when:.0f}, asked for a new one at {expected.asked_at:.0f}",
        )
    return min(datetime.fromtimestamp(when, UTC), now)


def _without_auth_time(token: Claims, expected: Expected, now: datetime) -> datetime | None:
    if expected.max_age is not None:
        raise SignInRefused(
            say("The identity provider did not say when you last proved who you are."), hint="auth_time missing, though max_age was sent"
        )
    if expected.asked_at is None:
        return None
    if expected.sends_auth_time:
        raise SignInRefused(
            say("The identity provider did not say when you proved who you are, so it cannot count as just now."),
            hint="auth_time missing; if this provider never sends it, docs/running.md says what LYCHGATE_OIDC_SENDS_AUTH_TIME=no means",
        )
    return min(datetime.fromtimestamp(_instant(token, "iat"), UTC), now)


def _groups(said: Claims, claim: str) -> tuple[str, ...] | None:
    if claim not in said:
        return None
    groups = said[claim]
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise SignInRefused(say("The identity provider's list of your groups cannot be read."), hint=f"{claim} is {type(groups).__name__}")
    if len(groups) > MOST_GROUPS or any(not 0 < len(group) <= LONGEST_GROUP or not group.isprintable() for group in groups):
        raise SignInRefused(
            say(
                "You are in more groups than this portal accepts ({most_groups}), or one has a name it cannot take.",
                most_groups=MOST_GROUPS,
            ),
            hint=f"{len(groups)} in {claim}",
        )
    return tuple(sorted(set(groups)))


def _amr(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(text for text in (_printable(item, 64) for item in value[:20]) if text)


def _printable(value: object, longest: int) -> str:
    return "".join(letter for letter in value if letter.isprintable()).strip()[:longest] if isinstance(value, str) else ""


def _email(value: object) -> str:
    if not isinstance(value, str) or len(value) > 254:  # noqa: PLR2004 - the column's length, and RFC 5321's
        return ""
    try:
        validate_email(value)
    except ValidationError:
        return ""
    return value
