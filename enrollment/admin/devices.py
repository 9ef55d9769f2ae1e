"""Devices: to look at, to let in or refuse, and to suspend, resume, report lost or retire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enrollment import lifecycle
from enrollment.admin.filters import DeviceFilter
from enrollment.admin.history import Subject, subject_of
from enrollment.admin.mixins import Frozen, keeps
from enrollment.admin.persons import told_apart
from enrollment.admin.verbs import Answers, Verb, VerbAdmin, ending, stopping
from enrollment.admin_forms.answers import NothingForm, PlainReasonForm
from enrollment.models import Device, Handover, User
from enrollment.models.devices import LOST

State = Device.State
LETTING_IN = "admin/enrollment/let_in.html"
OFFERED: dict[str, set[str]] = {
    "approve": {State.PENDING},
    "refuse": {State.PENDING},
    "suspend": {State.ENROLLED},
    "resume": {State.SUSPENDED},  # a lost one needs another key first
    "lost": {State.ENROLLED, State.SUSPENDED},
    "retire": {State.PENDING, State.ENROLLED, State.SUSPENDED, LOST},
}


def approve(device: Device, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.approve_device(device, actor=actor, now=now)
    return gettext("Approved. Its owner can ask for access with it now.")


def refuse(device: Device, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.refuse_device(device, actor=actor, reason=given["reason"], now=now)
    return gettext("Refused for good. Its key is never accepted.")


def suspend(device: Device, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.suspend_device(device, actor=actor, reason=given["reason"], now=now)
    return gettext("Suspended. Its access stops until somebody resumes it.")


def resume(device: Device, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.resume_device(device, actor=actor, reason=given["reason"], now=now)
    return gettext("Resumed.")


def report_lost(device: Device, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.report_lost(device, actor=actor, reason=given["reason"], now=now)
    return gettext("Reported lost. Its access stops until its owner has given it a new key and an admin has resumed it.")


def retire(device: Device, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.retire_device(device, actor=actor, reason=given["reason"], now=now)
    return gettext("Retired for good. Its key is never accepted again.")


@admin.register(Device)
class DeviceAdmin(Frozen, VerbAdmin):
    """Everybody's devices."""

    verbs = (
        Verb("approve", _("Approve …"), _("Let in?"), _("Approve"), approve, keeps, NothingForm, LETTING_IN),
        ending("refuse", _("Refuse …"), _("Refuse for good?"), _("Refuse"), refuse, keeps, PlainReasonForm, LETTING_IN),
        stopping("suspend", _("Suspend …"), _("Suspend until resumed?"), _("Suspend"), suspend, keeps),
        Verb("resume", _("Resume …"), _("Resume?"), _("Resume"), resume, keeps),
        stopping("lost", _("Report lost …"), _("Report lost?"), _("Report lost"), report_lost, keeps),
        stopping("retire", _("Retire …"), _("Retire for good?"), _("Retire"), retire, keeps),
    )
    linked_by = ("owner",)
    list_display = ["name", "whose", "kind", "condition", "address_v4", "address_v6", "enrolled_at"]
    list_filter = [DeviceFilter, "kind", "key_origin"]
    list_select_related = ["owner"]
    search_fields = ["name", "owner__name", "owner__email", "address_v4", "address_v6", "public_key"]
    search_help_text = _("Name, owner, address or key")
    readonly_fields = (
        *("name", "owner", "kind", "condition", "public_key", "fingerprint", "key_origin", "address_v4", "address_v6"),
        *("enrolled_at", "approved_at", "approved_by", "suspended_at", "suspended_by", "lost_at", "lost_by"),
        *("retired_at", "retired_by", "refusal", "address_freed_at"),
    )
    fields = readonly_fields

    def offers(self, verb: Verb, obj: Any, request: HttpRequest) -> bool:  # noqa: ANN401 - any model
        taken_over = verb.name == "suspend" and obj.state == State.SUSPENDED and obj.suspended_by_id == obj.owner_id
        return taken_over or obj.condition in OFFERED[verb.name]

    def subjects(self, obj: Any) -> Sequence[Subject]:  # noqa: ANN401 - any model
        """Tell of the link that enrolled it, too, where it is a phone that came by one."""
        return [subject_of(obj), *map(subject_of, Handover.objects.filter(device=obj))]

    @admin.display(description=_("owner"), ordering="owner__name")
    def whose(self, device: Device) -> str:
        return told_apart(str(device.owner), device.owner)

    @admin.display(description=_("state"), ordering="state")
    def condition(self, device: Device) -> str:
        return device.condition_in_words
