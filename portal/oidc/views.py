"""The pages of signing in and out.

GET changes nothing: signing in starts with a button, so no link can start it for somebody
else (login CSRF), and signing out takes a button too.
"""

from urllib.parse import urlencode

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME, logout
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from enrollment import clock, facts, lifecycle
from enrollment.models import User
from enrollment.step_up import BROWSER_SESSION_KEY
from portal import unsent
from portal.oidc.flow import ID_TOKEN_SESSION_KEY, OIDCFlow
from portal.oidc.refusal import SignInRefused

NO_ADMIN = _(
    "The admin is for those who answer requests, audit, or keep the portal. If you stood in for somebody, that has ended. "
    "Nothing was changed."
)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Show one button; pressed, go to the provider. Somebody who is signed in goes on, unless asked to prove it anew."""
    if request.user.is_authenticated and "fresh" not in request.GET:
        return HttpResponseRedirect(get_next_redirect_url(request) or resolve_url(settings.LOGIN_REDIRECT_URL))
    if request.method == "HEAD":
        request.method = "GET"  # allauth takes whatever is not GET for the button
    try:
        return _as_response(OAuth2LoginView.adapter_view(OIDCFlow(request, "oidc"))(request))
    except SocialApp.DoesNotExist:
        return render(request, "account/not_set_up.html", status=503)


@never_cache
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Take the provider's answer."""
    try:
        return _as_response(OAuth2CallbackView.adapter_view(OIDCFlow(request, "oidc"))(request))
    except SocialApp.DoesNotExist:
        return render(request, "account/not_set_up.html", status=503)


@require_GET
def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead the addresses that Django and allauth know to the one page, keeping a safe `next`."""
    following = get_next_redirect_url(request)
    query = f"?{urlencode({REDIRECT_FIELD_NAME: following})}" if following else ""
    return HttpResponseRedirect(f"{resolve_url(settings.LOGIN_URL)}{query}")


@never_cache
@require_GET
def admin_sign_in(request: HttpRequest) -> HttpResponse:
    """Stand where Django's admin has its password form."""
    if isinstance(request.user, User) and not facts.opens_admin(request.user, clock.of(request)):
        raise PermissionDenied(NO_ADMIN)
    return HttpResponseRedirect(reverse("admin:index")) if request.user.is_authenticated else to_sign_in(request)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session here, or all that somebody has, then that at the provider if it offers that."""
    if request.method != "POST":
        return render(request, "account/logout.html")
    id_token = request.session.get(ID_TOKEN_SESSION_KEY, "")
    was_signed_in = request.user.is_authenticated
    if isinstance(request.user, User) and "everywhere" in request.POST:
        lifecycle.sign_out_everywhere(request.user, now=clock.of(request))
    elif isinstance(request.user, User):
        lifecycle.sign_out(request.user, request.session.get(BROWSER_SESSION_KEY), now=clock.of(request))
    logout(request)
    farewell = _end_session_endpoint(request) if was_signed_in else ""
    return _forgotten(HttpResponseRedirect(_with(farewell, id_token) if farewell else resolve_url("signed_out")))


def _with(farewell: str, id_token: str) -> str:
    """Return the provider's address for signing out there (OpenID Connect RP-Initiated Logout 1.0, section 2), coming back here."""
    said = {"client_id": settings.OIDC_CLIENT_ID, "post_logout_redirect_uri": f"{settings.PUBLIC_URL}{resolve_url('signed_out')}"}
    if id_token:
        said["id_token_hint"] = id_token
    return f"{farewell}{'&' if '?' in farewell else '?'}{urlencode(said)}"


def _forgotten(response: HttpResponse) -> HttpResponse:
    unsent.forget(response)
    return response


@require_GET
def signed_out(request: HttpRequest) -> HttpResponse:
    return render(request, "account/signed_out.html")


def _end_session_endpoint(request: HttpRequest) -> str:
    try:
        return str(OIDCFlow(request, "oidc").openid_config.get("end_session_endpoint") or "") if settings.OIDC_ISSUER else ""
    except SignInRefused:  # the provider is away: the session here has ended all the same
        return ""


def _as_response(response: object) -> HttpResponse:
    if not isinstance(response, HttpResponse):
        message = f"allauth answered with {type(response).__name__}"
        raise TypeError(message)
    return response
