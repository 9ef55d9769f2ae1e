"""That somebody answers in an approver's stead for a time; `enrollment/lifecycle/delegations.py` writes it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from enrollment.sentences import say, spoken


class DelegationQuerySet(models.QuerySet["Delegation"]):
    """Which delegations."""

    def open(self, now: datetime) -> DelegationQuerySet:
        """Those that run or are still to begin."""
        return self.filter(ended_at=None, ends_at__gt=now)

    def live(self, now: datetime) -> DelegationQuerySet:
        """Those that count at this moment: begun, not over, and both accounts active."""
        return self.open(now).filter(starts_at__lte=now, delegator__is_active=True, delegate__is_active=True)


class Delegation(models.Model):
    """The delegate may answer with the delegator's seat. Half-open: from `starts_at` up to, not at, `ends_at` or an earlier `ended_at`."""

    delegator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations", verbose_name=_("in whose stead")
    )
    delegate = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="delegations_held", verbose_name=_("who stands in")
    )
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    reason = models.TextField(_("reason"), max_length=1000)
    created_at = models.DateTimeField(_("made at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)  # by somebody, before its time
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("ended by")
    )

    objects = DelegationQuerySet.as_manager()

    class Meta:
        verbose_name = _("delegation")
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["delegate", "ends_at"], condition=Q(ended_at=None), name="delegation_of_delegate"),
            models.Index(fields=["delegator", "ends_at"], condition=Q(ended_at=None), name="delegation_of_delegator"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="delegation_lasts"),
            models.CheckConstraint(condition=~Q(delegator=F("delegate")), name="delegation_to_somebody_else"),
            models.CheckConstraint(condition=Q(ended_by=None) | Q(ended_at__isnull=False), name="delegation_ended_at"),
        ]

    def __str__(self) -> str:
        end = f"{self.ends_at:%Y-%m-%d %H:%M:%SZ}"
        return spoken(say("{delegate} for {delegator} until {end}", delegate=self.delegate, delegator=self.delegator, end=end))
