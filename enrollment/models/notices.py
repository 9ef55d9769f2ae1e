"""What waits to be told: written with the change it speaks of, so neither a dead broker nor a mail server nor a dead chat loses it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from enrollment.models.access import AccessRequest


class Notice(models.Model):
    """One mail to one person, or one message to the chat. `due_at` is when to try next."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    to = models.EmailField(blank=True)
    is_for_chat = models.BooleanField(default=False)
    event = models.CharField(max_length=40, blank=True)
    thread = models.CharField(max_length=40, blank=True)  # what belongs together in somebody's mail, such as all about one request
    language = models.CharField(max_length=10, default="en")  # of subject and text; the chat's is always English
    subject = models.CharField(max_length=100)  # where it names several things, what stands before their names
    text = models.TextField()
    said = models.TextField(blank=True)  # what somebody typed: it is shown as a quotation, never as words of ours
    link = models.CharField(max_length=200, blank=True)  # the path of the page that says more
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(sent_at=None), name="notice_waiting"),
            models.Index(fields=["thread"], name="notice_of_thread"),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def url(self) -> str:
        """Return the address of the page that says more. It carries no power: the page asks who is there."""
        return f"{settings.PUBLIC_URL}{self.link}" if self.link else ""

    @property
    def name(self) -> str:
        """Return what it is known by outside, the same each time it is tried: whoever gets it twice can tell."""
        return f"notice-{self.pk}-{int(self.created_at.timestamp())}"


class NoticeItem(models.Model):
    """One request that a notice is about. A notice about several has a line for each; `name` is its resource's of that day."""

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="items")
    request = models.ForeignKey(AccessRequest, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100)
    line = models.TextField(blank=True)  # empty: the notice is about this alone, and says it itself
    link = models.CharField(max_length=200)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["notice", "request"], name="notice_names_a_request_once")]

    def __str__(self) -> str:
        return self.line or self.name

    @property
    def url(self) -> str:
        """Return the address of its page, which asks who is there."""
        return f"{settings.PUBLIC_URL}{self.link}"


class ToldOnce(models.Model):
    """Something that time made due was told: of two workers that see the same, one writes this row, and tells."""

    kind = models.CharField(max_length=40)
    subject_id = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["kind", "subject_id"], name="told_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"
