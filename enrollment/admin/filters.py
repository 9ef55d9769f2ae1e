"""Filters that show what needs doing first; everything else is one click away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from enrollment.admin.mixins import answers, viewer
from enrollment.models import AccessRequest, Grant, PolicyVersion, Stage, User

ALL = "all"


def answerable(user: User) -> QuerySet[AccessRequest]:
    """Return the requests in which a group of theirs has a say; whether it is their turn, the verb says."""
    mine = _stages(user)
    return AccessRequest.objects.filter(Q(policy_version__in=mine.values("version")) | Q(resource__policy__in=_current(mine)))


def overseen(user: User) -> QuerySet[Grant]:
    """Return the grants that came of such requests, or are for such a resource now."""
    mine = _stages(user)
    return Grant.objects.filter(Q(policy_version__in=mine.values("version")) | Q(resource__policy__in=_current(mine)))


def _stages(user: User) -> QuerySet[Stage]:
    return Stage.objects.filter(group__memberships__user=user)


def _current(stages: QuerySet[Stage]) -> QuerySet[Stage, Any]:
    newer = PolicyVersion.objects.filter(policy=OuterRef("version__policy"), number__gt=OuterRef("version__number"))
    return stages.filter(~Exists(newer)).values("version__policy")


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
        return [*first, ("pending", _("waiting, all")), *closed, (ALL, _("all"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == ALL:
            return queryset
        if self.value() not in {"mine", AccessRequest.State.PENDING}:
            return queryset.filter(state=self.value())
        waiting = queryset.filter(state=AccessRequest.State.PENDING, answer_by__gt=timezone.now())
        if self.value() == "mine" and answers(request):
            user = viewer(request)
            return waiting.filter(pk__in=answerable(user).values("pk")).exclude(requester=user).exclude(reviews__reviewer=user)
        return waiting


class GrantFilter(DefaultFilter):
    """Live or to come, or ended: by times, so that a dead worker never leaves "active" here."""

    title = _("state")
    parameter_name = "standing"
    default = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - as Django's
        return [("open", _("live or to come")), ("ended", _("ended")), (ALL, _("all"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        open_ones = Grant.objects.unfinished(timezone.now()).values("pk")
        if self.value() == ALL:
            return queryset
        return queryset.exclude(pk__in=open_ones) if self.value() == "ended" else queryset.filter(pk__in=open_ones)
