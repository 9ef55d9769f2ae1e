"""From verified claims to a signed-in account.

The account is found by (issuer, subject) and by nothing else: not by e-mail, not by a
name that people can choose (O4). Account, groups and the audit event are one transaction.
"""

from datetime import datetime

from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.db import IntegrityError, transaction

from enrollment import lifecycle
from enrollment.models import BrowserSession, User
from enrollment.sentences import joined, say
from portal.oidc.claims import Expected, Identity, identify, is_mfa
from portal.oidc.probe import refresh_token_in
from portal.oidc.refusal import SignInRefused
from portal.oidc.sealed import seal


def arrive(login: SocialLogin, *, browser: int | None, now: datetime) -> User:
    """Give the login its account, up to date with what the provider says, and its browser: the one known here, or a new one; or refuse."""
    expected = Expected(
        issuer=settings.OIDC_ISSUER,
        client_id=settings.OIDC_CLIENT_ID,
        nonce=login.state.get("nonce", ""),
        groups_claim=settings.OIDC_GROUPS_CLAIM,
        max_age=settings.OIDC_MAX_AGE,
        asked_at=login.state.get("asked_at"),
        sends_auth_time=settings.OIDC_SENDS_AUTH_TIME,
    )
    identity = identify(login.claims, login.userinfo, expected, now=now)
    with transaction.atomic():
        user = _account(identity)
        if not user.is_active:
            raise SignInRefused(
                say("Your account here is disabled. Ask an administrator of this portal."), hint=f"user {user.pk} is not active"
            )
        login.browser = _take_over(user, identity, browser, now)
        if settings.OIDC_PROBE_SECONDS and (token := refresh_token_in(login.refresh_token)):
            lifecycle.keep_refresh_token(login.browser, seal(token), now=now)
    login.user = user
    login.account.uid = user.username
    return user


def _take_over(user: User, identity: Identity, browser: int | None, now: datetime) -> BrowserSession:
    try:
        return lifecycle.sign_in(
            user,
            groups=None if identity.groups is None else [settings.OIDC_GROUP_PREFIX + group for group in identity.groups],
            name=identity.name,
            email=identity.email,
            auth_time=identity.auth_time,
            acr=identity.acr,
            amr=identity.amr,
            is_mfa=is_mfa(identity, acr=settings.OIDC_MFA_ACR, amr=settings.OIDC_MFA_AMR),
            sid=identity.sid,
            issued_at=identity.issued_at,
            browser=browser,
            now=now,
        )
    except lifecycle.Refused as refused:
        raise SignInRefused(joined(refused.reasons), hint=f"user {user.pk}") from refused


def _account(identity: Identity) -> User:
    key = {"issuer": identity.issuer, "subject": identity.subject}
    try:
        return User.objects.get(**key)
    except User.DoesNotExist:
        pass
    try:
        with transaction.atomic():
            return User.objects.create_user(identity.issuer, identity.subject, name=identity.name, email=identity.email)
    except IntegrityError:  # the same person's other tab was faster
        return User.objects.get(**key)
