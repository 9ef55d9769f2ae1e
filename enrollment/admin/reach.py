"""The auditor's question: who could reach this, or what could they reach, at that moment? As authorised, as enforced, and by what right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from enrollment import audit, clock, exports, facts
from enrollment.admin.exporting import as_file
from enrollment.admin.mixins import viewer
from enrollment.admin_forms.reach import ReachForm
from enrollment.facts import Reach
from enrollment.models import Grant, Resource, User

NAME = "reach"
A_PAGE = 50
BATCH = 500  # of rows of a file: so many are read at once
FIELDS = frozenset({"resource", "user", "at"})


@dataclass(frozen=True)
class Told:
    """One device that could reach one resource, with the grants that this hung on and the resource's name of today."""

    reach: Reach
    grants: Sequence[Grant]
    resource: str


@dataclass(frozen=True)
class Answer:
    """The form and, where something was asked that can be answered, what the log says."""

    form: ReachForm
    at: datetime | None = None
    resource: Resource | None = None
    user: User | None = None
    reaches: Sequence[Reach] = field(default=(), repr=False)

    @property
    def query(self) -> str:
        """Return the address that asks for this very answer, whenever it is opened."""
        asked = {"resource": self.resource.slug if self.resource else "", "user": self.user.pk if self.user else ""}
        return urlencode({name: value for name, value in {**asked, "at": audit.plain(self.at)}.items() if value})

    def page(self, number: str | None) -> Page[Told]:
        page: Page[Any] = Paginator(self.reaches, A_PAGE).get_page(number)
        page.object_list = told(page.object_list)
        return page


def answer(request: HttpRequest) -> Answer:
    """Answer what the address asks. Reads only, so an address can be kept and shared."""
    now = clock.of(request)
    if not FIELDS & set(request.GET):
        return Answer(ReachForm(initial={"at": now}, now=now))
    form = ReachForm(request.GET, now=now)
    if not form.is_valid():
        return Answer(form)
    asked = form.cleaned_data
    at = asked["at"] or now
    reaches = facts.reaches_at(at, resource=asked["resource"], user=asked["user"])
    return Answer(form, at, asked["resource"], asked["user"], sorted(reaches, key=_order))


def file_of(found: Answer, request: HttpRequest, kind: str) -> HttpResponseBase:
    """Send the whole answer. One that says that nobody could is worth a file too."""
    now = clock.of(request)
    rows = _rows(found)
    lines = exports.begin_report(exports.REACH, rows, len(found.reaches), actor=viewer(request), kind=kind, chosen=found.query, now=now)
    return as_file(request, lines, NAME, kind, now)


def told(reaches: Iterable[Reach]) -> list[Told]:
    """Read along by what right each was: the grants with their answers, which are rows. Four queries."""
    listed = list(reaches)
    numbers = {number for reach in listed for number in reach.grants}
    found = Grant.objects.select_related("request").prefetch_related("request__reviews__reviewer", "request__reviews__on_behalf_of")
    grants = found.in_bulk(numbers)
    names = Resource.objects.in_bulk({reach.resource_id for reach in listed})
    return [
        Told(reach, [grants[each] for each in reach.grants if each in grants], str(names.get(reach.resource_id, reach.resource)))
        for reach in listed
    ]


def _rows(found: Answer) -> Iterator[exports.Row]:
    at = audit.plain(found.at)
    for begin in range(0, len(found.reaches), BATCH):
        for each in told(found.reaches[begin : begin + BATCH]):
            yield {"at": at, **exports.reach_row(each.reach, each.grants)}


def _order(reach: Reach) -> tuple[object, ...]:
    """Begin with what was held though it was not allowed: that is what somebody must look at."""
    return reach.until is not None, reach.user, reach.device, reach.resource, reach.device_id
