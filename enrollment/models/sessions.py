"""Who is signed in where, and what the identity provider said of signing out."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q


class BrowserSession(models.Model):
    """One browser in which somebody signed in, over all its sign-ins until it signs out.

    `key` is that of Django's session, by which it can be ended from elsewhere; `sid` the provider's name for the latest of its own.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="browsers")
    key = models.CharField(max_length=40, unique=True, null=True, blank=True, editable=False)  # None: before it is known, and once ended
    sid = models.CharField(max_length=255, blank=True, db_index=True)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(ended_at=None) | Q(key=None), name="ended_browser_has_no_key")]

    def __str__(self) -> str:
        return f"{self.user} since {self.began_at:%Y-%m-%d %H:%M:%SZ}"


class LogoutToken(models.Model):
    """A logout token that was believed: never again, and kept for the sign-in that it may have overtaken."""

    jti = models.CharField(max_length=255, unique=True)
    subject = models.CharField(max_length=255, blank=True)
    sid = models.CharField(max_length=255, blank=True, db_index=True)
    issued_at = models.DateTimeField()
    forget_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=~Q(subject="") | ~Q(sid=""), name="logout_names_somebody")]

    def __str__(self) -> str:
        return self.jti
