"""Where allauth asks us: which provider, whose account, what to say when it failed.

There is one application, from the settings; rows of allauth's own tables can neither add a
provider nor link an account, and nobody can sign up or sign in any other way.
"""

import logging
from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from enrollment import clock, lifecycle
from enrollment.models import User
from enrollment.sentences import say
from enrollment.step_up import BROWSER_SESSION_KEY, KEPT_KEY
from portal import language, unsent
from portal.oidc.arrival import arrive
from portal.oidc.flow import ID_TOKEN_SESSION_KEY, CarefulSession
from portal.oidc.refusal import SignInRefused

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Accounts come from the identity provider alone."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing: the page one arrives at shows who is signed in."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that the operator's proxies name. A request that came past them, or by a socket, has none: no error."""
        try:
            return str(super().get_client_ip(request))
        except (ImproperlyConfigured, PermissionDenied):
            return "nowhere"

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> HttpResponse:
        """Keep the id_token for signing out, and say when the session ends: saving it later must not put that off.

        allauth begins a new session, so what this person had typed in the one before is carried over.
        """
        login = (kwargs.get("signal_kwargs") or {}).get("sociallogin")
        request.session[ID_TOKEN_SESSION_KEY] = getattr(login, "id_token", "")
        request.session.set_expiry(timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE))
        if kept := getattr(login, "kept", None):
            request.session[KEPT_KEY] = kept
        else:
            request.session.pop(KEPT_KEY, None)  # somebody else's
        response: HttpResponse = super().post_login(request, user, **kwargs)
        browser = getattr(login, "browser", None)
        request.session[BROWSER_SESSION_KEY] = browser.pk if browser else None
        if browser is None or not lifecycle.keep_key(browser, str(request.session.session_key)):
            logout(request)  # the provider, or an admin, ended it while it began
        if isinstance(user, User):
            language.arrive(user, response)
            unsent.remember(response, user)
        return response


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """One provider, from the settings."""

    def list_apps(self, request: HttpRequest, provider: str | None = None, client_id: str | None = None) -> list[SocialApp]:
        if not settings.OIDC_ISSUER or not settings.OIDC_CLIENT_ID or provider not in {None, "oidc"}:
            return []
        return [SocialApp(provider="oidc", name=settings.OIDC_NAME, client_id=settings.OIDC_CLIENT_ID, secret=settings.OIDC_CLIENT_SECRET)]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def get_requests_session(self) -> CarefulSession:
        return CarefulSession()

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        user = arrive(sociallogin, browser=request.session.get(BROWSER_SESSION_KEY), now=clock.of(request))
        kept = request.session.get(KEPT_KEY)
        sociallogin.kept = kept if kept and (user == request.user or kept.get("by") == user.pk) else None

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: object,
        error: str = AuthError.UNKNOWN,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Log why, and put the sentence for the person on the page."""
        if isinstance(exception, SignInRefused):
            sentence, hint = exception.sentence, exception.hint
        elif exception is None and "error" in request.GET:
            sentence, hint = say("The identity provider refused this sign-in."), f"error {request.GET['error'][:100]!r}"
        elif exception is None:
            sentence, hint = say("This sign-in was not started here, or it took too long. Start again."), "unknown or expired state"
        else:
            sentence, hint = say("Signing in did not work. Try again."), type(exception).__name__
        logger.warning("Sign-in refused: %s (%s)", sentence, hint)
        if extra_context is not None:
            extra_context["sentence"] = sentence
