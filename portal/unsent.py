"""What somebody sent after their session had ended is not lost: it is there again once they have signed in, to look at and to send.

Whom it belongs to is told by a signed cookie, which says who signed in last at this browser and
opens nothing: somebody else who signs in there never sees it. It goes with the button *Sign out*.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.translation import gettext_lazy as _

from enrollment import step_up
from enrollment.models import User

SALT = "portal.unsent"
KEPT = _("You were signed out before this was sent, and nothing was changed. What you typed is kept.")
NOT_KEPT = _("You were signed out before this was sent, and nothing was changed. Sign in, and do it once more.")
MOST_SECONDS = 7 * 86400  # a session lasts this long at most


def remember(response: HttpResponse, user: User) -> None:
    """Have the browser know who signed in at it."""
    response.set_signed_cookie(
        settings.LAST_SEEN_COOKIE_NAME,
        str(user.pk),
        salt=SALT,
        max_age=MOST_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget(response: HttpResponse) -> None:
    """Have it forget that: whoever signs out leaves nothing behind."""
    response.delete_cookie(settings.LAST_SEEN_COOKIE_NAME, samesite="Lax")


def keep_what_was_typed(answer: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Wrap `answer`, Django's way to a response: what leads to signing in because nobody is signed in loses nothing that was typed."""

    def look(request: HttpRequest) -> HttpResponseBase:
        response = answer(request)
        if request.method == "POST" and not request.user.is_authenticated and _leads_to_sign_in(response):
            last = request.get_signed_cookie(settings.LAST_SEEN_COOKIE_NAME, default="", salt=SALT, max_age=MOST_SECONDS)
            if last:
                is_kept = step_up.keep(request, request.get_full_path(), by=int(last))
                messages.warning(request, KEPT if is_kept else NOT_KEPT)
        return response

    return look


def _leads_to_sign_in(response: HttpResponseBase) -> bool:
    to = urlsplit(response.get("Location", "")).path if response.status_code == HTTPStatus.FOUND else ""
    return to in {resolve_url(settings.LOGIN_URL), resolve_url("admin:login")}
