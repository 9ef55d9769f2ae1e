"""A system that people connect with: one WireGuard public key, one overlay address per family."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from enrollment import keys

LOST = "lost"


def condition_of(state: str, lost_at: datetime | None) -> str:
    """Return `lost` for a device that is suspended because its key may be in other hands, else its state."""
    return LOST if lost_at and state == Device.State.SUSPENDED else state


class DeviceQuerySet(models.QuerySet["Device"]):
    """Which devices."""

    def usable(self) -> DeviceQuerySet:
        """Devices that could carry access now."""
        return self.filter(state=Device.State.ENROLLED)

    def to_let_in(self) -> DeviceQuerySet:
        """Devices that wait for an admin's approval."""
        return self.filter(state=Device.State.PENDING)


class Device(models.Model):
    """One key, one slot of the device pools (the same slot in each family), one owner for life."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting for approval")
        ENROLLED = "enrolled", _("enrolled")
        SUSPENDED = "suspended", _("suspended")
        RETIRED = "retired", _("retired")

    class Kind(models.TextChoices):
        LAPTOP = "laptop", _("Laptop")
        PHONE = "phone", _("Phone")
        OTHER = "other", _("Other")

    class KeyOrigin(models.TextChoices):
        BROWSER = "browser", _("made in the browser")
        PASTED = "pasted", _("made by its owner")
        SERVER = "server", _("made here for one answer, never kept")

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="devices")
    name = models.CharField(_("name"), max_length=40)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.LAPTOP)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ENROLLED)
    public_key = models.CharField(_("public key"), max_length=44, unique=True)
    key_origin = models.CharField(max_length=8, choices=KeyOrigin)
    slot = models.PositiveBigIntegerField(null=True, editable=False)  # None once another device took it over
    address_v4 = models.GenericIPAddressField(_("IPv4"), protocol="IPv4", null=True, editable=False)
    address_v6 = models.GenericIPAddressField(_("IPv6"), protocol="IPv6", null=True, editable=False)
    enrolled_at = models.DateTimeField()
    approved_at = models.DateTimeField(null=True, blank=True)  # only where enrolment needs approval
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    suspended_at = models.DateTimeField(null=True, blank=True)
    suspended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    lost_at = models.DateTimeField(null=True, blank=True)  # its key may be in other hands: only another one brings it back
    lost_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False)
    retired_at = models.DateTimeField(null=True, blank=True)
    retired_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    refusal = models.TextField(_("refused because"), max_length=1000, blank=True)  # of one that was never let in
    address_freed_at = models.DateTimeField(null=True, blank=True)  # quarantine over: no PEP held it, and the rest is done

    objects = DeviceQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["name"]
        indexes: ClassVar = [
            models.Index(fields=["slot"], name="device_slot"),  # the highest one ever
            models.Index(
                fields=["slot"], condition=Q(address_freed_at__isnull=False), name="device_slot_free"
            ),  # the lowest one free again
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["slot"], condition=Q(address_freed_at=None), name="device_slot_once"),
            models.UniqueConstraint(fields=["address_v4"], condition=Q(address_freed_at=None), name="device_v4_once"),
            models.UniqueConstraint(fields=["address_v6"], condition=Q(address_freed_at=None), name="device_v6_once"),
            models.UniqueConstraint(fields=["owner", "name"], condition=~Q(state="retired"), name="device_name_once_per_owner"),
            models.CheckConstraint(
                condition=Q(state="retired", retired_at__isnull=False) | (~Q(state="retired") & Q(retired_at=None)),
                name="device_retired_at",
            ),
            models.CheckConstraint(condition=Q(address_freed_at=None) | Q(state="retired"), name="device_address_rests_first"),
            models.CheckConstraint(condition=Q(slot__isnull=False) | Q(address_freed_at__isnull=False), name="device_slot_kept"),
            models.CheckConstraint(condition=Q(lost_at=None) | Q(state__in=["suspended", "retired"]), name="device_lost_is_cut_off"),
            models.CheckConstraint(condition=Q(approved_by=None) | ~Q(approved_by=F("owner")), name="device_not_let_in_by_its_owner"),
            models.CheckConstraint(condition=Q(refusal="") | Q(state="retired"), name="device_refused_is_retired"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return the overlay addresses, IPv4 first."""
        return tuple(address for address in (self.address_v4, self.address_v6) if address)

    @property
    def fingerprint(self) -> str:
        """Return its key in a form to compare by eye."""
        return keys.fingerprint(self.public_key)

    @property
    def is_lost(self) -> bool:
        """Somebody reported it lost, and it has had no other key since."""
        return self.condition == LOST

    @property
    def condition(self) -> str:
        """Return its state as decisions know it: one more than the column has."""
        return condition_of(self.state, self.lost_at)

    @property
    def condition_in_words(self) -> str:
        """Return the same for people."""
        return str(_("reported lost") if self.is_lost else _("refused") if self.refusal else self.get_state_display())


class DeviceKey(models.Model):
    """Every key that any device ever had: none is accepted a second time."""

    public_key = models.CharField(max_length=44, unique=True)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="keys")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.public_key
