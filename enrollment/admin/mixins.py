"""Who may open what in the admin, from the flags of an account and from delegations; no rows of permissions.

Admins keep the estate, auditors read everything and change nothing; approvers, and for a
time those who stand in for them, see what they may answer and what belongs to them. Nobody
deletes. A class says which of these it is by the mixin it has; a verb decides again, per
object, whatever a page let through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from enrollment import clock, facts
from enrollment.admin import history
from enrollment.admin.asked import LONGEST_SEARCH, is_offered
from enrollment.admin.history import Subject
from enrollment.models import User
from enrollment.sentences import spoken

if TYPE_CHECKING:
    Rows = admin.ModelAdmin[Any]
    Inline = admin.StackedInline[Any, Any]
else:
    Rows, Inline = admin.ModelAdmin, admin.StackedInline  # stacked: each value keeps its label, on a phone too


def viewer(request: HttpRequest) -> User:
    """Return who asks; the admin site has checked already that it is somebody of ours."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def reads_all(request: HttpRequest) -> bool:
    """Tell whether this is an admin or an auditor."""
    user = viewer(request)
    return user.is_active and (user.is_admin or user.is_auditor)


def keeps(request: HttpRequest) -> bool:
    """Tell whether this is an admin."""
    return viewer(request).is_admin


def answers(request: HttpRequest) -> bool:
    """Tell whether some policy ever named a group of theirs, or of somebody they stand in for; whether for one request, the verb says."""
    return facts.has_a_voice(viewer(request), clock.of(request))


class Frozen:
    """Nobody adds, changes or deletes; admins and auditors read. For inlines as well."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return reads_all(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)


class Kept(Frozen):
    """Admins add and change; auditors read; nobody deletes."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return keeps(request)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return keeps(request)


class Shared(Frozen):
    """Everybody who may open the admin looks in; `get_queryset` says at which rows."""

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return facts.opens_admin(viewer(request), clock.of(request))


class RowAdmin(Rows):
    """What all our lists share: a look of our own, no counting of whole tables, no history of Django's."""

    show_full_result_count = False
    change_form_template = "admin/enrollment/change_form.html"
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    actions_on_bottom = False
    linked_by: tuple[str, ...] = ()  # fields that links of ours filter by, besides the filters of the list

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": capfirst(str(self.opts.verbose_name_plural)), **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the row's history, for those who may read that."""
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_history"
        link = reverse(name, args=[quote(object_id)]) if reads_all(request) else ""
        return super().change_view(request, object_id, form_url, {"history": link, **(extra_context or {})})

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show what the audit log says of the row, to those who may read the log."""
        if not reads_all(request):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return super().history_view(request, object_id, extra_context)  # which says that there is none
        subjects = self.subjects(obj)
        context = {
            **self.admin_site.each_context(request),
            "title": _("History: %s") % spoken(str(obj)),
            "opts": self.opts,
            "media": self.media,
            "object": obj,
            "subjects": subjects,
            "page": history.page_of(subjects, self.also_about(obj), history.number_in(request.GET)),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/enrollment/history.html", context)

    def subjects(self, obj: Any) -> Sequence[Subject]:  # noqa: ANN401 - any model
        """Return what else the history of a row is about, the row first."""
        return [history.subject_of(obj)]

    def also_about(self, obj: Any) -> Q:  # noqa: ANN401 - any model
        """Find further events of its history, such as about rows that are gone."""
        return Q()

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse (400) what no filter here offers, whatever a crafted address asks."""
        more = [name for name in (self.date_hierarchy, *self.linked_by) if name]
        return is_offered(lookup, value, filters=self.get_list_filter(request), more=more)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """Look for the beginning of what is too long to look for, and say so."""
        if len(search_term) > LONGEST_SEARCH:
            said = _("Only the first %(most)d characters were looked for.") % {"most": LONGEST_SEARCH}
            self.message_user(request, said, messages.WARNING)
        return super().get_search_results(request, queryset, search_term[:LONGEST_SEARCH])
