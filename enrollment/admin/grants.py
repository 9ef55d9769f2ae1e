"""Grants, with where each stands on its PEPs as read back; what there is to do is to revoke, and to review emergency access."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import DateTimeField, Q, QuerySet, Value
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enrollment import clock, exports, facts, lifecycle
from enrollment.admin import briefing, earlier, emergencies
from enrollment.admin.exporting import ExportAdmin
from enrollment.admin.filters import GrantFilter, UseFilter, overseen
from enrollment.admin.history import Subject, subject_of
from enrollment.admin.mixins import Shared, answers, reads_all, viewer
from enrollment.admin.persons import address_of, told_apart
from enrollment.admin.verbs import Answers, Verb, VerbAdmin, ending
from enrollment.admin_forms.answers import ReasonForm
from enrollment.durations import exact
from enrollment.models import Grant, User
from enrollment.moments import in_words
from enrollment.sentences import recalled, spoken

NOT_YET = _("not confirmed yet")


def revoke(grant: Grant, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.revoke(grant, actor=actor, reason=given["reason"], now=now)
    return gettext("Revoked. The grant says whether the PEPs have let go of it, once they were read back.")


def may_revoke_something(request: HttpRequest) -> bool:
    return viewer(request).is_admin or answers(request)


def enforcement_words(row: Any) -> str:  # noqa: ANN401 - enforcement's rows are read through the relation, not imported
    """Return one PEP's standing: what its kernel said, and when, to the second."""
    where, at = f"{row.device} · {row.pep}", "%Y-%m-%d %H:%M:%S UTC"
    since = gettext("in force since %s") % f"{row.in_force_at:{at}}" if row.in_force_at else ""
    then = {
        "ending": row.ending_at and gettext("ending since %s, not confirmed yet") % f"{row.ending_at:{at}}",
        "gone": row.gone_at and gettext("gone, confirmed at %s") % f"{row.gone_at:{at}}",
    }
    words = [since, then.get(row.state)] if row.state in {"in_force", *then} else []
    standing = "; ".join(filter(None, words)) or row.get_state_display()
    return f"{where}: {standing}{f' ({spoken(recalled(row.error))})' if row.error else ''}"


def on_the_peps(grant: Grant) -> str:
    """Return where it stands on each PEP, a line each. Its `enforcements` are best prefetched."""
    return "\n".join(map(enforcement_words, grant.enforcements.all())) or str(NOT_YET)


def _standing(grant: Grant, now: datetime, *, says_who: bool) -> str:
    """Say where it stands; `says_who` is one query more where something else than time or a revoke ended it."""
    if grant.state == Grant.State.REVOKED and grant.ended_at:
        by = grant.ended_by or gettext("the system")
        return gettext("revoked by %(by)s on %(at)s") % {"by": by, "at": spoken(in_words(grant.ended_at))}
    if grant.ends_at <= now:
        return _cut(grant, says_who=says_who) or gettext("expired")
    return gettext("live") if grant.starts_at <= now else gettext("to come")


def _cut(grant: Grant, *, says_who: bool) -> str:
    """Say what had cut it off before its time was up; nothing where time was what ended it."""
    cut = facts.cut_of(grant)
    if cut is None:
        return ""
    words = gettext("cut off on %(at)s: %(why)s") % {"at": spoken(in_words(cut.at)), "why": spoken(cut.why)}
    return " ".join(filter(None, [words, gettext("By %(person)s.") % {"person": recalled(by)} if says_who and (by := cut.by()) else ""]))


