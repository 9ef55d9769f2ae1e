"""What machines wrote, for admins and auditors to read; nobody changes it here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enforcement import lock_down, pep_page, tasks
from enforcement.models import Drift, Enforcement, PepStatus, Receipt
from enforcement.witnesses import of_peps
from enrollment.admin.history import Subject, subject_of
from enrollment.admin.log import AuditEventAdmin
from enrollment.admin.mixins import Frozen, RowAdmin, keeps
from enrollment.admin.verbs import Answers, Verb, VerbAdmin
from enrollment.admin_forms.answers import NothingForm
from enrollment.chain import Witness
from enrollment.models import AuditEvent, User

admin.site.unregister(AuditEvent)


@admin.register(AuditEvent)
class WitnessedLogAdmin(AuditEventAdmin):
    """The audit log, held against what the PEPs saw of it."""

    def witnesses(self) -> tuple[Sequence[Witness], Sequence[str]]:
        heard = of_peps()
        return heard.witnesses, heard.warnings


def lock(status: PepStatus, who: User, _given: Answers, now: datetime) -> str:
    lock_down.ask(status.pep, actor=who, now=now)
    tasks.nudge_lock_down(status.pep_id)
    return gettext("a worker tries to lock it down now. What came of it stands on its page in a moment.")


def leave_open(status: PepStatus, who: User, given: Answers, now: datetime) -> str:
    lock_down.leave_open(status.pep, actor=who, reason=given["reason"], now=now)
    return gettext("left open.")


LOCKING = "admin/enforcement/lock_down.html"
LOCK = Verb("lock_down", _("Lock down …"), _("Lock down?"), _("Lock down"), lock, keeps, NothingForm, LOCKING, is_grave=True)
LEAVE_OPEN = Verb("leave_open", _("Leave open …"), _("Leave it open?"), _("Leave open"), leave_open, keeps, is_grave=True)
OFFERED = {LOCK.name: (PepStatus.Lock.OPEN, PepStatus.Lock.LOST), LEAVE_OPEN.name: (PepStatus.Lock.LOST,)}


class OfPep:
    """What a machine wrote about a PEP: its history is the PEP's."""

    def subjects(self, obj: Any) -> Sequence[Subject]:  # noqa: ANN401 - any model
        return [subject_of(obj.pep)]


@admin.register(PepStatus)
class PepStatusAdmin(OfPep, Frozen, VerbAdmin):
    """How each PEP is: one line a PEP, and a page with all there is to know of it."""

    change_form_template = "admin/enforcement/pep.html"
    verbs = (LOCK, LEAVE_OPEN)
    list_display = ["pep", "error", "failing_since", "agreed_at", "reached_at", "generation", "agent_version", "skew_seconds", "lock"]
    list_select_related = ["pep"]
    search_fields = ["pep__name"]
    ordering = ["pep__name"]

    def offers(self, verb: Verb, obj: PepStatus, request: HttpRequest) -> bool:
        return obj.lock in OFFERED[verb.name]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        status = self.get_object(request, unquote(object_id)) if self.has_view_permission(request) else None
        context = {"title": status, "subtitle": "", "page": pep_page.page_of(status)} if status else {}
        return super().change_view(request, object_id, form_url, {**context, **(extra_context or {})})


@admin.register(Enforcement)
class EnforcementAdmin(Frozen, RowAdmin):
    list_display = ["grant", "device", "pep", "state", "until", "in_force_at", "gone_at", "error", "note"]
    list_filter = ["state", "pep"]
    list_select_related = ["grant__user", "grant__resource", "device", "pep"]
    search_fields = ["grant__user__name", "grant__resource__slug", "device__name"]
    ordering = ["-wanted_at"]

    def subjects(self, obj: Enforcement) -> Sequence[Subject]:
        """Tell of the grant: what its PEP did goes on by itself, and is thousands of events long."""
        return [subject_of(obj.grant), subject_of(obj.grant.request)]


@admin.register(Receipt)
class ReceiptAdmin(OfPep, Frozen, RowAdmin):
    list_display = ["pep", "at", "generation", "outcome", "is_whole", "peers", "admissions", "took_ms", "digest"]
    list_filter = ["outcome", "is_whole", "pep"]
    list_select_related = ["pep"]
    date_hierarchy = "at"


@admin.register(Drift)
class DriftAdmin(OfPep, Frozen, RowAdmin):
    list_display = ["pep", "at", "kind", "words"]
    list_filter = ["kind", "pep"]
    list_select_related = ["pep"]
    date_hierarchy = "at"
