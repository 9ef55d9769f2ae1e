"""My requests and what came of them: the list, one timeline, cancel, end now."""

from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from enrollment import clock, facts, lifecycle, notices
from enrollment.forms import EndForm
from enrollment.models import AccessRequest, Grant
from enrollment.sentences import say
from enrollment.views import standing, timeline
from enrollment.views.outcomes import SignedIn, answers_conflicts

A_PAGE = 30


@require_safe
@login_required
def requests(request: SignedIn) -> HttpResponse:
    now = clock.of(request)
    mine = standing.with_answers(request.user.access_requests.order_by("-created_at", "-id"))
    page = Paginator(mine, A_PAGE).get_page(request.GET.get("page"))
    rows = [(asked, where) for asked, _grant, where in standing.of_all(page, now)]
    return render(request, "enrollment/requests.html", {"rows": rows, "page": page, "now": now})


@require_safe
@login_required
def request_page(request: SignedIn, pk: int) -> HttpResponse:
    now = clock.of(request)
    asked = get_object_or_404(standing.with_answers(request.user.access_requests.all()), pk=pk)
    [(_asked, grant, where)] = standing.of_all([asked], now)
    is_waiting = asked.state == AccessRequest.State.PENDING and asked.answer_by > now
    context = {
        "asked": asked,
        "grant": grant,
        "standing": where,
        "more": grant.extensions.all() if grant else (),
        "steps": timeline.steps(asked, grant, where, now),
        "is_waiting": is_waiting,
        "remind_again_at": _remind_again_at(asked, now),
        "emergency": facts.emergency(request.user, asked.resource, now) if is_waiting else None,
        "is_unfinished": grant is not None and grant.state in grant.OPEN and grant.ends_at > now,
        "ending_too": facts.ends_with(grant) if grant else (),
        "now": now,
    }
    return render(request, "enrollment/request.html", context)


def _remind_again_at(asked: AccessRequest, now: datetime) -> datetime | None:
    """Return from when on approvers can be reminded again; None: now."""
    again = asked.reminded_at + notices.REMIND_EVERY if asked.reminded_at else None
    return again if again and again > now else None


@require_POST
@login_required
@answers_conflicts
def request_cancel(request: SignedIn, pk: int) -> HttpResponse:
    asked = get_object_or_404(request.user.access_requests, pk=pk)
    if asked.state == AccessRequest.State.CANCELLED:  # by whoever asked, in another tab: nobody else can
        messages.info(request, _("You had cancelled it already."))
        return redirect("request", pk=asked.pk)
    lifecycle.cancel_request(asked, actor=request.user, now=clock.of(request))
    messages.success(request, _("The request is cancelled."))
    return redirect("request", pk=asked.pk)


@require_POST
@login_required
@answers_conflicts
def request_remind(request: SignedIn, pk: int) -> HttpResponse:
    """Have those who may answer told again."""
    asked = get_object_or_404(request.user.access_requests, pk=pk)
    lifecycle.remind_approvers(asked, actor=request.user, now=clock.of(request))
    messages.success(request, _("Everybody who could answer is reminded by mail."))
    return redirect("request", pk=asked.pk)


@require_POST
@login_required
@answers_conflicts
def grant_end(request: SignedIn, pk: int) -> HttpResponse:
    """End my own access now; `pk` is the grant's. No reason is asked for, and none is needed."""
    grant = get_object_or_404(request.user.grants, pk=pk)
    if grant.state == Grant.State.REVOKED and grant.ended_by_id == request.user.pk:
        messages.info(request, _("You had ended it already."))
        return redirect("request", pk=grant.request_id)
    form = EndForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    lifecycle.revoke(grant, actor=request.user, reason=reason or say("ended by its owner"), now=clock.of(request))
    messages.success(request, _("You have ended it. Below it says once every gateway has confirmed that it is gone."))
    return redirect("request", pk=grant.request_id)
