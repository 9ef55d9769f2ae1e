"""Devices: to look at, and to suspend, resume or retire."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enrollment import keys, lifecycle
from enrollment.admin.mixins import Frozen, keeps
from enrollment.admin.verbs import Answers, Verb, VerbAdmin
from enrollment.models import Device, User

State = Device.State


def suspend(device: Device, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.suspend_device(device, actor=actor, reason=given["reason"], now=now)
    return gettext("Suspended. Its access stops until somebody resumes it.")


def resume(device: Device, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.resume_device(device, actor=actor, reason=given["reason"], now=now)
    return gettext("Resumed.")


def retire(device: Device, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.retire_device(device, actor=actor, reason=given["reason"], now=now)
    return gettext("Retired for good. Its key is never accepted again.")


@admin.register(Device)
class DeviceAdmin(Frozen, VerbAdmin):
    """Everybody's devices."""

    verbs = (
        Verb("suspend", _("Suspend …"), _("Suspend until resumed?"), _("Suspend"), suspend, keeps, is_grave=True),
        Verb("resume", _("Resume …"), _("Resume?"), _("Resume"), resume, keeps),
        Verb("retire", _("Retire …"), _("Retire for good?"), _("Retire"), retire, keeps, is_grave=True),
    )
    list_display = ["name", "owner", "kind", "state", "address_v4", "address_v6", "enrolled_at"]
    list_filter = ["state", "kind", "key_origin"]
    list_select_related = ["owner"]
    search_fields = ["name", "owner__name", "owner__email", "address_v4", "address_v6", "public_key"]
    search_help_text = _("Name, owner, address or key")
    readonly_fields = (
        *("name", "owner", "kind", "state", "public_key", "fingerprint", "key_origin", "address_v4", "address_v6"),
        *("enrolled_at", "suspended_at", "suspended_by", "retired_at", "address_freed_at"),
    )
    fields = readonly_fields

    def offers(self, verb: Verb, obj: Any) -> bool:  # noqa: ANN401 - any model
        states = {"suspend": {State.ENROLLED}, "resume": {State.SUSPENDED}, "retire": {State.PENDING, State.ENROLLED, State.SUSPENDED}}
        taken_over = verb.name == "suspend" and obj.state == State.SUSPENDED and obj.suspended_by_id == obj.owner_id
        return taken_over or obj.state in states[verb.name]

    @admin.display(description=_("fingerprint"))
    def fingerprint(self, device: Device) -> str:
        return keys.fingerprint(device.public_key)
