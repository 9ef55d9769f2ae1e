"""Who may speak SCIM here: whoever holds the token. No session, no cookie, so nothing that another site could make a browser send.

Without LYCHGATE_SCIM_TOKEN there is no such address. Every answer but that one is SCIM's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from enrollment.lifecycle import Conflict, Refused
from portal import limits
from portal.scim.answers import ScimError, error
from portal.too_many import delayed

log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]


def methods(**views: View) -> View:
    """Make one view of several: `methods(GET=listed, POST=made)`."""

    @csrf_exempt
    @never_cache
    def answer(request: HttpRequest, **args: str) -> HttpResponse:
        if not settings.SCIM_TOKEN:
            raise Http404
        if not may_speak(request):
            return _turned_away(limits.address_of(request), time.time())
        view = views.get(request.method or "")
        if view is None:
            not_so = error(405, f"{request.method} is nothing that one can do here.")
            not_so["Allow"] = ", ".join(sorted(views))
            return not_so
        return _answered(view, request, **args)

    return answer


def may_speak(request: HttpRequest) -> bool:
    scheme, _blank, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(token.strip(), settings.SCIM_TOKEN)


def _turned_away(address: str, now: float) -> HttpResponse:
    """Count by address, so that guessing is slow and fills no log. Whoever has the token never comes here."""
    if limits.spend("refusals", address, now=now):
        return delayed(error(429, "Too many requests without the right token came from your address within a minute."), now)
    log.warning("SCIM refused: no token, or another one, from %s", address)
    refused = error(401, "Send the token that this portal was given: Authorization: Bearer ...")
    refused["WWW-Authenticate"] = 'Bearer realm="SCIM"'
    return refused


def _answered(view: View, request: HttpRequest, **args: str) -> HttpResponse:
    try:
        return view(request, **args)
    except ScimError as found:
        return error(found.status, found.detail, found.kind)
    except Conflict as conflict:
        return error(409, str(conflict), "uniqueness" if request.method == "POST" else "")
    except Refused as refused:
        return error(400, " ".join(refused.reasons), "invalidValue")
