"""Which requests are limited, and what whoever sends too many is answered: 429, and when to try again.

By address: signing in, and wrong links for phones, as nobody is known yet. By person: whatever is posted, and numbers asked
for that are nobody's or somebody else's, so that nobody walks through them. What ends access, or a session, never: ENDINGS.
SCIM and logout tokens have no person; `portal/scim/door.py` and `portal/oidc/backchannel.py` count what they refuse.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import ResolverMatch, reverse

from portal import limits

SIGN_IN = "oidc_login"
CALLBACK = "oidc_callback"
LINKS = {"phone", "phone-key"}  # where a one-time link's token is sent: wrong ones are counted
ENDINGS = {
    *("device-retire", "device-lost", "device-suspend", "request-cancel", "grant-end", "handover-refuse"),
    *("account_logout", "admin:logout"),
}
ENDING_VERBS = ("revoke", "lost", "suspend", "retire", "refuse", "deny", "not_justified", "disable", "leave", "end", "confirm", "lock_down")
READING = {"GET", "HEAD", "OPTIONS"}
NEVER_SENT_BACK = {"csrfmiddlewaretoken", "public_key"}  # somebody may have pasted the private one


class Limited:
    """The middleware: counts before the view, and afterwards what was not found."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        match = request.resolver_match
        if match and match.view_name in LINKS and request.method == "POST" and is_a_miss(match, response):
            limits.spend("refusals", limits.address_of(request), now=time.time())
        if match and match.kwargs and request.user.pk and is_a_miss(match, response):
            limits.spend("misses", limits.person(request.user.pk), now=time.time())
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> HttpResponse | None:
        match, now = request.resolver_match, time.time()
        reads = request.method in READING
        if match is None or (reads and not kwargs and match.view_name != CALLBACK) or ends_something(request, match):
            return None
        if match.view_name in {SIGN_IN, CALLBACK}:
            is_over = limits.spend("sign-ins", limits.address_of(request), now=now)
        else:
            is_over = not reads and match.view_name in LINKS and limits.is_spent("refusals", limits.address_of(request), now=now)
            is_over = is_over or self._is_over_for_person(request, kwargs, now)
        return answer(request, now) if is_over else None

    def _is_over_for_person(self, request: HttpRequest, kwargs: Mapping[str, Any], now: float) -> bool:
        if request.user.pk is None:
            return False
        who = limits.person(request.user.pk)
        is_over = bool(kwargs) and limits.is_spent("misses", who, now=now)
        return is_over or (request.method not in READING and limits.spend("changes", who, now=now))


def ends_something(request: HttpRequest, match: ResolverMatch) -> bool:
    """Tell whether a request takes access away, or a session, or leads to the page that does."""
    if match.view_name in ENDINGS:
        return True
    if not match.view_name.startswith("admin:") or request.method in READING:
        return False
    verb = request.POST.get("action", "") if match.view_name.endswith("_changelist") else match.view_name.removesuffix("_many")
    return verb.endswith(tuple(f"_{each}" for each in ENDING_VERBS)) or verb in ENDING_VERBS


def is_a_miss(match: ResolverMatch, response: HttpResponse) -> bool:
    """Tell whether there is nothing by the number that was asked for: Django's admin says so by leading back to its first page."""
    leads_back = match.view_name.startswith("admin:") and response.get("Location") == reverse("admin:index")
    return response.status_code == 404 or leads_back  # noqa: PLR2004 - not found


def answer(request: HttpRequest, now: float) -> HttpResponse:
    """Say when to try again, and keep what was typed, ready to be sent once more."""
    wait = limits.seconds_left(now)
    typed = [(name, value) for name, values in request.POST.lists() if name not in NEVER_SENT_BACK for value in values]
    context = {"seconds": wait, "typed": typed, "was_sent": request.method == "POST"}
    return delayed(render(request, "429.html", context, status=429), now)


def delayed(response: HttpResponse, now: float) -> HttpResponse:
    response["Retry-After"] = str(limits.seconds_left(now))
    response["Cache-Control"] = "no-store"
    return response
