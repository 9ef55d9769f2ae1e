"""One question to the provider: do you still stand by this sign-in? And what each answer means.

Only `invalid_grant` is a refusal: the standard's word for a refresh token that it takes no more
(RFC 6749, 5.2). Whatever else goes wrong, here, there or between, is no answer, and ends nothing.
"""

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import requests
from django.conf import settings

from portal.oidc.flow import CarefulSession, for_basic, takes_basic
from portal.oidc.refusal import SignInRefused

LONGEST_TOKEN = 16 * 1024
CODE = re.compile("[a-z_]{1,60}")  # whatever else stands there could be a token
OURS = {"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}  # for the portal's operator to mend


class Verdict(Enum):
    STANDS = "it stands by the sign-in"
    REFUSES = "it does not"
    SILENT = "nobody knows"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the provider said; `refresh_token` is the one to send next, empty where that is the same. Printed, it shows no token."""

    verdict: Verdict
    refresh_token: str = field(default="", repr=False)
    id_token: object = field(default=None, repr=False)
    hint: str = ""
    is_ours: bool = False


def refresh_token_in(value: object) -> str:
    """Return it where it is one (RFC 6749, appendix A.17), else nothing."""
    is_one = isinstance(value, str) and len(value) <= LONGEST_TOKEN and value.isascii() and value.isprintable()
    return str(value) if is_one else ""


def ask(token: str, found: dict[str, Any]) -> Answer:
    """Send a refresh token to the provider of this configuration. Raises nothing that the network does."""
    form, auth = {"grant_type": "refresh_token", "refresh_token": token}, None
    if takes_basic(found):
        auth = (for_basic(settings.OIDC_CLIENT_ID), for_basic(settings.OIDC_CLIENT_SECRET))
    else:
        form |= {"client_id": settings.OIDC_CLIENT_ID, "client_secret": settings.OIDC_CLIENT_SECRET}
    try:
        with CarefulSession() as session:
            response = session.post(found["token_endpoint"], data=form, auth=auth, headers={"Accept": "application/json"})
        return judge(response.status_code, _read(response))
    except requests.RequestException as error:
        return Answer(verdict=Verdict.SILENT, hint=type(error).__name__)
    except SignInRefused as refused:
        return Answer(verdict=Verdict.SILENT, hint=refused.hint)


def judge(status: int, said: object) -> Answer:
    """Tell what an answer of the token endpoint means; `said` is its JSON, None where it is none."""
    said = said if isinstance(said, dict) else {}
    if status == requests.codes.ok and isinstance(said.get("access_token"), str):
        return Answer(verdict=Verdict.STANDS, refresh_token=refresh_token_in(said.get("refresh_token")), id_token=said.get("id_token"))
    error = said.get("error")
    if status == requests.codes.bad_request and error == "invalid_grant":
        return Answer(verdict=Verdict.REFUSES)
    code = error if isinstance(error, str) and CODE.fullmatch(error) else "no error that is one"
    return Answer(verdict=Verdict.SILENT, hint=f"status {status}, {code}", is_ours=code in OURS)


def _read(response: requests.Response) -> object:
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None
