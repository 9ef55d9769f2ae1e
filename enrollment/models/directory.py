"""What the directory, which speaks SCIM, has told us of: its people, its groups, and what it left out that waits for an admin.

`enrollment/lifecycle/directory.py` and `members.py` write these. A row here gives no right.
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class DirectoryUser(models.Model):
    """That the directory knows this account, and what it calls it. Gone once the directory deletes the person; the account stays."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="in_directory")
    user_name = models.CharField(max_length=255)
    external_id = models.CharField(max_length=255, blank=True)
    since = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("user_name"), name="directory_user_name_once")]  # RFC 7643: in any case

    def __str__(self) -> str:
        return self.user_name


class DirectoryGroup(models.Model):
    """That the directory keeps this group. `left_out` counts whom it took out by mere absence since `left_out_since`, for the brake."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="in_directory")
    external_id = models.CharField(max_length=255, blank=True)
    since = models.DateTimeField()
    changed_at = models.DateTimeField()
    left_out = models.PositiveIntegerField(default=0)
    left_out_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.group)


class HeldChange(models.Model):
    """A list of members that lacks too many at once: nobody loses anything by it before an admin has confirmed it."""

    class State(models.TextChoices):
        HELD = "held", _("waits for an admin")
        CONFIRMED = "confirmed", _("confirmed")
        DISMISSED = "dismissed", _("dismissed")
        OVER = "over", _("over: the directory named them again")

    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="held_changes", verbose_name=_("group"))
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+", verbose_name=_("who would leave it"))
    members = models.PositiveIntegerField(_("members then"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.HELD)
    created_at = models.DateTimeField(_("since"))
    seen_at = models.DateTimeField(_("last sent"))
    closed_at = models.DateTimeField(_("closed at"), null=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("closed by")
    )

    class Meta:
        verbose_name = _("held change")
        ordering: ClassVar = ["-created_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["group"], condition=Q(state="held"), name="one_held_change"),
            models.CheckConstraint(condition=Q(state="held") ^ Q(closed_at__isnull=False), name="held_closed_at"),
        ]

    def __str__(self) -> str:
        return f"{self.group}, {self.created_at:%Y-%m-%d %H:%M:%SZ}"
