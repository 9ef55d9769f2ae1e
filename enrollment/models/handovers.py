"""A one-time link by which a phone becomes a device: scanned from a computer's screen, good for minutes, once."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from enrollment import keys
from enrollment.models.devices import Device

LONGEST_TOKEN = 100  # of what is looked at


def digest_of(token: str) -> str:
    """Return the hash of a token, scanned or typed: in groups, in capitals."""
    return hashlib.sha256(_plain(token).encode()).hexdigest()


def is_code(token: str) -> bool:
    """Tell whether a token has the shape of one at all: base32 of 128 bits."""
    return re.fullmatch(r"[a-z2-7]{26}", _plain(token)) is not None


def _plain(token: str) -> str:
    return "".join(token[:LONGEST_TOKEN].split()).replace("-", "").lower()


class HandoverQuerySet(models.QuerySet["Handover"]):
    """Which links."""

    def opened_by(self, token: str, now: datetime) -> HandoverQuerySet:
        """Find the link that this token opens now. Nothing is used up by looking."""
        return self.filter(digest=digest_of(token), state=Handover.State.OPEN, expires_at__gt=now)


class Handover(models.Model):
    """One link. Only a hash of its token is here, so nobody who reads this table can use it."""

    class State(models.TextChoices):
        OPEN = "open", _("not used yet")
        OPENED = "opened", _("used by its owner, who enrols on the phone")
        OFFERED = "offered", _("waits for its owner to compare the key")
        CONFIRMED = "confirmed", _("confirmed")
        REFUSED = "refused", _("refused by its owner")
        REPLACED = "replaced", _("replaced by a newer link")

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="handovers")
    digest = models.CharField(max_length=64, unique=True, editable=False)  # SHA-256 of the token
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    public_key = models.CharField(max_length=44, blank=True)  # what the phone offers
    device = models.OneToOneField(Device, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    objects = HandoverQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner"], condition=Q(state__in=["open", "offered"]), name="handover_one_at_a_time"),
            models.CheckConstraint(condition=Q(expires_at__gt=models.F("made_at")), name="handover_lasts"),
            models.CheckConstraint(
                condition=Q(state__in=["offered", "confirmed", "refused"]) | Q(public_key=""), name="handover_offers_a_key"
            ),
            models.CheckConstraint(
                condition=Q(state="confirmed", device__isnull=False) | (~Q(state="confirmed") & Q(device=None)),
                name="handover_confirmed_is_a_device",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner}, {self.made_at:%Y-%m-%d %H:%M:%SZ}"

    def is_over(self, now: datetime) -> bool:
        """Tell whether its time is up; what became of it before stays."""
        return self.expires_at <= now

    @property
    def fingerprint(self) -> str:
        """Return the offered key in a form to compare by eye."""
        return keys.fingerprint(self.public_key)
