"""What had cut access off before its time was up, where nobody revoked it: then time was not what ended it.

Told from the rows as they are: what was put right again before the end, or since, such as
an account that was enabled, cut nothing off for good and is not told of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from enrollment.models import AuditEvent, Device, Grant
from enrollment.sentences import say


@dataclass(frozen=True, slots=True)
class Cut:
    """When nothing could reach it any more, and why; `told` names the event that says who did it: its verb, and what it is about."""

    at: datetime
    why: str
    told: tuple[str, str, int] = ("", "", 0)

    def by(self) -> str:
        """Return who did it, as the audit log has it; nothing where it does not say. One query."""
        verb, kind, pk = self.told
        told = AuditEvent.objects.filter(verb=verb, subject_type=kind, subject_id=pk).order_by("-seq")
        return str(told.values_list("actor", flat=True).first() or "") if verb else ""


def cut_of(grant: Grant) -> Cut | None:
    """Return what cut off access under this grant first, if something did before its end. Reads `resource`, `user` and `devices`."""
    found = [each for each in (_of_resource(grant), _of_account(grant), _of_devices(grant)) if each and each.at < grant.ends_at]
    return min(found, key=lambda each: each.at, default=None)


def _of_resource(grant: Grant) -> Cut | None:
    at = grant.resource.retired_at
    return Cut(at, say("The resource was retired."), ("resource.retired", "resource", grant.resource_id)) if at else None


def _of_account(grant: Grant) -> Cut | None:
    at = None if grant.user.is_active else grant.user.left_at
    return Cut(at, say("The account was disabled."), ("user.disabled", "user", grant.user_id)) if at else None


def _of_devices(grant: Grant) -> Cut | None:
    """Return when the last of its devices was cut off, if none is left."""
    devices = list(grant.devices.all())
    times = {device: at for device in devices if (at := _cut_off_at(device))}
    if not devices or len(times) < len(devices):
        return None
    last = max(devices, key=lambda device: times[device])
    if len(devices) > 1:
        return Cut(times[last], say("None of its devices was in use any more."))
    was = "retired" if times[last] == last.retired_at else "reported_lost" if times[last] == last.lost_at else "suspended"
    words = {
        "retired": say("The device was retired."),
        "reported_lost": say("The device was reported lost."),
        "suspended": say("The device was suspended."),
    }
    return Cut(times[last], words[was], (f"device.{was}", "device", last.pk))


def _cut_off_at(device: Device) -> datetime | None:
    if device.state not in {Device.State.SUSPENDED, Device.State.RETIRED}:
        return None
    return min((at for at in (device.retired_at, device.suspended_at, device.lost_at) if at), default=None)
