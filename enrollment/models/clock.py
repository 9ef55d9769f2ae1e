"""The latest moment that anybody here has seen: one row, which only moves forward, but for an administrator's word."""

from __future__ import annotations

from django.db import models


class LatestMoment(models.Model):
    """Its number is 1. In doubt: the clock went back, by more than a step of its own upkeep, and has not caught up."""

    seen_at = models.DateTimeField()
    doubted_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return "the clock"