@admin.register(Grant)
class GrantAdmin(Shared, ExportAdmin, VerbAdmin):
    """Who has what until when, and whether it is so."""

    export = exports.GRANTS
    verbs = (
        ending("revoke", _("Revoke …"), _("Revoke access?"), _("Revoke"), revoke, may_revoke_something, ReasonForm),
        *emergencies.VERBS,
    )
    linked_by = ("request", "user")
    list_display = ["holder", "resource", "with_devices", "starts_at", "ends_at", "standing", "enforcement", "use"]
    list_filter = [GrantFilter, UseFilter, ("resource", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["user__name", "user__email", "resource__name", "resource__slug"]
    search_help_text = _("Who, or what")
    ordering = ["-created_at", "-id"]
    date_hierarchy = "starts_at"
    list_select_related = ["user", "resource"]
    readonly_fields = (
        *("who", "what", "with_devices", "starts_at", "ends_at", "lasts", "standing", "enforcement", "use", "emergency", "reason"),
        *("request", "policy_version", "extends", "created_at", "ended_at", "ended_by", "end_reason"),
    )
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        found = super().get_queryset(request).select_related("user", "resource", "request__requester", "request__resource")
        rows: QuerySet[Grant] = found.annotate(looked_at=Value(clock.of(request), output_field=DateTimeField()))
        rows = rows.prefetch_related("devices", "enforcements__device", "enforcements__pep")
        rows = rows.prefetch_related("request__reviews__reviewer", "request__reviews__on_behalf_of")
        if reads_all(request):
            return rows
        user = viewer(request)
        return rows.filter(Q(pk__in=overseen(user, clock.of(request)).values("pk")) | Q(user=user))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Grant | None:
        found: Grant | None = super().get_object(request, object_id, from_field)
        if found is not None:
            found.is_alone = True  # type: ignore[attr-defined] # for `standing`: a list does not ask the log about each row
        return found

    def subjects(self, obj: Any) -> Sequence[Subject]:  # noqa: ANN401 - any model
        return [subject_of(obj), subject_of(obj.request)]

    def offers(self, verb: Verb, obj: Any, request: HttpRequest) -> bool:  # noqa: ANN401 - any model
        """Tell whether this viewer could: what others may do is not offered."""
        who, now = viewer(request), clock.of(request)
        if verb in emergencies.VERBS:
            return not any(row.obstacles for row in briefing.emergencies([obj], who, now))
        return obj.state in Grant.OPEN and facts.may_revoke(who, obj, now)

    def rows(self, verb: Verb, request: HttpRequest, chosen: QuerySet[Any], now: datetime) -> list[Any]:
        if verb not in emergencies.VERBS:
            return super().rows(verb, request, chosen, now)
        return briefing.emergencies(chosen, viewer(request), now)

    @admin.display(description=_("user"), ordering="user__name")
    def holder(self, grant: Grant) -> str:
        return told_apart(str(grant.user), grant.user)

    @admin.display(description=_("who"))
    def who(self, grant: Grant) -> str:
        """No link: an approver may not open accounts."""
        return f"{grant.user} <{address_of(grant.user)}>"

    @admin.display(description=_("what"))
    def what(self, grant: Grant) -> str:
        return str(grant.resource)

    @admin.display(description=_("devices"))
    def with_devices(self, grant: Grant) -> str:
        return ", ".join(str(device) for device in grant.devices.all())

    @admin.display(description=_("lasts"))
    def lasts(self, grant: Grant) -> str:
        return exact(int((grant.ends_at - grant.starts_at).total_seconds()))

    @admin.display(description=_("standing"))
    def standing(self, grant: Grant) -> str:
        looked_at = grant.looked_at  # type: ignore[attr-defined]  # by get_queryset
        return "\n".join(
            filter(None, [_standing(grant, looked_at, says_who=getattr(grant, "is_alone", False)), emergencies.in_a_word(grant, looked_at)])
        )

    @admin.display(description=_("emergency access"))
    def emergency(self, grant: Grant) -> str:
        return emergencies.at_length(grant)

    @admin.display(description=_("reason"))
    def reason(self, grant: Grant) -> str:
        return grant.request.reason

    @admin.display(description=_("on the PEPs, as read back"))
    def enforcement(self, grant: Grant) -> str:
        return on_the_peps(grant)

    @admin.display(description=_("use"))
    def use(self, grant: Grant) -> str:
        """Say whether a device was heard meanwhile, which tells of the PEP and not of the resource behind it."""
        return earlier.use_in_words(grant)
