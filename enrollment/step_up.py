"""A recent proof of identity before what opens, decides or changes: asked for when its form opens, and again when it is sent.

What only ends access never asks. To have a page ask, return what `ask` returns, if it returns
anything, as soon as it is clear that the person may do this at all; then show the form with
what `kept` gives back, so that nobody types twice. Admins are no exception.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib import messages
from django.db.models import Max
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from enrollment import clock, keys
from enrollment.durations import seconds_in_words
from enrollment.models import IdentityProof, User
from enrollment.sentences import say

BROWSER_SESSION_KEY = "browser"  # in the session: the number of the browser that this is
KEPT_KEY = "kept_form"
LONGEST_KEPT = 20_000  # characters of one form: a session is a row that each page reads
HOUR, DAY = 3600, 86400


def ask(request: HttpRequest, *, back: str = "", keeps: bool = True) -> HttpResponse | None:
    """Return the page that asks for a fresh sign-in, or None where the last one is recent enough.

    `back` is where the person was, if not here; `keeps`: what was sent is kept for `kept`, but for what must not be written down.
    """
    if is_recent(request):
        return None
    back, was_sent = back or request.get_full_path(), request.method == "POST"
    is_kept = was_sent and keeps and keep(request, back)
    context = {"sentence": in_words(request), "back": back, "was_sent": was_sent, "is_kept": is_kept}
    response = render(request, "step_up.html", context, status=403)
    add_never_cache_headers(response)
    return response


def is_recent(request: HttpRequest) -> bool:
    """Tell whether whoever uses this browser proved who they are within the time that the settings give."""
    at = _proven_at(request)
    return at is not None and clock.of(request) - at <= timedelta(seconds=settings.STEP_UP_SECONDS)


def in_words(request: HttpRequest) -> str:
    """Say how recent a sign-in is needed, and how old this one is."""
    needed, at = seconds_in_words(settings.STEP_UP_SECONDS), _proven_at(request)
    if at is None:
        return say("This needs a sign-in of the last {needed}, and your identity provider has not said when yours was.", needed=needed)
    age = int((clock.of(request) - at).total_seconds())
    coarse = 60 if age < DAY else HOUR
    age += -age % coarse  # up: what is a second too old is not "15 minutes" too
    return say("This needs a sign-in of the last {needed}; yours was {age} ago.", needed=needed, age=seconds_in_words(age))


def keep(request: HttpRequest, back: str, by: int | None = None) -> bool:
    """Keep what was sent for the page at `back`, if that may be done, and tell; `by`: whose it is, where nobody is signed in any more."""
    sent = request.POST.copy()
    secrets = getattr(request, "sensitive_post_parameters", ()) if by is None else ("public_key",)  # no view has said by then what is
    for name in ("csrfmiddlewaretoken", *secrets):
        sent.pop(name, None)
    text = sent.urlencode()
    if len(text) > LONGEST_KEPT or not all(map(_is_public, sent.getlist("public_key"))):
        return False
    request.session[KEPT_KEY] = {"back": back, "sent": text, "by": by}
    return True


def kept(request: HttpRequest, *, says_so: bool = True) -> QueryDict | None:
    """Return what was sent from this page when the sign-in was too old or ended; after a newer one, and once: to show, not to act on."""
    found = request.session.get(KEPT_KEY)
    if request.method != "GET" or not found or found["back"] != request.get_full_path() or not (found["by"] or is_recent(request)):
        return None
    del request.session[KEPT_KEY]
    if says_so:
        messages.info(request, say("You have signed in again, and nothing was sent yet: look at what you typed, and send it."))
    return QueryDict(found["sent"])


def _proven_at(request: HttpRequest) -> datetime | None:
    """Return when the provider last heard it from whoever is at this browser; asked for once a request."""
    if "proven_at" not in request.__dict__:
        browser = request.session.get(BROWSER_SESSION_KEY)
        user = request.user if isinstance(request.user, User) else None
        request.__dict__["proven_at"] = _latest(browser, user) if user and browser else None
    at: datetime | None = request.__dict__["proven_at"]
    return at


def _latest(browser: int, user: User) -> datetime | None:
    counting = IdentityProof.objects.filter(signed_out_at=None, withdrawn_at=None, browser__ended_at=None)
    at: datetime | None = counting.filter(browser=browser, user=user).aggregate(at=Max("auth_time"))["at"]
    return at


def _is_public(text: str) -> bool:
    """Tell whether this may be written down where a public key was asked for: somebody may have pasted the private one."""
    try:
        return not text or not keys.looks_private(keys.check(text))
    except keys.BadKey:
        return False
