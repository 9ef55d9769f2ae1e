"""What there is to reach and under which terms: PEPs, resources, placements, policies."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from enrollment import tickets
from enrollment.sentences import say, spoken

slug_validator = RegexValidator(
    r"\A[a-z][a-z0-9-]{0,30}\Z",
    _("Use a-z, 0-9 and -, begin with a letter, 31 characters at most: it becomes the name of a set in the firewall."),
)
interface_validator = RegexValidator(
    r"\A[a-zA-Z][a-zA-Z0-9_-]{0,14}\Z", _("An interface name has 15 characters at most: letters, digits, - and _.")
)
host_validator = RegexValidator(
    r"\A[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?\Z", _("Write a host name or an address, without a port.")
)


class Pep(models.Model):
    """A policy enforcement point: a gateway with WireGuard and nftables."""

    name = models.CharField(_("name"), max_length=31, unique=True, validators=[slug_validator])
    endpoint_host = models.CharField(
        _("endpoint host"), max_length=253, validators=[host_validator], help_text=_("Where devices reach WireGuard from outside.")
    )
    endpoint_port = models.PositiveIntegerField(
        _("endpoint port"), default=51820, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    public_key = models.CharField(_("WireGuard public key"), max_length=44, unique=True, null=True, blank=True)  # None: not confirmed yet
    prefix_v4 = models.CharField(_("IPv4 prefix of its resources"), max_length=18, unique=True)
    prefix_v6 = models.CharField(_("IPv6 prefix of its resources"), max_length=43, unique=True)
    lease_seconds = models.PositiveIntegerField(
        _("lease"),
        default=28800,
        help_text=_("Seconds that the PEP keeps access when it cannot be reached; 0 keeps it until the deadline."),
    )
    ssh_host = models.CharField(_("SSH host"), max_length=253, blank=True, validators=[host_validator])  # none: LYCHGATE_PEP_ARGV
    ssh_port = models.PositiveIntegerField(_("SSH port"), default=22, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    ssh_host_key = models.CharField(_("SSH host key"), max_length=100, blank=True)  # none: not confirmed yet
    is_enabled = models.BooleanField(_("enabled"), default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "PEP"
        verbose_name_plural = "PEPs"
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class AccessPolicy(models.Model):
    """The terms for asking; what they were at any time is in its versions."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("access policy")
        verbose_name_plural = _("access policies")
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def current(self) -> PolicyVersion | None:
        """Return the newest version, or None for a policy that has no terms yet (nothing can be asked under it)."""
        return self.versions.order_by("-number").first()


class PolicyVersion(models.Model):
    """One immutable set of terms. A request remembers which one it was asked under. All durations are seconds."""

    policy = models.ForeignKey(AccessPolicy, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    requesters = models.ManyToManyField(
        Group, blank=True, related_name="+", verbose_name=_("who may ask")
    )  # none: everybody who can sign in
    time_to_answer = models.PositiveIntegerField(_("time to answer"), default=86400)
    longest_grant = models.PositiveIntegerField(_("longest grant"), default=28800)
    rolling_total = models.PositiveIntegerField(_("rolling total"), default=144000)
    rolling_window = models.PositiveIntegerField(_("rolling window"), default=604800)
    ticket_shapes = models.CharField(
        _("shape of a ticket"), max_length=tickets.LONGEST, blank=True, default=""
    )  # none: a ticket is optional
    session_length = models.PositiveIntegerField(_("session length"), null=True, blank=True)  # None: no proof of identity is asked for
    needs_mfa = models.BooleanField(_("needs a second factor"), default=False)
    ends_at_logout = models.BooleanField(_("ends with signing out"), default=True)  # where there is a session length
    break_glass_longest = models.PositiveIntegerField(_("longest emergency access"), null=True, blank=True)  # None: there is none
    break_glass_by = models.ManyToManyField(
        Group, blank=True, related_name="+", verbose_name=_("who may take emergency access")
    )  # none: whoever may ask
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["policy", "number"], name="policy_version_once"),
            models.CheckConstraint(
                condition=Q(longest_grant__gt=0, time_to_answer__gt=0, rolling_window__gt=0), name="policy_durations_positive"
            ),
            models.CheckConstraint(condition=Q(rolling_total__gte=F("longest_grant")), name="policy_total_covers_longest"),
            models.CheckConstraint(condition=Q(session_length=None) | Q(session_length__gt=0), name="policy_session_positive"),
            models.CheckConstraint(condition=Q(needs_mfa=False) | Q(session_length__isnull=False), name="policy_mfa_has_an_age"),
            models.CheckConstraint(
                condition=Q(break_glass_longest=None) | Q(break_glass_longest__gt=0, break_glass_longest__lte=F("longest_grant")),
                name="policy_break_glass_short",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy} v{self.number}"


