"""The catalogue, and asking for one resource."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from enrollment import clock, facts, lifecycle, policy
from enrollment.forms import RequestForm, SearchForm
from enrollment.forms.fields import LONGEST_NUMBER
from enrollment.models import AccessRequest, Grant, Resource, User
from enrollment.values import Emergency
from enrollment.views.outcomes import SignedIn, answers_conflicts, show_reasons

A_PAGE = 20
NAMED = 5  # people by name before "and others"


@dataclass(frozen=True)
class Offer:
    """One resource as one person sees it."""

    resource: Resource
    live: Grant | None  # the one that ends last
    pending: AccessRequest | None
    reasons: tuple[str, ...]
    emergency: Emergency


@require_safe
@login_required
def resources(request: SignedIn) -> HttpResponse:
    now = clock.of(request)
    form = SearchForm(request.GET)
    found = Resource.objects.filter(retired_at=None).prefetch_related("ports", "placements__pep")
    words = form.cleaned_data["q"] if form.is_valid() else ""
    for word in words.split():
        found = found.filter(Q(name__icontains=word) | Q(description__icontains=word) | Q(slug__icontains=word))
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "enrollment/resources.html",
        {"form": form, "page": page, "offers": _offers(request.user, list(page), now), "words": words, "now": now},
    )


@require_http_methods(["GET", "POST"])
@login_required
@answers_conflicts
def request_new(request: SignedIn, slug: str) -> HttpResponse:
    now = clock.of(request)
    resource = get_object_or_404(Resource.objects.filter(retired_at=None).prefetch_related("ports", "placements__pep"), slug=slug)
    asking = facts.asking(request.user, resource, now)
    emergency = facts.emergencies(request.user, [resource], {resource.pk: asking})[resource.pk]
    extends = _to_extend(request, resource, now)
    form = RequestForm(
        request.POST or None,
        devices=request.user.devices.usable(),
        longest=asking.longest_grant or 1,
        now=now,
        begins_by_itself=extends is not None,
        initial=_initial(extends),
    )
    if request.method == "POST" and form.is_valid():
        try:
            asked = lifecycle.request_access(
                request.user,
                resource=resource,
                devices=list(form.cleaned_data["devices"]),
                seconds=form.cleaned_data["seconds"],
                reason=form.cleaned_data["reason"],
                ticket=form.cleaned_data["ticket"],
                starts_at=form.cleaned_data.get("starts_at"),
                extends=extends,
                now=now,
            )
        except lifecycle.Refused as refused:
            show_reasons(form, refused)
        else:
            messages.success(request, _("You have asked for %(resource)s.") % {"resource": resource.name})
            return redirect("request", pk=asked.pk)
    return render(
        request,
        "enrollment/request_new.html",
        {
            "form": form,
            "waiting": request.user.devices.to_let_in(),  # read only where there is no usable one
            "resource": resource,
            "asking": asking,
            "reasons": policy.may_ask(asking, now),
            "emergency": emergency,
            "approvers": list(facts.approvers_of(resource, now).exclude(pk=request.user.pk)[: NAMED + 1]),
            "named": NAMED,
            "extends": extends,
            "latest_end": (extends.ends_at if extends else now) + timedelta(seconds=asking.longest_grant),
            "now": now,
        },
    )


def _to_extend(request: SignedIn, resource: Resource, now: datetime) -> Grant | None:
    """Return the grant of mine that `?extends=` names, if it still runs; otherwise it is an ordinary request."""
    number = request.GET.get("extends", "")
    if not (number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER):
        return None
    return request.user.grants.filter(resource=resource).unfinished(now).filter(pk=int(number)).first()


def _initial(extends: Grant | None) -> dict[str, object]:
    return (
        {"devices": [device.pk for device in extends.devices.all()], "reason": extends.request.reason, "ticket": extends.request.ticket}
        if extends
        else {}
    )


def _offers(user: User, page: list[Resource], now: datetime) -> list[Offer]:
    live = {grant.resource_id: grant for grant in user.grants.live(now).filter(resource__in=page).order_by("ends_at")}
    open_requests = user.access_requests.filter(state=AccessRequest.State.PENDING, answer_by__gt=now, resource__in=page)
    pending = {asked.resource_id: asked for asked in open_requests}
    askings = facts.asking_all(user, page, now)
    at_once = facts.emergencies(user, page, askings)
    return [Offer(each, live.get(each.pk), pending.get(each.pk), policy.may_ask(askings[each.pk], now), at_once[each.pk]) for each in page]
