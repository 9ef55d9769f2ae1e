"""What machines wrote, for admins and auditors to read; nobody changes it here."""

from django.contrib import admin

from enforcement.models import Drift, Enforcement, PepStatus, Receipt
from enrollment.admin.mixins import Frozen, RowAdmin


@admin.register(PepStatus)
class PepStatusAdmin(Frozen, RowAdmin):
    list_display = ["pep", "error", "failing_since", "agreed_at", "reached_at", "generation", "agent_version", "skew_seconds"]
    list_select_related = ["pep"]
    search_fields = ["pep__name"]
    ordering = ["pep__name"]


@admin.register(Enforcement)
class EnforcementAdmin(Frozen, RowAdmin):
    list_display = ["grant", "device", "pep", "state", "until", "in_force_at", "gone_at", "error", "note"]
    list_filter = ["state", "pep"]
    list_select_related = ["grant__user", "grant__resource", "device", "pep"]
    search_fields = ["grant__user__name", "grant__resource__slug", "device__name"]
    ordering = ["-wanted_at"]


@admin.register(Receipt)
class ReceiptAdmin(Frozen, RowAdmin):
    list_display = ["pep", "at", "generation", "outcome", "is_whole", "peers", "admissions", "took_ms", "digest"]
    list_filter = ["outcome", "is_whole", "pep"]
    list_select_related = ["pep"]
    date_hierarchy = "at"


@admin.register(Drift)
class DriftAdmin(Frozen, RowAdmin):
    list_display = ["pep", "at", "kind", "words"]
    list_filter = ["kind", "pep"]
    list_select_related = ["pep"]
    date_hierarchy = "at"
