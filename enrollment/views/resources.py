"""The catalogue: what can be reached, what I have of it, what I may ask for, and why not."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from enrollment import clock, facts, policy
from enrollment.forms import SearchForm
from enrollment.models import AccessRequest, Grant, Resource, User
from enrollment.values import Emergency
from enrollment.views.outcomes import SignedIn

A_PAGE = 20


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


def _offers(user: User, page: list[Resource], now: datetime) -> list[Offer]:
    live = {grant.resource_id: grant for grant in user.grants.live(now).filter(resource__in=page).order_by("ends_at")}
    open_requests = user.access_requests.filter(state=AccessRequest.State.PENDING, answer_by__gt=now, resource__in=page)
    pending = {asked.resource_id: asked for asked in open_requests}
    askings = facts.asking_all(user, page, now)
    at_once = facts.emergencies(user, page, askings)
    return [Offer(each, live.get(each.pk), pending.get(each.pk), policy.may_ask(askings[each.pk], now), at_once[each.pk]) for each in page]
