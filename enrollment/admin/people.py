"""People and their groups, as the identity provider says: nobody raises anybody's rights by hand, not even an admin."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enrollment import lifecycle
from enrollment.admin.estate import EstateAdmin
from enrollment.admin.mixins import Frozen, Inline, keeps
from enrollment.admin.verbs import Answers, Verb, VerbAdmin, stopping
from enrollment.admin_forms.answers import NothingForm
from enrollment.admin_forms.people import GroupForm
from enrollment.models import Device, DirectoryUser, HeldChange, IdentityProof, Membership, User


def disable(user: User, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.disable_user(user, actor=actor, now=now)
    return gettext("Disabled. Sessions, devices and access stop until somebody enables the account.")


def leaves(user: User, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.disable_user(user, actor=actor, now=now, leaves=True)
    return gettext("Gone for good: access is revoked and devices are retired, whatever becomes of the account.")


def enable(user: User, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.enable_user(user, actor=actor, now=now)
    return gettext("Enabled.")


class MembershipInline(Frozen, Inline):
    model = Membership
    readonly_fields = ("group", "source", "since")
    fields = (readonly_fields,)
    extra = 0


class MemberInline(MembershipInline):
    readonly_fields = ("user", "source", "since")
    fields = (readonly_fields,)


class ProofInline(Frozen, Inline):
    """The sign-ins that the provider vouched for; `sid` and the like stay out of sight."""

    model = IdentityProof
    readonly_fields = ("auth_time", "is_mfa", "acr", "amr", "recorded_at", "signed_out_at", "withdrawn_at")
    fields = (readonly_fields,)
    ordering = ["-auth_time"]
    extra = 0
    max_num = 20


@admin.register(User)
class UserAdmin(Frozen, VerbAdmin):
    """Accounts. Name, groups and rights come with each sign-in."""

    verbs = (
        stopping("disable", _("Disable …"), _("Disable sign-in and access?"), _("Disable"), disable, keeps, NothingForm),
        stopping("leave", _("Has left …"), _("End everything for good?"), _("Has left"), leaves, keeps, NothingForm),
        Verb("enable", _("Enable …"), _("Enable sign-in and access?"), _("Enable"), enable, keeps, NothingForm),
    )
    list_display = ["__str__", "email", "is_active", "is_staff", "is_superuser", "is_auditor", "last_login"]
    list_filter = ["is_active", "is_staff", "is_superuser", "is_auditor", "groups"]
    search_fields = ["name", "email", "subject"]
    search_help_text = _("Name, e-mail address, or how the provider calls them")
    ordering = ["name", "id"]
    readonly_fields = (
        *("name", "email", "language", "issuer", "subject", "is_active", "is_staff", "is_superuser", "is_auditor"),
        *("joined_at", "last_login", "left_at", "disabled_by", "in_the_directory", "more"),
    )
    fields = readonly_fields
    inlines = [MembershipInline, ProofInline]

    def offers(self, verb: Verb, obj: Any, request: HttpRequest) -> bool:  # noqa: ANN401 - any model
        if verb.name == "leave":
            return bool(obj.is_active) or obj.devices.exclude(state=Device.State.RETIRED).exists()
        if verb.name == "disable":
            return bool(obj.is_active) or obj.disabled_by_source != ""  # who takes it over keeps the directory from enabling it
        return not obj.is_active

    @admin.display(description=_("disabled by"))
    def disabled_by(self, user: User) -> str:
        """Say who may enable it again: what the directory suspended, the directory may too."""
        if user.is_active:
            return "-"
        return (
            gettext("the directory, which may enable it again") if user.disabled_by_source else gettext("an admin; only admins enable it")
        )

    @admin.display(description=_("more of them"))
    def more(self, user: User) -> SafeString:
        """Lead to what is theirs, and to what the log says of it."""
        leads = (
            (_("devices"), "device_changelist", {"owner": user.pk}),
            (_("access requests"), "accessrequest_changelist", {"requester": user.pk, "waiting": "all"}),
            (_("grants"), "grant_changelist", {"user": user.pk, "standing": "all"}),
            (_("what they can reach now"), "auditevent_reach", {"user": user.pk}),
        )
        links = ((f"{reverse(f'admin:enrollment_{name}')}?{urlencode(query)}", words) for words, name, query in leads)
        return format_html_join(", ", '<a href="{}">{}</a>', links)

    @admin.display(description=_("known to the directory as"))
    def in_the_directory(self, user: User) -> str:
        known = DirectoryUser.objects.filter(user=user).first()
        return known.user_name if known else "-"


if admin.site.is_registered(Group):
    admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(EstateAdmin):
    """Groups come with sign-ins; an admin adds one that a policy needs before anybody of it has signed in."""

    form = GroupForm
    list_display = ["name", "members"]
    search_fields = ["name"]
    fields = ["name"]
    inlines = [MemberInline]

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def also_about(self, obj: Any) -> Q:  # noqa: ANN401 - any model
        """Find what was said of what the directory left out of it."""
        return Q(subject_type="heldchange", subject_id__in=HeldChange.objects.filter(group=obj).values("pk"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        rows: QuerySet[Group] = super().get_queryset(request)
        return rows.annotate(size=Count("memberships"))

    @admin.display(description=_("members"), ordering="size")
    def members(self, group: Group) -> int:
        return int(getattr(group, "size", 0))
