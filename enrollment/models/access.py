"""Asking, answering and having: access requests, reviews and grants.

Only `enrollment/lifecycle` writes the `state` columns; the constraints hold what must
never be true whoever writes.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from enrollment.models.devices import Device
from enrollment.models.estate import PolicyVersion, Resource, Stage
from enrollment.sentences import joined, say, spoken


class AccessRequest(models.Model):
    """Somebody asks to reach one resource with named devices, for some seconds."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting for an answer")
        APPROVED = "approved", _("approved")
        DENIED = "denied", _("denied")
        CANCELLED = "cancelled", _("cancelled")
        LAPSED = "lapsed", _("nobody answered in time")
        WITHDRAWN = "withdrawn", _("withdrawn")

    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="access_requests")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="access_requests")
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="access_requests")
    devices = models.ManyToManyField(Device, through="RequestedDevice", related_name="access_requests")
    seconds = models.PositiveIntegerField(_("how long"))
    starts_at = models.DateTimeField(_("not before"), null=True, blank=True)  # None: as soon as it is approved
    reason = models.TextField(_("reason"), max_length=1000)
    ticket = models.CharField(_("ticket"), max_length=80, blank=True)
    extends = models.ForeignKey("Grant", null=True, blank=True, on_delete=models.PROTECT, related_name="extensions")
    bundle = models.UUIDField(null=True, blank=True, editable=False, db_index=True)  # the same for all that was asked by one form
    is_break_glass = models.BooleanField(default=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    created_at = models.DateTimeField()
    answer_by = models.DateTimeField()
    reminded_at = models.DateTimeField(null=True, blank=True)  # when those who may answer were last told again
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("access request")
        ordering: ClassVar = ["created_at", "id"]
        indexes: ClassVar = [models.Index(fields=["state", "created_at"], name="request_queue")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(seconds__gt=0), name="request_seconds_positive"),
            models.CheckConstraint(condition=Q(answer_by__gt=F("created_at")), name="request_time_to_answer"),
            models.CheckConstraint(
                condition=Q(state="pending", closed_at=None) | (~Q(state="pending") & Q(closed_at__isnull=False)), name="request_closed_at"
            ),
            models.CheckConstraint(
                condition=~Q(state="approved") | Q(closed_by=None) | ~Q(closed_by=F("requester")), name="request_not_self_approved"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.requester}: {self.resource}"


class RequestedDevice(models.Model):
    """A device that a request names; at most one open request for a device and a resource."""

    request = models.ForeignKey(AccessRequest, on_delete=models.CASCADE, related_name="requested_devices")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="+")
    is_open = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["request", "device"], name="requested_device_once"),
            models.UniqueConstraint(fields=["device", "resource"], condition=Q(is_open=True), name="one_open_request"),
        ]

    def __str__(self) -> str:
        return spoken(say("{device} for {resource}", device=self.device, resource=self.resource))


class ReviewQuerySet(models.QuerySet["Review"]):
    """Which answers."""

    def of_person(self, pk: int) -> ReviewQuerySet:
        """Those in which this person has spoken, or somebody did in their stead."""
        return self.filter(Q(reviewer=pk) | Q(on_behalf_of=pk))

    def counted(self) -> ReviewQuerySet:
        """Those that still count: whoever answered is active, and so is the person in whose stead they did."""
        return self.filter(reviewer__is_active=True).exclude(on_behalf_of__is_active=False)

    def with_turn(self) -> ReviewQuerySet:
        """Say with each since when it was that person's turn: since it was asked for, or since another stage's last yes before this."""
        before = Review.objects.filter(request=models.OuterRef("request"), verdict=Review.Verdict.APPROVE, pk__lt=models.OuterRef("pk"))
        others = before.filter(~Q(stage__group=models.OuterRef("stage__group"))).order_by("-created_at", "-pk")
        return self.annotate(turn_at=Coalesce(models.Subquery(others.values("created_at")[:1]), F("request__created_at")))


