"""Requests to answer, grants to revoke, and who answered what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enrollment import clock, exports, facts, lifecycle
from enrollment.admin import briefing, earlier
from enrollment.admin.exporting import ExportAdmin
from enrollment.admin.filters import RequestFilter, answerable
from enrollment.admin.grants import on_the_peps
from enrollment.admin.history import Subject, subject_of
from enrollment.admin.mixins import Frozen, Inline, Shared, answers, reads_all, viewer
from enrollment.admin.persons import told_apart
from enrollment.admin.verbs import Answers, Verb, VerbAdmin
from enrollment.admin_forms.answers import ApproveForm, DenyForm
from enrollment.durations import exact
from enrollment.models import AccessRequest, Grant, Review, User
from enrollment.moments import in_words
from enrollment.sentences import joined, spoken

ANSWER = "admin/enrollment/answer.html"


def approve(request: AccessRequest, reviewer: User, given: Answers, now: datetime) -> str:
    cut = given["at_most"]
    seconds = min(request.seconds, cut) if cut else None
    grant = lifecycle.approve(request, reviewer=reviewer, now=now, seconds=seconds, comment=given["comment"])
    if grant is None:
        return gettext("Your yes is noted; others must agree too.")
    return gettext("Approved until %(end)s. The grant says whether it is in force.") % {"end": spoken(in_words(grant.ends_at))}


def deny(request: AccessRequest, reviewer: User, given: Answers, now: datetime) -> str:
    lifecycle.deny(request, reviewer=reviewer, comment=given["comment"], now=now)
    return gettext("Denied.")


class ReviewInline(Frozen, Inline):
    model = Review
    fk_name = "request"
    readonly_fields = ("reviewer", "on_behalf_of", "stage", "finding", "for_how_long", "comment", "created_at")
    fields = (readonly_fields,)
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return True  # of a request that the viewer may see

    @admin.display(description=_("for how long"))
    def for_how_long(self, review: Review) -> str:
        return exact(review.seconds) if review.seconds else "-"


def _grant_of(asked: AccessRequest) -> Grant | None:
    grants = Grant.objects.filter(request=asked).select_related("user", "resource")
    return grants.prefetch_related("enforcements__device", "enforcements__pep").first()


@admin.register(AccessRequest)
class AccessRequestAdmin(Shared, ExportAdmin, VerbAdmin):
    """The queue: oldest first, what this viewer may answer."""

    export = exports.REQUESTS
    verbs = (
        Verb("approve", _("Approve …"), _("Approve access?"), _("Approve"), approve, answers, ApproveForm, ANSWER, leads_on=True),
        Verb("deny", _("Deny …"), _("Deny access?"), _("Deny"), deny, answers, DenyForm, ANSWER, is_grave=True, leads_on=True),
    )
    linked_by = ("requester",)
    list_display = ["who_and_what", "answer", "how_long", "why", "with_devices", "had_before", "waits"]
    list_filter = [RequestFilter, ("resource", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["requester__name", "requester__email", "resource__name", "resource__slug", "reason", "ticket"]
    search_help_text = _("Who, what, or why")
    ordering = ["created_at", "id"]
    inlines = [ReviewInline]
    readonly_fields = (
        *("who", "what", "opens", "with_devices", "how_long", "starts_at", "reason", "ticket", "had_before", "before"),
        *("state", "became", "enforcement", "must_agree", "can_answer", "created_at", "answer_by", "closed_at", "closed_by"),
        *("policy_version", "extends"),
    )
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessRequest]:
        rows = briefing.with_context(super().get_queryset(request))
        if reads_all(request):
            return rows
        user = viewer(request)
        return rows.filter(Q(pk__in=answerable(user, clock.of(request)).values("pk")) | Q(requester=user))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Read what was had before, and what this viewer can answer, for all rows of the page at once."""
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        now = clock.of(request)
        had, why_not = earlier.of(rows, now), briefing.obstacles_of(rows, viewer(request), now)
        for asked in changelist.result_list:
            asked.earlier, asked.obstacles = had[asked.pk], why_not[asked.pk]
        return changelist

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> AccessRequest | None:
        found: AccessRequest | None = super().get_object(request, object_id, from_field)
        if found is not None:
            found.looked_at = clock.of(request)  # type: ignore[attr-defined] # for `can_answer`, which gets no request
            found.came_of_it = _grant_of(found)  # type: ignore[attr-defined]
        return found

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ANN401 - as Django's
        """Leave out what came of it while nothing has: who answers reads what they need."""
        came = getattr(obj, "came_of_it", None)
        return [each for each in self.fields if came or each not in {"became", "enforcement"}]

    def subjects(self, obj: Any) -> Sequence[Subject]:  # noqa: ANN401 - any model
        """Tell of its answers, which are events of its own, and of the access that came of it."""
        return [subject_of(obj), *map(subject_of, Grant.objects.filter(request=obj))]

    def rows(self, verb: Verb, request: HttpRequest, chosen: QuerySet[Any], now: datetime) -> list[Any]:
        return briefing.briefings(chosen, viewer(request), now)

    def offers(self, verb: Verb, obj: Any, request: HttpRequest) -> bool:  # noqa: ANN401 - any model
        return not briefing.obstacles_of([obj], viewer(request), clock.of(request))[obj.pk]

    @admin.display(description=_("who asks for what"), ordering="requester__name")
    def who_and_what(self, asked: AccessRequest) -> str:
        loud = gettext("EMERGENCY ACCESS: ") if asked.is_break_glass else ""
        return told_apart(f"{loud}{asked.requester}: {asked.resource} ({briefing.ports_of(asked)})", asked.requester)

    @admin.display(description=_("who"))
    def who(self, asked: AccessRequest) -> str:
        """No link: an approver may not open accounts."""
        return f"{asked.requester} <{asked.requester.email}>" if asked.requester.email else str(asked.requester)

    @admin.display(description=_("what"))
    def what(self, asked: AccessRequest) -> str:
        return f"{asked.resource} ({briefing.ports_of(asked)})"

    @admin.display(description=_("devices"))
    def with_devices(self, asked: AccessRequest) -> str:
        return "; ".join(briefing.device_line(device) for device in asked.devices.all())

    @admin.display(description=_("how long"), ordering="seconds")
    def how_long(self, asked: AccessRequest) -> str:
        return (gettext("%s more") if asked.extends_id else gettext("for %s")) % exact(asked.seconds)

    @admin.display(description=_("why"))
    def why(self, asked: AccessRequest) -> str:
        ticket = f" [{asked.ticket}]" if asked.ticket else ""
        return (asked.reason if len(asked.reason) <= 120 else asked.reason[:119] + "…") + ticket  # noqa: PLR2004 - a line or two

    @admin.display(description=_("waiting"), ordering="created_at")
    def waits(self, asked: AccessRequest) -> str:
        times = {"since": f"{asked.created_at:%Y-%m-%d %H:%M} UTC", "by": f"{asked.answer_by:%Y-%m-%d %H:%M}"}
        return gettext("since %(since)s, answer by %(by)s UTC") % times

    @admin.display(description=_("answer"))
    def answer(self, asked: Any) -> str:  # noqa: ANN401 - in a list, with what was read for all of its rows
        """Lead straight to the confirm pages, or say why this viewer cannot answer, or what became of it."""
        if asked.state != AccessRequest.State.PENDING:
            return str(asked.get_state_display())
        if asked.obstacles:
            return spoken(joined(asked.obstacles))
        ways = ((reverse(f"admin:enrollment_accessrequest_{verb.name}", args=[asked.pk]), verb.label) for verb in self.verbs)
        return format_html_join(" ", '<a class="verb" href="{}">{}</a>', ways)

    @admin.display(description=_("what it opens"))
    def opens(self, asked: AccessRequest) -> str:
        return "\n".join(briefing.opens(asked))

    @admin.display(description=_("had it before"))
    def had_before(self, asked: Any) -> str:  # noqa: ANN401 - in a list, with what was read for all of its rows
        return str(getattr(asked, "earlier", None) or earlier.of([asked], asked.looked_at)[asked.pk])

    @admin.display(description=_("asked for it before"))
    def before(self, asked: AccessRequest) -> str:
        return "\n".join(earlier.lines(asked)) or gettext("never")

    @admin.display(description=_("what came of it"))
    def became(self, asked: Any) -> str:  # noqa: ANN401 - with its grant
        return format_html('<a href="{}">{}</a>', reverse("admin:enrollment_grant_change", args=[asked.came_of_it.pk]), asked.came_of_it)

    @admin.display(description=_("on the PEPs, as read back"))
    def enforcement(self, asked: Any) -> str:  # noqa: ANN401 - with its grant
        return on_the_peps(asked.came_of_it)

    @admin.display(description=_("who must agree"))
    def must_agree(self, asked: AccessRequest) -> str:
        return "\n".join(briefing.stage_lines(asked, facts.progress_of([asked])[asked.pk])) or "-"

    @admin.display(description=_("who can answer now"))
    def can_answer(self, asked: Any) -> str:  # noqa: ANN401 - with the moment at which it is looked at
        if asked.state != AccessRequest.State.PENDING or asked.answer_by <= asked.looked_at:
            return "-"
        return ", ".join(map(str, facts.approvers_of(asked, asked.looked_at))) or gettext("nobody")
