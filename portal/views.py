"""Home, and the two questions that machines ask: is the process up, is the database reachable."""

import logging

from django.contrib.auth.decorators import login_required
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from enrollment import clock, facts, lifecycle
from enrollment.models import Device
from enrollment.views import standing
from enrollment.views.outcomes import SignedIn

logger = logging.getLogger(__name__)


@require_safe
@login_required
def home(request: SignedIn) -> HttpResponse:
    now = clock.of(request)
    rows = standing.of_all(standing.with_answers(standing.current(request.user, now)), now)
    rows = [row for row in rows if row[-1].kind != "extended"]  # its extension is there
    rows.sort(key=lambda row: row[-1].rank)
    context = {
        "rows": rows,
        "look_again": min((max(3, where.look_again) for _asked, _grant, where in rows if where.look_again), default=0),
        "full": lifecycle.no_room(request.user),
        "devices": request.user.devices.exclude(state=Device.State.RETIRED).prefetch_related("handshakes__pep"),
        "to_answer": facts.to_answer(request.user, now).count(),
        "orphans": len(facts.orphans(now)) if request.user.is_admin else 0,
        "to_review": facts.to_review(request.user, now).count(),
        "to_let_in": Device.objects.to_let_in().exclude(owner=request.user).count() if request.user.is_admin else 0,
        "now": now,
    }
    return render(request, "home.html", context)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that nothing was done, and why: too much was sent (413), or it made no sense (400)."""
    is_too_much = isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent)
    page = loader.render_to_string("400.html", {"is_too_much": is_too_much})
    return HttpResponse(page, status=413 if is_too_much else 400)


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("up\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 503 while the database cannot be reached; no detail goes out, it is in the log."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        logger.exception("The database cannot be reached.")
        return HttpResponse("database unreachable\n", content_type="text/plain", status=503)
    return HttpResponse("ready\n", content_type="text/plain")