class Review(models.Model):
    """One approver's answer, in one stage. `requester` is the request's, copied so that a constraint can look at it.

    It fills one seat: the reviewer's own, or that of the approver in whose stead they answered. One seat, one answer.
    """

    class Verdict(models.TextChoices):
        APPROVE = "approve", _("approved")
        DENY = "deny", _("denied")

    request = models.ForeignKey(AccessRequest, on_delete=models.PROTECT, related_name="reviews")
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("in the stead of")
    )
    stage = models.ForeignKey(Stage, null=True, blank=True, on_delete=models.PROTECT, related_name="reviews")
    verdict = models.CharField(max_length=8, choices=Verdict)
    seconds = models.PositiveIntegerField(null=True, blank=True)  # the approver's cut, where shorter than asked
    comment = models.TextField(max_length=1000, blank=True)
    created_at = models.DateTimeField()

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["created_at", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["request", "reviewer"], name="review_once_per_person"),
            models.UniqueConstraint("request", Coalesce("on_behalf_of", "reviewer"), name="review_once_per_seat"),
            models.CheckConstraint(condition=~Q(on_behalf_of=F("reviewer")), name="review_in_the_stead_of_another"),
            models.CheckConstraint(condition=~Q(on_behalf_of=F("requester")), name="review_never_in_the_requesters_stead"),
            models.CheckConstraint(condition=~Q(reviewer=F("requester")), name="review_never_of_oneself"),
            models.CheckConstraint(condition=Q(seconds=None) | Q(seconds__gt=0), name="review_seconds_positive"),
        ]

    def __str__(self) -> str:
        return joined([self.who, self.finding], ": ")

    @property
    def finding(self) -> str:
        """Return what was said. Emergency access passes no stage: its review says whether it was justified."""
        if not self.is_of_emergency:
            return say("approved") if self.verdict == self.Verdict.APPROVE else say("denied")
        return say("found justified") if self.verdict == self.Verdict.APPROVE else say("found not justified")

    @property
    def is_of_emergency(self) -> bool:
        """Tell whether this is the review of emergency access, after the fact: a yes to it approved nothing."""
        return self.stage_id is None

    @property
    def who(self) -> str:
        """Return who answered, and in whose stead if not their own."""
        if self.on_behalf_of is None:
            return str(self.reviewer)
        return say("{person} in the stead of {other}", person=self.reviewer, other=self.on_behalf_of)


class GrantQuerySet(models.QuerySet["Grant"]):
    """Which grants. Times decide, not the state column alone, so a dead worker never leaves "active" on a screen."""

    def live(self, now: datetime) -> GrantQuerySet:
        """Grants that have begun and not ended."""
        return self.filter(state__in=Grant.OPEN, starts_at__lte=now, ends_at__gt=now)

    def unfinished(self, now: datetime) -> GrantQuerySet:
        """Grants that are live or will be."""
        return self.filter(state__in=Grant.OPEN, ends_at__gt=now)

    def heard(self) -> GrantQuerySet:
        """Grants of which a device was heard on a PEP while it was in force there."""
        return self.filter(pk__in=Grant.objects.filter(enforcements__heard_at__isnull=False).values("pk"))

    def unheard(self) -> GrantQuerySet:
        """Grants that are or were in force somewhere, with no device heard there meanwhile."""
        held = Grant.objects.filter(enforcements__in_force_at__isnull=False).values("pk")
        return self.filter(pk__in=held).exclude(pk__in=Grant.objects.filter(enforcements__heard_at__isnull=False).values("pk"))


class Grant(models.Model):
    """User x resource x devices x time. Half-open: it holds from `starts_at` up to, not at, `ends_at`."""

    class State(models.TextChoices):
        SCHEDULED = "scheduled", _("scheduled")
        ACTIVE = "active", _("active")
        EXPIRED = "expired", _("expired")
        REVOKED = "revoked", _("revoked")

    OPEN: ClassVar = (State.SCHEDULED, State.ACTIVE)

    request = models.OneToOneField(AccessRequest, on_delete=models.PROTECT, related_name="grant")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="grants")
    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="grants")
    policy_version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="grants")
    devices = models.ManyToManyField(Device, related_name="grants")
    extends = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="extended_by")
    state = models.CharField(_("state"), max_length=10, choices=State)
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)  # when it was revoked, or found expired
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    end_reason = models.TextField(max_length=1000, blank=True)
    is_break_glass = models.BooleanField(default=False)
    review_due = models.BooleanField(default=False)  # break-glass: open until a second person has looked
    # The strictest of the terms that were asked under, and of those of the day it was given.
    session_length = models.PositiveIntegerField(null=True, blank=True)
    needs_mfa = models.BooleanField(default=False)
    ends_at_logout = models.BooleanField(default=False)

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["user", "resource", "ends_at"], name="grant_of_user"),
            models.Index(fields=["resource", "ends_at"], name="grant_of_resource"),
            models.Index(fields=["state", "ends_at"], name="grant_to_expire"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="grant_lasts"),
            models.CheckConstraint(
                condition=Q(state__in=["scheduled", "active"], ended_at=None) | Q(state__in=["expired", "revoked"], ended_at__isnull=False),
                name="grant_ended_at",
            ),
            models.CheckConstraint(condition=Q(review_due=False) | Q(is_break_glass=True), name="grant_review_of_break_glass"),
            models.UniqueConstraint(fields=["user"], condition=Q(review_due=True), name="one_break_glass_to_review"),
        ]

    def __str__(self) -> str:
        end = f"{self.ends_at:%Y-%m-%d %H:%M:%SZ}"
        return spoken(say("{user}: {resource} until {end}", user=self.user, resource=self.resource, end=end))
