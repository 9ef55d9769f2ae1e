"""Requests to answer, grants to revoke, and who answered what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from enrollment import clock, lifecycle
from enrollment.admin import briefing
from enrollment.admin.filters import RequestFilter, answerable
from enrollment.admin.mixins import Frozen, Inline, Shared, answers, reads_all, viewer
from enrollment.admin.verbs import Answers, Verb, VerbAdmin
from enrollment.admin_forms.answers import ApproveForm, DenyForm
from enrollment.durations import exact
from enrollment.models import AccessRequest, Grant, Review, User
from enrollment.policy import in_words

ANSWER = "admin/enrollment/answer.html"


def approve(request: AccessRequest, reviewer: User, given: Answers, now: datetime) -> str:
    cut = given["at_most"]
    seconds = min(request.seconds, cut) if cut else None
    grant = lifecycle.approve(request, reviewer=reviewer, now=now, seconds=seconds, comment=given["comment"])
    if grant is None:
        return gettext("Your yes is noted; others must agree too.")
    return gettext("Approved until %(end)s. The grant says whether it is in force.") % {"end": in_words(grant.ends_at)}


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


@admin.register(AccessRequest)
class AccessRequestAdmin(Shared, VerbAdmin):
    """The queue: oldest first, what this viewer may answer."""

    verbs = (
        Verb("approve", _("Approve …"), _("Approve access?"), _("Approve"), approve, answers, ApproveForm, ANSWER),
        Verb("deny", _("Deny …"), _("Deny access?"), _("Deny"), deny, answers, DenyForm, ANSWER, is_grave=True),
    )
    list_display = ["who_and_what", "with_devices", "how_long", "why", "waits", "state"]
    list_filter = [RequestFilter, ("resource", admin.RelatedOnlyFieldListFilter)]
    search_fields = ["requester__name", "requester__email", "resource__name", "resource__slug", "reason", "ticket"]
    search_help_text = _("Who, what, or why")
    ordering = ["created_at", "id"]
    inlines = [ReviewInline]
    readonly_fields = (
        *("who", "what", "opens", "with_devices", "how_long", "starts_at", "reason", "ticket", "had_before"),
        *("state", "created_at", "answer_by", "closed_at", "closed_by", "policy_version", "extends"),
    )
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccessRequest]:
        rows = briefing.with_context(super().get_queryset(request))
        if reads_all(request):
            return rows
        user = viewer(request)
        return rows.filter(Q(pk__in=answerable(user, clock.of(request)).values("pk")) | Q(requester=user))

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Give the last column its viewer."""
        user, now = viewer(request), clock.of(request)

        @admin.display(description=_("note"), empty_value="")
        def note(asked: AccessRequest) -> str:
            own = asked.requester_id == user.pk and asked.state == AccessRequest.State.PENDING and asked.answer_by > now
            return gettext(briefing.OWN) if own else ""

        return [*self.list_display, note]

    def rows(self, verb: Verb, request: HttpRequest, chosen: QuerySet[Any], now: datetime) -> list[Any]:
        return briefing.briefings(chosen, viewer(request), now)

    def offers(self, verb: Verb, obj: Any) -> bool:  # noqa: ANN401 - any model
        return bool(obj.state == AccessRequest.State.PENDING)

    @admin.display(description=_("who asks for what"), ordering="requester__name")
    def who_and_what(self, asked: AccessRequest) -> str:
        loud = gettext("EMERGENCY ACCESS: ") if asked.is_break_glass else ""
        return f"{loud}{asked.requester}: {asked.resource} ({briefing.ports_of(asked)})"

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
        return gettext("for %s") % exact(asked.seconds)

    @admin.display(description=_("why"))
    def why(self, asked: AccessRequest) -> str:
        ticket = f" [{asked.ticket}]" if asked.ticket else ""
        return (asked.reason if len(asked.reason) <= 120 else asked.reason[:119] + "…") + ticket  # noqa: PLR2004 - a line or two

    @admin.display(description=_("waiting"), ordering="created_at")
    def waits(self, asked: AccessRequest) -> str:
        times = {"since": f"{asked.created_at:%Y-%m-%d %H:%M}", "by": f"{asked.answer_by:%Y-%m-%d %H:%M}"}
        return gettext("since %(since)s, answer by %(by)s UTC") % times

    @admin.display(description=_("what it opens"))
    def opens(self, asked: AccessRequest) -> str:
        return "\n".join(briefing.opens(asked))

    @admin.display(description=_("had it before"))
    def had_before(self, asked: AccessRequest) -> str:
        earlier = Grant.objects.filter(user=asked.requester_id, resource=asked.resource_id).exclude(request=asked).order_by("-starts_at")
        last = earlier.first()
        if last is None:
            return gettext("never")
        count = earlier.count()
        times = ngettext("once", "%(count)d times", count) % {"count": count}
        return gettext("%(times)s, last until %(end)s") % {"times": times, "end": in_words(last.ended_at or last.ends_at)}
