"""Filters that show what needs doing first; everything else is one click away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from enrollment import clock, facts
from enrollment.admin.mixins import answers, viewer
from enrollment.admin_forms.period import DaysForm
from enrollment.models import AccessRequest, Device, Grant, Review, User
from enrollment.models.devices import LOST

ALL = "all"
ORPHANS = "orphans"  # nobody is left to answer them
TO_REVIEW = "review"
UNUSED = "never"


def answerable(user: User, now: datetime) -> QuerySet[AccessRequest]:
    """Return the requests in which they, or somebody they stand in for, have a say; whether it is their turn, the verb says."""
    return AccessRequest.objects.filter(facts.has_a_say(user, now))


def overseen(user: User, now: datetime) -> QuerySet[Grant]:
    """Return the grants that came of such requests, or are for such a resource now."""
    return Grant.objects.filter(facts.has_a_say(user, now) | facts.has_a_say(user, now, version="request__policy_version"))


class DefaultFilter(admin.SimpleListFilter):
    """A filter that is on unless somebody says "all"."""

    default = ""

    def value(self) -> str:
        return super().value() or self.default

    def choices(self, changelist: Any) -> Iterator[Any]:  # noqa: ANN401 - as Django's
        for lookup, title in self.lookup_choices:
            query = changelist.get_query_string({self.parameter_name: lookup})
            yield {"selected": self.value() == str(lookup), "query_string": query, "display": title}


class RequestFilter(DefaultFilter):
    """Waiting for me, waiting at all, or by what became of it."""

    title = _("state")
    parameter_name = "waiting"
    default = "mine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - as Django's
        closed = [(value, label) for value, label in AccessRequest.State.choices if value != AccessRequest.State.PENDING]
        first = [("mine", _("waiting for me"))] if answers(request) else [("mine", _("waiting"))]
        return [*first, ("pending", _("waiting, all")), (ORPHANS, _("waiting in vain")), *closed, (ALL, _("all"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == ALL:
            return queryset
        if self.value() not in {"mine", ORPHANS, AccessRequest.State.PENDING}:
            return queryset.filter(state=self.value())
        now = clock.of(request)
        if self.value() == ORPHANS:
            return queryset.filter(pk__in=facts.orphans(now))
        if self.value() == "mine" and answers(request):
            return queryset.filter(pk__in=facts.to_answer(viewer(request), now).values("pk"))
        return queryset.filter(state=AccessRequest.State.PENDING, answer_by__gt=now)


class DeviceFilter(admin.SimpleListFilter):
    """What waits to be let in first; lost ones beside the merely suspended."""

    title = _("state")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - as Django's
        return [*((value, label) for value, label in Device.State.choices), (LOST, _("reported lost"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == LOST:
            return queryset.filter(state=Device.State.SUSPENDED, lost_at__isnull=False)
        return queryset.filter(state=self.value()) if self.value() in Device.State.values else queryset


class GrantFilter(DefaultFilter):
    """Live or to come, or ended: by times, so that a dead worker never leaves "active" here."""

    title = _("state")
    parameter_name = "standing"
    default = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - as Django's
        return [("open", _("live or to come")), (TO_REVIEW, _("emergency access to review")), ("ended", _("ended")), (ALL, _("all"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        open_ones = Grant.objects.unfinished(clock.of(request)).values("pk")
        if self.value() == ALL:
            return queryset
        if self.value() == TO_REVIEW:
            return queryset.filter(review_due=True)
        return queryset.exclude(pk__in=open_ones) if self.value() == "ended" else queryset.filter(pk__in=open_ones)


class UseFilter(admin.SimpleListFilter):
    """Whether a device was heard on a PEP while the grant was in force there: what nobody uses, nobody needs."""

    title = _("use")
    parameter_name = "use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - as Django's
        return [(UNUSED, _("never used")), ("used", _("used"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == UNUSED:
            return queryset.filter(pk__in=Grant.objects.unheard().values("pk"))
        return queryset.filter(pk__in=Grant.objects.heard().values("pk")) if self.value() == "used" else queryset


class FindingFilter(admin.SimpleListFilter):
    """What was answered: a request's yes or no, or whether emergency access was justified."""

    title = _("answer")
    parameter_name = "answer"
    FOUND: ClassVar = {
        "approved": Q(verdict=Review.Verdict.APPROVE, stage__isnull=False),
        "denied": Q(verdict=Review.Verdict.DENY, stage__isnull=False),
        "justified": Q(verdict=Review.Verdict.APPROVE, stage__isnull=True),
        "not_justified": Q(verdict=Review.Verdict.DENY, stage__isnull=True),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - as Django's
        words = (_("approved"), _("denied"), _("emergency access, found justified"), _("emergency access, found not justified"))
        return list(zip(self.FOUND, words, strict=True))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(self.FOUND.get(self.value() or "", Q()))


class DaysFilter(admin.SimpleListFilter):
    """From one day up to and with another: some to choose, and any to type."""

    title = _("days")
    parameter_name = "first"
    parameters = ("first", "last")
    template = "admin/enrollment/days_filter.html"
    column = "at"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:  # noqa: ANN401 - as Django's
        last = params.pop("last", [""])[-1]
        super().__init__(request, params, model, model_admin)
        if last:
            self.used_parameters["last"] = last
        self.form = DaysForm(self.used_parameters, auto_id="days_%s")
        self.folded = DaysForm(self.used_parameters, auto_id="folded_%s")  # the same once more, above the list on a phone

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameters)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - as Django's
        self.today = clock.of(request).date()
        return [("1", _("today")), ("7", _("the last 7 days")), ("30", _("the last 30 days"))]

    def choices(self, changelist: Any) -> Iterator[Any]:  # noqa: ANN401 - as Django's
        """Offer some days; those that were typed are chosen, and have no name but themselves."""
        self.rest = {name: value for name, value in changelist.params.items() if name not in self.parameters}  # for the form to keep
        given = {name: str(self.used_parameters[name]) for name in self.parameters if self.used_parameters.get(name)}
        named = [
            ({"first": f"{self.today - timedelta(days=int(days) - 1)}", "last": f"{self.today}"}, words)
            for days, words in self.lookup_choices
        ]
        yield {"selected": not given, "query_string": changelist.get_query_string(remove=self.parameters), "display": _("all")}
        if given and given not in [each for each, _words in named]:
            named.append((given, " - ".join(given.get(name, "…") for name in self.parameters)))
        for each, words in named:
            yield {"selected": given == each, "query_string": changelist.get_query_string(each), "display": words}

    def _days(self, days: int) -> dict[str, str]:
        return {"first": f"{self.today - timedelta(days=days - 1)}", "last": f"{self.today}"}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Find nothing where the days are none: the form says so, and no file holds what nobody asked for."""
        return queryset.filter(self.form.within(self.column)) if self.form.is_valid() else queryset.none()


class RetiredFilter(admin.SimpleListFilter):
    """What is offered still, and what is no longer."""

    title = _("state")
    parameter_name = "retired"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - as Django's
        return [("no", _("offered")), ("yes", _("retired"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(retired_at__isnull=self.value() == "no") if self.value() in {"no", "yes"} else queryset
