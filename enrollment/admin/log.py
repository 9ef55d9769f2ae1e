"""The audit log, to read, to search, and to verify on demand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Case, OuterRef, Q, QuerySet, Subquery, Value, When
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from enrollment import audit, clock, exports, facts, step_up
from enrollment.admin import reach
from enrollment.admin.asked import LONGEST_SEARCH
from enrollment.admin.exporting import ExportAdmin
from enrollment.admin.filters import DaysFilter
from enrollment.admin.history import Subject
from enrollment.admin.mixins import Frozen, viewer
from enrollment.admin.persons import below
from enrollment.chain import Witness
from enrollment.models import AccessRequest, AuditEvent, Device, Grant, User
from enrollment.sentences import recalled
from enrollment.templatetags.times import moment


@admin.register(AuditEvent)
class AuditEventAdmin(Frozen, ExportAdmin):
    """What happened, newest first."""

    export = exports.EVENTS
    change_list_template = "admin/enrollment/auditevent_list.html"
    list_display = ["seq", "when", "verb", "by", "subject_type", "about"]
    list_filter = [DaysFilter, "verb", "subject_type"]
    search_fields = ["actor", "subject", "verb"]
    search_help_text = _("Who, about what, or which verb; of an e-mail address, all about whoever has it")
    date_hierarchy = "at"
    linked_by = ("subject_id",)
    readonly_fields = ("seq", "when", "verb", "by", "actor_id", "subject_type", "subject", "subject_id", "what", "previous", "hash")
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        """Read along the address that each person has today: an event holds the name that they had then."""
        rows: QuerySet[AuditEvent] = super().get_queryset(request)
        them = User.objects.filter(pk=OuterRef("subject_id"))
        return rows.annotate(
            actor_email=Subquery(User.objects.filter(pk=OuterRef("actor_id")).values("email")[:1]),
            subject_email=Case(When(subject_type="user", then=Subquery(them.values("email")[:1])), default=Value("")),
        )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """Find by an address, too, which events do not hold: what this person did, and what became of what is theirs."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        return (found | queryset.filter(_about(search_term.strip())) if "@" in search_term else found), may_repeat

    @admin.display(description=_("when"), ordering="at")
    def when(self, event: AuditEvent) -> SafeString:
        """Say it to the second: many events share a minute."""
        return moment(event.at)

    @admin.display(description=_("who"), ordering="actor")
    def by(self, event: Any) -> str:  # noqa: ANN401 - with the address
        return below(recalled(event.actor), event.actor_email or "")

    @admin.display(description=_("about"), ordering="subject")
    def about(self, event: Any) -> str:  # noqa: ANN401 - with the address
        return below(event.subject, event.subject_email or "")

    def subjects(self, obj: Any) -> Sequence[Subject]:  # noqa: ANN401 - any model
        """Tell what else happened to whatever the event is about."""
        return [] if obj.subject_id is None else [Subject(obj.subject_type, obj.subject_id, obj.subject)]

    def also_about(self, obj: Any) -> Q:  # noqa: ANN401 - any model
        return Q(seq=obj.seq)  # alone, where it is about nothing that has a number

    def get_urls(self) -> list[URLPattern]:
        own = {"verify": self.verify_view, "reach": self.reach_view}
        paths = [path(f"{name}/", self.admin_site.admin_view(view), name=f"enrollment_auditevent_{name}") for name, view in own.items()]
        return [*paths, *super().get_urls()]

    def reach_view(self, request: HttpRequest) -> HttpResponseBase:
        """Tell who could reach what at a moment; POST takes the same answer as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST" and (asked := step_up.ask(request, keeps=False)):
            return asked
        found, kind = reach.answer(request), request.POST.get("as", "")
        if request.method == "POST" and kind in exports.FORMATS and found.at:
            return reach.file_of(found, request, kind)
        more = {"form": found.form, "found": found, "page": found.page(request.GET.get("page")), "query": found.query}
        return TemplateResponse(request, "admin/enrollment/reach.html", {**self._page(request, _("Who could reach what")), **more})

    def verify_view(self, request: HttpRequest) -> HttpResponseBase:
        """Read the whole chain, say whether it holds, and note that for the index. POST, because it takes as long as the log is."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = self._page(request, _("Verify the audit log"))
        if request.method == "POST":
            witnesses, warnings = self.witnesses()
            context["check"] = audit.verify_and_note(witnesses, warnings, by=str(viewer(request)), now=clock.of(request))
        return TemplateResponse(request, "admin/enrollment/verify.html", context)

    def _page(self, request: HttpRequest, title: object) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "title": title, "opts": self.opts, "media": self.media}

    def witnesses(self) -> tuple[Sequence[Witness], Sequence[str]]:
        """Return what others saw of the log, and who could not be asked. Whoever has such others says so in a class of its own."""
        return (), ()

    @admin.display(description=_("data"))
    def what(self, event: AuditEvent) -> str:
        return json.dumps(event.data, indent=2, sort_keys=True, ensure_ascii=False)


def _about(address: str) -> Q:
    """Find events by whoever has this in their e-mail address, about them, and about what is theirs."""
    people = [user.pk for user in facts.people_like(address[:LONGEST_SEARCH])]
    theirs = {
        "accessrequest": AccessRequest.objects.filter(requester__in=people),
        "grant": Grant.objects.filter(user__in=people),
        "device": Device.objects.filter(owner__in=people),
    }
    about = Q(actor_id__in=people) | Q(subject_type="user", subject_id__in=people)
    return reduce(or_, (Q(subject_type=kind, subject_id__in=rows.values("pk")) for kind, rows in theirs.items()), about)
