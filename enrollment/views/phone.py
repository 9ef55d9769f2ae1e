"""The page that a phone opens with a one-time link. It shows the same to everybody until the link's token comes by POST.

The token is the part of the address after the `#`, which browsers send to nobody: it is in no log of ours or of a
proxy, and in no Referer; a script moves it into the form, and without one the code is typed. From there on this
browser's session knows the link, also over a sign-in, and what a phone offered is answered to that browser alone.
"""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from enrollment import clock, lifecycle
from enrollment.lifecycle.handovers import NO_CODE, NOT_YOURS, OF_NO_USE, UNKNOWN_CODE
from enrollment.models import Handover, User
from enrollment.models.handovers import LONGEST_TOKEN, is_code
from enrollment.views.configs import client_file, ready_page
from enrollment.views.handovers import OPENED

KNOWN = "handover"  # in the session: the link's number, and the key that this browser offered
State = Handover.State


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("token")
def phone(request: HttpRequest) -> HttpResponse:
    now = clock.of(request)
    if request.method == "POST":
        return _arrive(request, now)
    if KNOWN not in request.session or "anew" in request.GET:
        return render(request, "enrollment/phone.html")
    return _go_on(request, now)


@require_POST
@never_cache
@sensitive_post_parameters("public_key")
def phone_key(request: HttpRequest) -> HttpResponse:
    """Take the key that a phone made. Whoever is signed in enrols as anywhere instead."""
    now = clock.of(request)
    found, key = _known(request, now), request.POST.get("public_key", "")
    if found is None:
        return _of_no_use(request)
    if request.user.is_authenticated or found.public_key == key:  # sent again, because the answer was lost
        return redirect("phone")
    try:
        lifecycle.offer_key(found, public_key=key, now=now)
    except lifecycle.Conflict:
        return _of_no_use(request)
    except lifecycle.Refused as refused:
        return render(request, "enrollment/phone_start.html", {"handover": found, "reasons": refused.reasons}, status=422)
    request.session[KNOWN] = {"link": found.pk, "key": key}
    return redirect("phone")


def _arrive(request: HttpRequest, now: datetime) -> HttpResponse:
    """Remember the link of a true token; use it up for its owner, if they are signed in here."""
    if token := request.POST.get("token", ""):
        found = Handover.objects.opened_by(token, now).first()
        if found is None:
            return _of_no_use(request) if "scanned" in request.POST else _mistyped(request, token)
        request.session[KNOWN] = {"link": found.pk, "key": ""}
    found = _known(request, now)
    if found is None or found.state != State.OPEN:
        is_empty = found is None and "token" in request.POST and "scanned" not in request.POST
        return _mistyped(request, "") if is_empty else _of_no_use(request)
    if not isinstance(request.user, User):
        return redirect("phone")
    try:
        lifecycle.open_handover(found, actor=request.user, now=now)
    except lifecycle.Refused:
        return _not_yours(request)
    except lifecycle.Conflict:
        return _of_no_use(request)
    del request.session[KNOWN]
    request.session[OPENED] = found.pk  # for `device_new`, which says what came of it
    return redirect(f"{reverse('device-new')}?kind=phone")


def _go_on(request: HttpRequest, now: datetime) -> HttpResponse:
    """Show how far this browser has come with the link."""
    found = _known(request, now)
    if found is None:
        return _of_no_use(request)
    if found.state == State.OPEN and request.user.is_authenticated and request.user.pk != found.owner_id:
        return _not_yours(request)
    if found.state == State.OPEN:
        return render(request, "enrollment/phone_start.html", {"handover": found, "has_just_signed_in": "signed-in" in request.GET})
    if found.state == State.CONFIRMED and found.device:
        return ready_page(request, found.device, client_file(found.device), way="browser", is_new=True, ready=reverse("phone"))
    return render(request, "enrollment/phone_waits.html", {"handover": found})


def _known(request: HttpRequest, now: datetime) -> Handover | None:
    """Return the link that this browser has brought here, while it says something to it: unused, or used by its own key."""
    known = request.session.get(KNOWN, {"link": None, "key": ""})
    found = Handover.objects.select_related("owner", "device__owner").filter(pk=known["link"], expires_at__gt=now).first()
    if found is None or (found.state != State.OPEN and not (known["key"] and known["key"] == found.public_key)):
        return None
    return found


def _of_no_use(request: HttpRequest) -> HttpResponse:
    """Say the same of a link that was used, one whose time is up, and one that never was."""
    request.session.pop(KNOWN, None)
    return render(request, "enrollment/phone.html", {"reasons": [OF_NO_USE]}, status=404)


def _mistyped(request: HttpRequest, typed: str) -> HttpResponse:
    """Say at the field why a code that somebody typed opens nothing, and keep it: its letters may be right but for one."""
    is_one = is_code(typed)
    shown = {"typed": typed[:LONGEST_TOKEN], "mistyped": UNKNOWN_CODE if is_one else NO_CODE}
    return render(request, "enrollment/phone.html", shown, status=404 if is_one else 422)


def _not_yours(request: HttpRequest) -> HttpResponse:
    request.session.pop(KNOWN, None)
    return render(request, "enrollment/phone_refused.html", {"sentence": NOT_YOURS}, status=403)
