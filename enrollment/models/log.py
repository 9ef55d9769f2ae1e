"""The audit log: append-only, hash-chained. `enrollment/audit.py` writes it and verifies it."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from enrollment.sentences import Sentence, recalled


class AuditEvent(models.Model):
    """One thing that happened. No foreign keys: history outlives everything it speaks of.

    `subject` and `actor` carry a name as it was then; `data` holds typed values only.
    `hash` is SHA-256 over `previous` and the canonical JSON of all the other columns.
    """

    seq = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(_("when"))
    verb = models.CharField(_("what"), max_length=40)
    actor_id = models.BigIntegerField(null=True)
    actor = models.CharField(_("who"), max_length=200)
    subject_type = models.CharField(max_length=40)
    subject_id = models.BigIntegerField(null=True)
    subject = models.CharField(_("about"), max_length=200)
    data = models.JSONField(default=dict)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        verbose_name = _("audit event")
        ordering: ClassVar = ["-seq"]
        indexes: ClassVar = [
            models.Index(fields=["subject_type", "subject_id", "seq"], name="audit_of_subject"),
            models.Index(fields=["at"], name="audit_at"),
        ]

    def __str__(self) -> str:
        return f"{self.seq}: {self.verb}"


class AuditHead(models.Model):
    """The end of the chain, one row: taking it serialises appends."""

    seq = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.seq} {self.hash}"


class AuditCheck(models.Model):
    """That somebody had the whole chain read, and what came of it: a note for whoever looks, no proof. Proof is to read it again."""

    at = models.DateTimeField()
    by = models.CharField(max_length=200)
    seq = models.BigIntegerField()  # the last event then
    hash = models.CharField(max_length=64)
    witnesses = models.PositiveIntegerField()  # outside the database, that it was held against
    problems = models.JSONField(default=list)
    warnings = models.JSONField(default=list)  # who could not be asked

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        indexes: ClassVar = [models.Index(fields=["-at", "-id"], name="audit_check_latest")]

    def __str__(self) -> str:
        return f"{self.seq}, {self.at:%Y-%m-%d %H:%M:%SZ}"

    @property
    def who(self) -> Sentence:
        """Return who verified it: a person's name, or a word of ours in the reader's language."""
        return recalled(self.by)

    @property
    def found(self) -> list[Sentence]:
        """Return the problems in the reader's language."""
        return [recalled(words) for words in self.problems]

    @property
    def unasked(self) -> list[Sentence]:
        """Return in the reader's language who could not be asked."""
        return [recalled(words) for words in self.warnings]
