"""Mail that waits to be sent: written with the change it speaks of, so neither a dead broker nor a mail server loses it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone


class Notice(models.Model):
    """One mail to one person. `due_at` is when to try next."""

    to = models.EmailField()
    subject = models.CharField(max_length=100)
    text = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["due_at"], condition=Q(sent_at=None), name="notice_waiting")]

    def __str__(self) -> str:
        return self.subject
