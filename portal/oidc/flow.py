"""The provider's endpoints: found by discovery, spoken to carefully.

Every answer is read with a time limit and a size limit, and no redirect is followed, so a
provider that misbehaves costs a person a clear page and never a worker. Outside the demo
and debugging nothing but https is spoken, because the client's secret travels here.
"""

import re
import time
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Client, OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse

from enrollment.sentences import say
from portal.oidc.refusal import SignInRefused
from portal.oidc.tokens import verified

LARGEST = 1024 * 1024
TIMEOUT_SECONDS = (5, 10)  # to connect, and between two bytes
LONGEST_SECONDS = 20  # for a whole answer
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
REMEMBER_SECONDS = 300
ID_TOKEN_SESSION_KEY = "oidc_id_token"  # noqa: S105 - a key of the session


class CarefulSession(requests.Session):
    """Reads no more than LARGEST, follows no redirect, waits no longer than TIMEOUT_SECONDS."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        response = super().request(method, url, *args, **{**kwargs, "timeout": TIMEOUT_SECONDS, "allow_redirects": False, "stream": True})
        body, begun = b"", time.monotonic()
        for part in response.iter_content(65536):
            body += part
            if len(body) > LARGEST or time.monotonic() - begun > LONGEST_SECONDS:
                response.close()
                raise SignInRefused(say("The identity provider's answer is too long, or too slow."), hint=f"{url!r}: {len(body)} bytes")
        response._content = body  # noqa: SLF001 - what `stream=False` would have read
        return response


class OIDCFlow(OpenIDConnectOAuth2Adapter):
    """One sign-in's conversation with the provider."""

    @property
    def openid_config(self) -> dict[str, Any]:
        return configuration()

    @property
    def basic_auth(self) -> bool:
        return takes_basic(self.openid_config)

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        """Return the address registered with the provider, whatever Host the browser sent."""
        return f"{settings.PUBLIC_URL}{reverse('oidc_callback')}"

    def get_access_token_data(
        self, request: HttpRequest, app: SocialApp, client: OAuth2Client, pkce_code_verifier: str | None = None
    ) -> dict[str, Any]:
        issuer = request.GET.get("iss")
        is_promised = self.openid_config.get("authorization_response_iss_parameter_supported") is True
        if issuer != settings.OIDC_ISSUER and (is_promised or issuer is not None):  # RFC 9207: the mix-up attack
            raise SignInRefused(
                say("The answer came from another identity provider than the one this portal trusts."), hint=f"iss {issuer!r}"
            )
        if client.basic_auth:
            client.consumer_key, client.consumer_secret = for_basic(client.consumer_key), for_basic(client.consumer_secret)
        try:
            data: dict[str, Any] = super().get_access_token_data(request, app, client, pkce_code_verifier)
        except SignInRefused:
            raise
        except (OAuth2Error, requests.RequestException, ValueError, KeyError, RecursionError) as error:
            raise SignInRefused(
                say("The identity provider did not accept this sign-in. Try again."), hint=_without_tokens(error)
            ) from error
        return data

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """Return a login that carries verified claims and, so far, nobody's account: arrival.py gives it one."""
        raw = kwargs["response"].get("id_token")
        claims = verified(raw, fetch(self.openid_config["jwks_uri"]))
        endpoint = self.openid_config.get("userinfo_endpoint")
        userinfo = fetch(endpoint, headers={"Authorization": f"Bearer {token.token}"}) if endpoint else None
        provider = self.get_provider()
        login = SocialLogin(user=get_user_model()(), account=SocialAccount(provider=provider.sub_id, uid=""), provider=provider)
        login.id_token, login.claims, login.userinfo = raw, claims, userinfo
        login.refresh_token = kwargs["response"].get("refresh_token")
        return login


def configuration() -> dict[str, Any]:
    """Return what the provider says about itself, checked and remembered for five minutes."""
    key = f"oidc-configuration:{settings.OIDC_ISSUER}"
    found: dict[str, Any] | None = cache.get(key)
    if found is None:
        found = checked(fetch(f"{settings.OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration"))
        cache.set(key, found, REMEMBER_SECONDS)
    return found


def takes_basic(found: dict[str, Any]) -> bool:
    """Post the client's secret where the provider says it can take that; basic is the standard's default."""
    return "client_secret_post" not in found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])


def for_basic(word: str) -> str:
    """Return it form-encoded (RFC 6749, 2.3.1), or a "%" or "+" in a secret is read as something else."""
    return quote(word, safe="")


def fetch(url: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the JSON object at `url`, or refuse."""
    try:
        with CarefulSession() as session:
            response = session.get(url, headers=headers)
        answer = response.json() if response.status_code == requests.codes.ok else None
    except (requests.RequestException, ValueError, RecursionError) as error:
        raise SignInRefused(
            say("The identity provider does not answer. Try again in a minute."), hint=f"{url}: {type(error).__name__}"
        ) from error
    if not isinstance(answer, dict):
        raise SignInRefused(
            say("The identity provider does not answer as it should. Try again in a minute."), hint=f"{url}: {response.status_code}"
        )
    return answer


def checked(found: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration if it is the issuer's own, whole, and https where that is asked for."""
    if found.get("issuer") != settings.OIDC_ISSUER:
        raise SignInRefused(
            say("The identity provider is not the one this portal trusts."),
            hint=f"LYCHGATE_OIDC_ISSUER is {settings.OIDC_ISSUER!r}, its configuration says {found.get('issuer')!r}",
        )
    schemes = {"https"} if settings.OIDC_ISSUER.startswith("https://") else {"https", "http"}
    endpoints = [*NEEDED, *(name for name in ("userinfo_endpoint", "end_session_endpoint") if name in found)]
    wrong = [name for name in endpoints if not isinstance(found.get(name), str) or urlsplit(found[name]).scheme not in schemes]
    if wrong:
        raise SignInRefused(say("The identity provider's configuration cannot be used."), hint=f"missing or not https: {', '.join(wrong)}")
    return found


def _without_tokens(error: Exception) -> str:
    # allauth quotes the whole answer, and that could carry a token: only the standard's error code goes to the log.
    code = re.search(r'"error"\s*:\s*"([a-z_]{1,60})"', str(error))
    return f"{type(error).__name__}: {code[1] if code else 'no access_token in the answer'}"
