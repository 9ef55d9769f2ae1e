"""The catalogue: what can be reached, what I have of it, what I may ask for, and why not."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from enrollment import clock, facts
from enrollment.forms import SearchForm
from enrollment.forms.fields import numbers
from enrollment.models import AccessRequest, Grant, Resource, User
from enrollment.values import Emergency
from enrollment.views.asking import Terms, terms_of
from enrollment.views.outcomes import SignedIn
from enrollment.views.people import those

A_PAGE = 20


@dataclass(frozen=True)
class Offer:
    """One resource as one person sees it."""

    resource: Resource
    terms: Terms
    live: Grant | None  # the one that ends last
    until: datetime | None  # when access ends, with what goes on where that ends
    having: str  # the devices that have it now
    is_for_more: bool  # I have other devices, which do not
    pending: AccessRequest | None
    waits_for: str  # those who must answer
    emergency: Emergency
    is_ticked: bool

    @property
    def can_be_ticked(self) -> bool:
        """Tell whether it may be one of several: more time for what one has is asked for by itself."""
        return not (self.terms.reasons or self.pending or self.live)


@require_safe
@login_required
def resources(request: SignedIn) -> HttpResponse:
    """Show a page of them. What was ticked stays ticked while one searches and turns pages: it is in the address."""
    now = clock.of(request)
    form = SearchForm(request.GET)
    on_offer = Resource.objects.filter(retired_at=None)
    found = on_offer.prefetch_related("ports", "placements__pep")
    words = form.cleaned_data["q"] if form.is_valid() else ""
    for word in words.split():
        found = found.filter(Q(name__icontains=word) | Q(description__icontains=word) | Q(slug__icontains=word))
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    ticked = frozenset(numbers(request.GET.getlist("resource")))
    context = {
        "form": form,
        "page": page,
        "offers": _offers(request.user, list(page), ticked, now),
        "elsewhere": on_offer.filter(pk__in=ticked).exclude(pk__in=[each.pk for each in page]),
        "words": words,
        "now": now,
    }
    return render(request, "enrollment/resources.html", context)


def _offers(user: User, page: list[Resource], ticked: frozenset[int], now: datetime) -> list[Offer]:
    running = list(user.grants.live(now).filter(resource__in=page).order_by("ends_at").prefetch_related("devices"))
    live = {grant.resource_id: grant for grant in running}
    having: dict[int, dict[int, str]] = {}
    for grant in running:
        having.setdefault(grant.resource_id, {}).update({device.pk: device.name for device in grant.devices.all()})
    usable = set(user.devices.usable().values_list("pk", flat=True)) if running else set()
    until = {pk: chain[-1].ends_at for pk, chain in facts.onward(live.values()).items() if chain}
    open_requests = user.access_requests.filter(state=AccessRequest.State.PENDING, answer_by__gt=now, resource__in=page)
    pending = {asked.resource_id: asked for asked in open_requests.select_related("resource")}
    left = facts.answerers_left(list(pending.values()), user, now) if pending else {}
    terms = terms_of(user, page, now)
    at_once = facts.emergencies(user, page, {pk: each.asking for pk, each in terms.items()})
    return [
        Offer(
            each,
            terms[each.pk],
            mine := live.get(each.pk),
            until.get(mine.pk, mine.ends_at) if mine else None,
            ", ".join(sorted(having.get(each.pk, {}).values())),
            bool(mine and usable - having[each.pk].keys()),
            asked := pending.get(each.pk),
            those(left[asked.pk]) if asked else "",
            at_once[each.pk],
            each.pk in ticked,
        )
        for each in page
    ]
