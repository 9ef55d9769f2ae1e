"""Who answered what, and for auditors: how many each, how fast, and how much in somebody else's stead."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enrollment import approvers, clock, exports, step_up
from enrollment.admin.exporting import ExportAdmin, as_file
from enrollment.admin.filters import FindingFilter
from enrollment.admin.history import Subject, subject_of
from enrollment.admin.mixins import Shared, reads_all, viewer
from enrollment.admin.persons import told_apart
from enrollment.admin_forms.period import PeriodForm, last_days
from enrollment.models import AccessRequest, Grant, Review
from enrollment.sentences import spoken

NAME = "approvers"
A_PAGE = 50


@admin.register(Review)
class ReviewAdmin(Shared, ExportAdmin):
    """Approvers see their own, and what was answered in their stead; admins and auditors see all."""

    export = exports.REVIEWS
    change_list_template = "admin/enrollment/review_list.html"
    list_display = ["created_at", "by", "in_whose_stead", "asked", "found", "comment"]
    list_filter = [FindingFilter, ("request__resource", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["reviewer__name", "on_behalf_of__name", "requester__name", "request__resource__name", "comment"]
    search_help_text = _("Who answered or asked, what, or a word of the comment")
    ordering = ["-created_at", "-id"]
    date_hierarchy = "created_at"
    list_select_related = ["reviewer", "on_behalf_of", "requester", "request__requester", "request__resource", "stage__group"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        rows = super().get_queryset(request)
        return rows if reads_all(request) else rows.filter(Q(reviewer=viewer(request)) | Q(on_behalf_of=viewer(request)))

    @admin.display(description=_("answer"), ordering="verdict")
    def found(self, review: Review) -> str:
        """Say what was found, which of emergency access is no approval."""
        if review.is_of_emergency:
            return gettext("emergency access, %(finding)s") % {"finding": spoken(review.finding)}
        return spoken(review.finding)

    def subjects(self, obj: Any) -> Sequence[Subject]:  # noqa: ANN401 - any model
        """Tell of the request: an answer is an event of that, or, where it reviews emergency access, of the grant."""
        return [subject_of(obj.request), *map(subject_of, Grant.objects.filter(request=obj.request_id))]

    @admin.display(description=_("reviewer"), ordering="reviewer__name")
    def by(self, review: Review) -> str:
        return told_apart(str(review.reviewer), review.reviewer)

    @admin.display(description=_("in the stead of"), ordering="on_behalf_of__name", empty_value="-")
    def in_whose_stead(self, review: Review) -> str | None:
        return told_apart(str(review.on_behalf_of), review.on_behalf_of) if review.on_behalf_of else None

    @admin.display(description=_("request"), ordering="request")
    def asked(self, review: Review) -> str:
        return told_apart(str(review.request), review.request.requester)

    def get_urls(self) -> list[URLPattern]:
        return [path(f"{NAME}/", self.admin_site.admin_view(self.approvers_view), name=f"enrollment_review_{NAME}"), *super().get_urls()]

    def approvers_view(self, request: HttpRequest) -> HttpResponseBase:
        """Show a row for each approver, over the days that the address names; POST takes the same rows as a file."""
        if not reads_all(request):
            raise PermissionDenied
        if request.method == "POST" and (asked := step_up.ask(request, keeps=False)):
            return asked
        now = clock.of(request)
        form = PeriodForm(request.GET if set(PeriodForm.base_fields) & set(request.GET) else {k: str(v) for k, v in last_days(now).items()})
        found = approvers.by_approver(form.of(Review.objects.all())) if form.is_valid() else []
        silences = approvers.by_silence(form.closed(AccessRequest.objects.all())) if form.is_valid() else []
        rows, kind = approvers.as_rows(found, silences), request.POST.get("as", "")
        if request.method == "POST" and kind in exports.FORMATS and rows:
            chosen = _without_page(request.GET)
            lines = exports.begin_report(exports.APPROVERS, rows, len(rows), actor=viewer(request), kind=kind, chosen=chosen, now=now)
            return as_file(request, lines, NAME, kind, now)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Answers by approver"),
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "page": Paginator(found, A_PAGE).get_page(request.GET.get("page")),
            "query": _without_page(request.GET),
            "silences": silences,
        }
        return TemplateResponse(request, "admin/enrollment/approvers.html", context)


def _without_page(address: QueryDict) -> str:
    """Return what an address asks, whichever page of the answer it shows."""
    asked = address.copy()
    asked.pop("page", None)
    return asked.urlencode()
