"""A list of the admin as a file, filtered as it is on the screen: for auditors and admins, and written down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR, ChangeList
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from enrollment import clock, exports, step_up
from enrollment.admin.mixins import RowAdmin, reads_all, viewer

MARK = re.compile(r"[0-9a-f]{1,8}")


def as_file(request: HttpRequest, lines: Iterator[str], name: str, kind: str, now: datetime) -> StreamingHttpResponse:
    """Send it as a file whose name is ours alone. The form's mark comes back as a cookie: no script sees a download begin otherwise."""
    named = f'attachment; filename="lychgate-{name}-{now:%Y%m%dT%H%M%SZ}.{kind}"'
    headers = {"Content-Disposition": named, "Cache-Control": "no-store"}
    response = StreamingHttpResponse(lines, content_type=exports.FORMATS[kind], headers=headers)
    if MARK.fullmatch(mark := request.POST.get("mark", "")):
        response.set_cookie("lychgate-file", mark, max_age=60, path=request.path, secure=settings.SESSION_COOKIE_SECURE, samesite="Strict")
    return response


def in_words(changelist: ChangeList) -> Iterator[str]:
    """Say what a list was filtered by, as its own page says it."""
    for spec in changelist.filter_specs:
        chosen = [str(each["display"]) for each in spec.choices(changelist) if each["selected"]]
        if chosen and chosen[0].casefold() != _("all"):
            yield f"{spec.title}: {', '.join(chosen)}"
    if changelist.query:
        yield _("search: %(words)s") % {"words": changelist.query}
    days = [f"{changelist.date_hierarchy}__{part}" for part in ("year", "month", "day")]
    if any(asked := [changelist.params.get(day, "") for day in days]):
        yield _("date: %(date)s") % {"date": "-".join(part.zfill(2) for part in asked if part)}
    told = {name for spec in changelist.filter_specs for name in spec.expected_parameters()} | {*days, SEARCH_VAR, ORDER_VAR}
    for name in changelist.filter_params.keys() - told:  # no filter of the page's own, such as a link from elsewhere
        yield f"{name} = {changelist.params[name]}"


class ExportAdmin(RowAdmin):
    """GET shows what would be taken, POST takes it. The address carries the list's own filter."""

    export: ClassVar[exports.Export]
    change_list_template = "admin/enrollment/exported_list.html"

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export/", self.admin_site.admin_view(self.export_view), name=name), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        where = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_export")
        query = request.GET.urlencode()
        link = f"{where}?{query}" if query else where
        return super().changelist_view(request, {**(extra_context or {}), "export_url": link if reads_all(request) else ""})

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        if not reads_all(request):
            raise PermissionDenied
        if asked := step_up.ask(request, keeps=False):
            return asked
        try:
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist") + "?e=1")
        rows = changelist.queryset
        kind = request.POST.get("as", "")
        if request.method == "POST" and kind in exports.FORMATS:
            now = clock.of(request)
            lines = exports.begin(self.export, rows, actor=viewer(request), kind=kind, chosen=request.GET.urlencode(), now=now)
            return as_file(request, lines, self.export.name, kind, now)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Export"),
            "opts": self.opts,
            "media": self.media,
            "rows": rows.count(),
            "chosen": request.GET.urlencode(),
            "filters": list(in_words(changelist)),
        }
        return TemplateResponse(request, "admin/enrollment/export.html", context)