class Stage(models.Model):
    """Some people of one group must say yes; a request passes when all stages have."""

    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="stages")
    position = models.PositiveSmallIntegerField()
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="stages")
    need = models.PositiveSmallIntegerField(default=1)

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "position"], name="stage_position_once"),
            models.CheckConstraint(condition=Q(need__gt=0), name="stage_needs_somebody"),
        ]

    def __str__(self) -> str:
        return spoken(say("{need} of {group}", need=self.need, group=self.group))


class Resource(models.Model):
    """A service that people ask for. Its slug is fixed for life; it is retired, never deleted."""

    name = models.CharField(_("name"), max_length=80, unique=True)
    slug = models.CharField(_("slug"), max_length=31, unique=True, validators=[slug_validator])
    description = models.TextField(_("description"), max_length=1000, blank=True)
    policy = models.ForeignKey(AccessPolicy, on_delete=models.PROTECT, related_name="resources", verbose_name=_("access policy"))
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class ResourcePort(models.Model):
    """Ports of one protocol that a resource answers on, the same inside and outside."""

    class Protocol(models.TextChoices):
        TCP = "tcp", "TCP"
        UDP = "udp", "UDP"

    resource = models.ForeignKey(Resource, on_delete=models.CASCADE, related_name="ports")
    protocol = models.CharField(_("protocol"), max_length=3, choices=Protocol)
    first = models.PositiveIntegerField(_("port"), validators=[MinValueValidator(1), MaxValueValidator(65535)])
    last = models.PositiveIntegerField(_("to port"), validators=[MinValueValidator(1), MaxValueValidator(65535)], blank=True)

    class Meta:
        ordering: ClassVar = ["protocol", "first"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["resource", "protocol", "first"], name="port_once"),
            models.CheckConstraint(condition=Q(first__gte=1, last__lte=65535, last__gte=F("first")), name="port_range_forwards"),
        ]

    def __str__(self) -> str:
        return f"{self.protocol} {self.first}" if self.first == self.last else f"{self.protocol} {self.first}-{self.last}"


class Placement(models.Model):
    """A resource on one PEP: what devices dial there, and where that leads. An absent family gets no rule."""

    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="placements")
    pep = models.ForeignKey(Pep, on_delete=models.PROTECT, related_name="placements", verbose_name="PEP")
    overlay_v4 = models.GenericIPAddressField(_("overlay IPv4"), protocol="IPv4", unique=True, null=True, blank=True)
    target_v4 = models.GenericIPAddressField(_("target IPv4"), protocol="IPv4", null=True, blank=True)
    overlay_v6 = models.GenericIPAddressField(_("overlay IPv6"), protocol="IPv6", unique=True, null=True, blank=True)
    target_v6 = models.GenericIPAddressField(_("target IPv6"), protocol="IPv6", null=True, blank=True)
    is_on_pep = models.BooleanField(_("on the PEP itself"), default=False, help_text=_("The target is the PEP's own overlay address."))

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["resource", "pep"], name="placement_once"),
            models.CheckConstraint(
                condition=Q(overlay_v4=None, target_v4=None) | Q(overlay_v4__isnull=False, target_v4__isnull=False),
                name="placement_v4_whole",
            ),
            models.CheckConstraint(
                condition=Q(overlay_v6=None, target_v6=None) | Q(overlay_v6__isnull=False, target_v6__isnull=False),
                name="placement_v6_whole",
            ),
            models.CheckConstraint(condition=Q(overlay_v4__isnull=False) | Q(overlay_v6__isnull=False), name="placement_leads_somewhere"),
        ]

    def __str__(self) -> str:
        return spoken(say("{resource} on {pep}", resource=self.resource, pep=self.pep))
