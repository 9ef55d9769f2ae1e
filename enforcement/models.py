"""Tables that machines write: each PEP's turn, its receipts, what is in force, and drift. Read-only for people."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from enrollment.models import Device, Grant, Pep
from enrollment.sentences import Sentence, recalled, say, spoken


class PepStatus(models.Model):
    """One row a PEP: whose turn it is, the order of its documents, and how it is.

    The turn is taken by one conditional UPDATE that also draws the next generation, before
    the first fact is read: single flight and order at once, on any database.
    """

    class Lock(models.TextChoices):
        OPEN = "open", _("not locked down")
        ASKED = "asked", _("about to be locked down")
        TRYING = "trying", _("being locked down, on trial")
        LOCKED = "locked", _("locked down")
        LOST = "lost", _("not locked down any more")

    pep = models.OneToOneField(Pep, on_delete=models.CASCADE, primary_key=True, related_name="status")
    generation = models.BigIntegerField(default=0)
    busy_until = models.DateTimeField()
    due_at = models.DateTimeField(db_index=True)
    reached_at = models.DateTimeField(null=True)
    unreached_since = models.DateTimeField(null=True)  # no answer since a pass that began then
    agreed_at = models.DateTimeField(null=True)  # the kernel held what was wanted, all of it
    failing_since = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    failures = models.PositiveIntegerField(default=0)
    agent_version = models.CharField(max_length=20, blank=True)
    skew_seconds = models.FloatField(null=True)
    lock = models.CharField(_("lock-down"), max_length=10, choices=Lock, default=Lock.OPEN)
    lock_since = models.DateTimeField(null=True)
    lock_words = models.TextField(blank=True)  # why the last trial failed, or what is wrong

    class Meta:
        verbose_name = _("PEP status")
        verbose_name_plural = _("PEP statuses")

    def __str__(self) -> str:
        return str(self.pep)


class Touched(models.Model):
    """A device that something has changed for, and that the next pass over the PEP is about. Several rows for one are no harm."""

    pep = models.ForeignKey(Pep, on_delete=models.CASCADE, related_name="touched")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return spoken(say("{device} on {pep}", device=self.device, pep=self.pep))


class Receipt(models.Model):
    """What a PEP's kernel held after one document, as the PEP says. Kept where it says something new.

    One that `is_whole` speaks of all that the PEP holds, another of some devices only, but for the counts.
    """

    pep = models.ForeignKey(Pep, on_delete=models.CASCADE, related_name="receipts")
    generation = models.BigIntegerField()
    at = models.DateTimeField()
    digest = models.CharField(max_length=80)
    wanted_digest = models.CharField(max_length=80)
    outcome = models.CharField(max_length=20)
    is_whole = models.BooleanField(_("about everything"), default=True)
    why = models.JSONField(default=list)
    peers = models.PositiveIntegerField()
    admissions = models.PositiveIntegerField()
    took_ms = models.FloatField()

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        indexes: ClassVar = [models.Index(fields=["pep", "-at"], name="receipt_latest")]

    def __str__(self) -> str:
        return f"{self.pep} {self.generation}: {self.outcome}"

    @property
    def reasons(self) -> list[Sentence]:
        """Return why, in the reader's language, where we know the words."""
        return [recalled(words) for words in self.why]


class Enforcement(models.Model):
    """Where one grant stands on one PEP, for one device: read back, never assumed."""

    class State(models.TextChoices):
        WANTED = "wanted", _("applying")
        IN_FORCE = "in_force", _("in force")
        ENDING = "ending", _("ending, not confirmed yet")
        GONE = "gone", _("gone, confirmed")

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="enforcements")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="enforcements")
    pep = models.ForeignKey(Pep, on_delete=models.CASCADE, related_name="enforcements")
    state = models.CharField(max_length=10, choices=State, default=State.WANTED)
    until = models.DateTimeField(null=True)  # the deadline the kernel held when last read
    wanted_at = models.DateTimeField()
    in_force_at = models.DateTimeField(null=True)
    ending_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    past = models.JSONField(default=list)  # earlier times in force: from when it was read so, to when it was read to be gone, if it was
    heard_at = models.DateTimeField(null=True)  # the device's last handshake there since this was wanted, as far as a pass has seen it
    error = models.TextField(blank=True)  # why it is not (or not yet confirmed) what it should be
    note = models.TextField(blank=True)  # what else to know, such as that access goes on under another grant

    class Meta:
        ordering: ClassVar = ["pep", "device"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["grant", "device", "pep"], name="enforcement_once")]
        indexes: ClassVar = [
            models.Index(fields=["pep"], condition=~Q(state="gone"), name="enforcement_open"),
            models.Index(fields=["device", "pep"], condition=~Q(state="gone"), name="enforcement_of_device"),
            models.Index(fields=["pep"], condition=Q(state="ending"), name="enforcement_ending"),
        ]

    def __str__(self) -> str:
        return spoken(say("{grant} on {pep}: {state}", grant=self.grant, pep=self.pep, state=self.get_state_display()))

    @property
    def why(self) -> str:
        """Return the error in the reader's language, where it is a sentence of ours."""
        return recalled(self.error)


class Handshake(models.Model):
    """When a device was last heard on a PEP, as WireGuard there says."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="handshakes")
    pep = models.ForeignKey(Pep, on_delete=models.CASCADE, related_name="handshakes")
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["device", "pep"], name="handshake_once")]

    def __str__(self) -> str:
        return spoken(say("{device} on {pep}", device=self.device, pep=self.pep))


class Drift(models.Model):
    """The kernel held something that we did not put there, or lacked something that we did."""

    pep = models.ForeignKey(Pep, on_delete=models.CASCADE, related_name="drifts")
    at = models.DateTimeField()
    kind = models.CharField(max_length=40)
    what = models.JSONField(default=dict)
    words = models.TextField()

    class Meta:
        ordering: ClassVar = ["-at", "-id"]

    def __str__(self) -> str:
        return self.said.spoken()

    @property
    def said(self) -> Sentence:
        """Return its words in the reader's language, where we know them."""
        return recalled(self.words)


class Alarm(models.Model):
    """Something about a PEP that somebody must look at: one row a kind, on since `since`, or off. `enforcement/alarms.py` writes it."""

    class Kind(models.TextChoices):
        UNREACHED = "unreached", _("cannot be reached")
        UNCONFIRMED = "unconfirmed", _("has not confirmed that access ended")
        LACKING = "lacking", _("does not hold what is wanted")
        DRIFT = "drift", _("was changed by hand")
        SKEW = "skew", _("has a clock that is off")
        AGENT = "agent", _("has an agent that is too old")
        LOG = "log", _("saw another audit log")
        SAID = "said", _("raises an alarm of its own")
        HOST_KEY = "host key", _("answers with another host key")
        LOCK = "lock", _("is not locked down any more")

    pep = models.ForeignKey(Pep, on_delete=models.CASCADE, related_name="alarms")
    kind = models.CharField(max_length=20, choices=Kind)
    since = models.DateTimeField(null=True)
    seen_at = models.DateTimeField()  # when it was last seen to be so
    words = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["pep", "since"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["pep", "kind"], name="alarm_once")]

    def __str__(self) -> str:
        return self.sentence.spoken()

    @property
    def sentence(self) -> Sentence:
        """Return what is so, for whoever reads it: its kind is called by Django, in the language of the moment."""
        with override(None):
            kind = self.get_kind_display()
        return say("{pep} {kind}", pep=self.pep, kind=recalled(kind))

    @property
    def what(self) -> Sentence:
        """Return its words in the reader's language, where they are ours."""
        return recalled(self.words)
