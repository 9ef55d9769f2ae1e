"""What the directory left out of a list of members, and waits for an admin: who would lose what, and yes or no."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from enrollment import clock, facts, lifecycle
from enrollment.admin.mixins import Frozen, keeps
from enrollment.admin.verbs import Answers, Verb, VerbAdmin
from enrollment.admin_forms.answers import NothingForm
from enrollment.models import HeldChange, User

PAGE = "admin/enrollment/held.html"


def confirm(change: HeldChange, actor: User, given: Answers, now: datetime) -> str:
    count = lifecycle.confirm_held(change, actor=actor, now=now)
    return ngettext("Confirmed. %d person left the group.", "Confirmed. %d people left the group.", count) % count


def dismiss(change: HeldChange, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.dismiss_held(change, actor=actor, now=now)
    return gettext("Dismissed. Everybody stays in the group; have the directory put right.")


@admin.register(HeldChange)
class HeldChangeAdmin(Frozen, VerbAdmin):
    """Lists of members from the directory that lack too many at once."""

    verbs = (
        Verb(
            "confirm", _("Confirm …"), _("Do all of them leave the group?"), _("Confirm"), confirm, keeps, NothingForm, PAGE, is_grave=True
        ),
        Verb("dismiss", _("Dismiss …"), _("Do all of them stay in the group?"), _("Dismiss"), dismiss, keeps, NothingForm, PAGE),
    )
    list_display = ["group", "would_leave", "members", "state", "created_at", "seen_at", "closed_by"]
    list_filter = ["state"]
    search_fields = ["group__name"]
    list_select_related = ["group", "closed_by"]
    readonly_fields = (*("group", "would_leave", "members", "who", "also", "state"), *("created_at", "seen_at", "closed_at", "closed_by"))
    fields = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[HeldChange]:
        rows: QuerySet[HeldChange] = super().get_queryset(request)
        return rows.annotate(size=Count("people"))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> HeldChange | None:
        found: HeldChange | None = super().get_object(request, object_id, from_field)
        if found is not None:
            found.looked_at = clock.of(request)  # type: ignore[attr-defined] # for `who`, which gets no request
        return found

    def rows(self, verb: Verb, request: HttpRequest, chosen: QuerySet[Any], now: datetime) -> list[Any]:
        return [
            {"change": each, "losses": facts.losses(each, now), "opened": facts.opened_by(each.group)}
            for each in chosen.select_related("group")
        ]

    def offers(self, verb: Verb, obj: Any, request: HttpRequest) -> bool:  # noqa: ANN401 - any model
        return bool(obj.state == HeldChange.State.HELD)

    @admin.display(description=_("would leave"), ordering="size")
    def would_leave(self, change: HeldChange) -> int:
        return int(getattr(change, "size", 0))

    @admin.display(description=_("who is a member still, and would lose"))
    def who(self, change: HeldChange) -> str:
        lines = [
            f"{loss.user}: {', '.join(loss.resources) or gettext('no access today')}"
            for loss in facts.losses(change, change.looked_at)  # type: ignore[attr-defined]
        ]
        return "\n".join(lines) or gettext("nobody")

    @admin.display(description=_("what the group opens"))
    def also(self, change: HeldChange) -> str:
        return "\n".join(facts.opened_by(change.group)) or "-"
