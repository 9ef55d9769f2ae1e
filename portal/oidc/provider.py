"""allauth's OpenID Connect provider with everything pinned.

Scope and parameters come from the settings and never from the URL; every sign-in has a
nonce and PKCE; the process is always a sign-in, so nothing can be connected to an account.
"""

import secrets
from typing import Any
from urllib.parse import urlencode

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from enrollment import clock
from portal.oidc.flow import OIDCFlow

FRESH_AGE = 60  # seconds: for providers that know max_age and not prompt


class PinnedProvider(OpenIDConnectProvider):
    """The one provider of a deployment."""

    id = "oidc"
    name = "OpenID Connect"
    oauth2_adapter_class = OIDCFlow
    supports_token_authentication = False
    pkce_enabled_default = True

    def get_login_url(self, request: HttpRequest, **kwargs: Any) -> str:
        return f"{reverse('oidc_login')}?{urlencode(kwargs)}" if kwargs else reverse("oidc_login")

    def get_callback_url(self) -> str:
        return reverse("oidc_callback")

    def get_scope(self) -> list[str]:
        return list(dict.fromkeys(["openid", *settings.OIDC_SCOPES]))

    def get_auth_params(self) -> dict[str, str]:
        max_age = {} if settings.OIDC_MAX_AGE is None else {"max_age": str(settings.OIDC_MAX_AGE)}
        return {**max_age, "prompt": "consent"} if settings.OIDC_CONSENT else max_age

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        """Take from the request where to go afterwards, and whether to ask the person anew. Nothing else."""
        asks_anew = {"asked_at": clock.of(request).timestamp()} if "fresh" in request.GET else {}
        return {"process": AuthProcess.LOGIN, "next_url": get_next_redirect_url(request), **asks_anew}

    def redirect(self, request: HttpRequest, process: str, next_url: str | None = None, data: object = None, **kwargs: Any) -> HttpResponse:
        """Send the browser to the provider. The session keeps the nonce, and since when a proof counts."""
        kept = {"nonce": secrets.token_urlsafe(32)}
        auth_params = {**self.get_auth_params(), "nonce": kept["nonce"]}
        if "asked_at" in kwargs:
            kept["asked_at"] = kwargs["asked_at"]
            auth_params["prompt"] = f"login {auth_params.get('prompt', '')}".strip()
            auth_params["max_age"] = str(min(FRESH_AGE, settings.OIDC_MAX_AGE or FRESH_AGE))
        try:
            response: HttpResponse = super().redirect(request, AuthProcess.LOGIN, next_url, auth_params=auth_params, **kept)
        except OAuth2Error as error:
            response = render_authentication_error(request, self, exception=error)
        return response


provider_classes = [PinnedProvider]
