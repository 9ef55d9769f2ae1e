"""Who stands in for whom: approvers keep their own, admins end any, and admins and auditors read all of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import DateTimeField, Q, QuerySet, Value
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enrollment import clock, facts, lifecycle, step_up
from enrollment.admin.filters import DefaultFilter
from enrollment.admin.mixins import Shared, keeps, reads_all, viewer
from enrollment.admin.persons import address_of
from enrollment.admin.verbs import Answers, Verb, VerbAdmin, ending
from enrollment.admin_forms.answers import NothingForm
from enrollment.admin_forms.delegations import DelegationForm
from enrollment.lifecycle import Refused
from enrollment.models import Delegation, User
from enrollment.moments import in_words
from enrollment.sentences import spoken


def end(delegation: Delegation, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.end_delegation(delegation, actor=actor, now=now)
    return gettext("Ended. %(person)s answers in nobody's stead by it from now on.") % {"person": delegation.delegate}


def may_end_something(request: HttpRequest) -> bool:
    return keeps(request) or _own(viewer(request)).exists()


class DelegationFilter(DefaultFilter):
    """Running or to come, or over: by times."""

    title = _("state")
    parameter_name = "standing"
    default = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - as Django's
        return [("open", _("running or to come")), ("over", _("over")), ("all", _("all"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        open_ones = Delegation.objects.open(clock.of(request)).values("pk")
        if self.value() == "all":
            return queryset
        return queryset.exclude(pk__in=open_ones) if self.value() == "over" else queryset.filter(pk__in=open_ones)


@admin.register(Delegation)
class DelegationAdmin(Shared, VerbAdmin):
    """What one lent and what was lent to one."""

    verbs = (ending("end", _("End …"), _("End the delegation?"), _("End"), end, may_end_something, NothingForm),)
    list_display = ["who_stands_in", "in_whose_stead", "starts_at", "ends_at", "standing"]
    list_filter = [DelegationFilter]
    search_fields = ["delegator__name", "delegator__email", "delegate__name", "delegate__email"]
    search_help_text = _("Who, for whom")
    list_select_related = ["delegator", "delegate", "ended_by"]
    readonly_fields = ("who_stands_in", "in_whose_stead", "starts_at", "ends_at", "reason", "standing", "created_at")
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delegation]:
        found = super().get_queryset(request).select_related("delegator", "delegate", "ended_by")
        rows: QuerySet[Delegation] = found.annotate(looked_at=Value(clock.of(request), output_field=DateTimeField()))
        return rows if reads_all(request) else rows.filter(pk__in=_own(viewer(request)).values("pk"))

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Let approvers in their own right in: what was lent is not lent on."""
        return viewer(request).is_active and facts.may_answer_something(viewer(request))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Ask, and on POST do it: the verb's refusals are shown above the form, and what was typed stays."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if asked := step_up.ask(request):
            return asked
        now = clock.of(request)
        form = DelegationForm(request.POST if request.method == "POST" else step_up.kept(request), now=now)
        if request.method == "POST" and form.is_valid() and self._made(form, viewer(request), now):
            said = {"person": form.cleaned_data["delegate"], "end": spoken(in_words(_end(form)))}
            self.message_user(request, gettext("%(person)s can answer in your stead until %(end)s.") % said, messages.SUCCESS)
            return HttpResponseRedirect(self._list_url())
        context = {
            **self.admin_site.each_context(request),
            "title": _("Let somebody stand in for you"),
            "button": _("Let them stand in"),
            "form": form,
            "opts": self.opts,
            "media": self.media,
            "list_url": self._list_url(),
        }
        return TemplateResponse(request, "admin/enrollment/delegate.html", context)

    def _made(self, form: DelegationForm, delegator: User, now: datetime) -> bool:
        given = form.cleaned_data
        try:
            lifecycle.delegate(
                delegator, delegate=given["delegate"], starts_at=given["starts_at"], ends_at=_end(form), reason=given["reason"], now=now
            )
        except Refused as refused:
            for reason in refused.reasons:
                form.add_error(None, reason)
            return False
        return True

    def offers(self, verb: Verb, obj: Any, request: HttpRequest) -> bool:  # noqa: ANN401 - any model
        return bool(obj.ended_at is None and obj.ends_at > obj.looked_at)

    @admin.display(description=_("who stands in"), ordering="delegate__name")
    def who_stands_in(self, delegation: Delegation) -> str:
        return _with_address(delegation.delegate)

    @admin.display(description=_("in whose stead"), ordering="delegator__name")
    def in_whose_stead(self, delegation: Delegation) -> str:
        return _with_address(delegation.delegator)

    @admin.display(description=_("standing"))
    def standing(self, delegation: Delegation) -> str:
        now = delegation.looked_at  # type: ignore[attr-defined]  # by get_queryset
        if delegation.ended_at:
            by = delegation.ended_by or gettext("the system")
            return gettext("ended by %(by)s on %(at)s") % {"by": by, "at": spoken(in_words(delegation.ended_at))}
        if delegation.ends_at <= now:
            return gettext("over")
        if not (delegation.delegator.is_active and delegation.delegate.is_active):
            return gettext("without effect: an account is disabled")
        return gettext("running") if delegation.starts_at <= now else gettext("to come")


def _own(user: User) -> QuerySet[Delegation]:
    return Delegation.objects.filter(Q(delegator=user) | Q(delegate=user))


def _end(form: DelegationForm) -> datetime:
    end_at: datetime = form.cleaned_data["starts_at"] + timedelta(seconds=form.cleaned_data["lasts"])
    return end_at


def _with_address(user: User) -> str:
    """Return the address too: names are chosen by people. No link: an approver may not open accounts."""
    return f"{user} <{address_of(user)}>"
