"""Who is signed in where, and what the identity provider said of signing out."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import models
from django.db.models import Q


class BrowserSessionQuerySet(models.QuerySet["BrowserSession"]):
    def in_use(self, now: datetime) -> BrowserSessionQuerySet:
        """Return those whose session of Django's own goes on: that one has an end, the row need not hear of it."""
        return self.filter(ended_at=None, key__in=Session.objects.filter(expire_date__gt=now).values("session_key"))

    def due(self, now: datetime, *, issuer: str) -> BrowserSessionQuerySet:
        """Return those that this provider is to be asked about, who waits longest first. A token is shown to nobody but who gave it."""
        return self.in_use(now).filter(probe_at__lte=now, user__issuer=issuer).exclude(sealed_token="").order_by("probe_at", "pk")


class BrowserSession(models.Model):
    """One browser in which somebody signed in, over all its sign-ins until it signs out.

    `key` is that of Django's session, by which it can be ended from elsewhere; `sid` the provider's name for the latest of its own.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="browsers")
    key = models.CharField(max_length=40, unique=True, null=True, blank=True, editable=False)  # None: before it is known, and once ended
    sid = models.CharField(max_length=255, blank=True, db_index=True)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    sealed_token = models.TextField(blank=True, editable=False)  # the provider's refresh token, for the portal alone to open
    probe_at = models.DateTimeField(null=True, blank=True, db_index=True, editable=False)  # when the provider is asked next
    probed_at = models.DateTimeField(null=True, blank=True, editable=False)  # when it last stood by this
    probe_tries = models.PositiveSmallIntegerField(default=0, editable=False)  # turns taken since

    objects = BrowserSessionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ended_at=None) | Q(key=None), name="ended_browser_has_no_key"),
            models.CheckConstraint(condition=Q(ended_at=None) | Q(sealed_token=""), name="ended_browser_has_no_token"),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.began_at:%Y-%m-%d %H:%M:%SZ}"


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
