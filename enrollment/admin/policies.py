"""Access policies: saving terms makes a new version; what was asked under an old one keeps it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enrollment import clock, lifecycle
from enrollment.admin.estate import EstateAdmin
from enrollment.admin.mixins import Frozen, Inline, viewer
from enrollment.admin_forms.policy import DURATIONS, EMERGENCIES, PROOFS, STAGES, PolicyForm
from enrollment.durations import exact
from enrollment.models import AccessPolicy, PolicyVersion, User
from enrollment.sentences import recalled, spoken


class VersionInline(Frozen, Inline):
    """What the terms were, newest first."""

    model = PolicyVersion
    readonly_fields = ("number", "created_at", "created_by", "who_agrees", "who_asks", "times", "proofs", "emergencies")
    fields = (readonly_fields,)
    ordering = ["-number"]
    extra = 0
    verbose_name_plural = _("versions")

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[PolicyVersion]:
        return super().get_queryset(request).select_related("created_by").prefetch_related("stages__group", "requesters", "break_glass_by")

    @admin.display(description=_("who must agree"))
    def who_agrees(self, version: PolicyVersion) -> str:
        return ", ".join(spoken(str(stage)) for stage in version.stages.all())

    @admin.display(description=_("who may ask"))
    def who_asks(self, version: PolicyVersion) -> str:
        who = ", ".join(group.name for group in version.requesters.all()) or gettext("everybody")
        return (
            gettext("%(who)s, with a ticket like %(shape)s") % {"who": who, "shape": version.ticket_shapes}
            if version.ticket_shapes
            else who
        )

    @admin.display(description=_("times"))
    def times(self, version: PolicyVersion) -> str:
        given = [(name, getattr(version, name)) for name in DURATIONS]
        return "\n".join(f"{spoken(recalled(name.replace('_', ' ')))}: {exact(seconds)}" for name, seconds in given if seconds)

    @admin.display(description=_("proof of identity"))
    def proofs(self, version: PolicyVersion) -> str:
        if version.session_length is None:
            return gettext("none asked for")
        asked = [(version.needs_mfa, gettext("second factor")), (version.ends_at_logout, gettext("pauses with signing out"))]
        return "\n".join(words for is_asked, words in asked if is_asked) or gettext("any sign-in")

    @admin.display(description=_("emergency access"))
    def emergencies(self, version: PolicyVersion) -> str:
        if not version.break_glass_longest:
            return gettext("none")
        who = ", ".join(group.name for group in version.break_glass_by.all()) or gettext("whoever may ask")
        return gettext("%(time)s at most, by %(who)s") % {"time": exact(version.break_glass_longest), "who": who}


@admin.register(AccessPolicy)
class AccessPolicyAdmin(EstateAdmin):
    """The terms for asking."""

    form = PolicyForm
    list_display = ["name", "terms", "resources_under_it"]
    search_fields = ["name"]
    inlines = [VersionInline]
    fieldsets = [
        (None, {"fields": ["name"]}),
        (_("Who must agree"), {"fields": [(f"group_{number}", f"need_{number}") for number in STAGES]}),
        (_("Who may ask"), {"fields": ["requesters", "ticket_shapes"]}),
        (_("Times"), {"fields": list(DURATIONS)}),
        (_("Proof of identity"), {"fields": list(PROOFS)}),
        (_("Emergency access"), {"fields": list(EMERGENCIES)}),
    ]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[AccessPolicy]:
        return super().get_queryset(request).prefetch_related("resources", "versions__stages__group")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ANN401 - as Django's
        """Show the form to whoever may save it; to others, the versions say it all."""
        may_save = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return self.fieldsets if may_save else [(None, {"fields": ["name"]})]

    def row_changed(self, form: Any) -> bool:  # noqa: ANN401 - as Django's
        return "name" in form.changed_data  # the terms are a version's, which has an event of its own

    def save_more(self, request: HttpRequest, form: Any) -> None:  # noqa: ANN401 - as Django's
        if not form.terms_changed:
            return
        version = lifecycle.new_policy_version(form.instance, actor=viewer(request), now=clock.of(request), **form.terms)
        self.message_user(request, gettext("These terms are version %d. Requests from now on are asked under it.") % version.number)
        for group, need in form.terms["stages"]:
            if User.objects.filter(groups=group, is_active=True).count() < need + 1:
                few = gettext(
                    "The group %s has few members or none yet: nobody approves for themselves, so some requests could not be approved."
                )
                self.message_user(request, few % group, messages.WARNING)

    @admin.display(description=_("who must agree now"))
    def terms(self, policy: AccessPolicy) -> str:
        versions = sorted(policy.versions.all(), key=lambda version: version.number)
        return ", ".join(spoken(str(stage)) for stage in versions[-1].stages.all()) if versions else gettext("no terms yet")

    @admin.display(description=_("resources"))
    def resources_under_it(self, policy: AccessPolicy) -> int:
        return len(policy.resources.all())
