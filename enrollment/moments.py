"""Instants as people type them: with their zone, because one without a zone could mean two."""

from __future__ import annotations

from datetime import UTC, datetime

EXAMPLE = "2026-03-02T09:00:00Z"


class BadMomentError(ValueError):
    """The text is no instant; the message says what to write."""


def read(text: str) -> datetime:
    """Return the instant in UTC. Raises BadMomentError."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadMomentError(f"{text[:40]!r} is no instant. Write it like {EXAMPLE}.") from None
    if at.utcoffset() is None:
        raise BadMomentError(f"Say the zone too, like {EXAMPLE}.")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise BadMomentError(f"{text[:40]!r} is beyond the calendar.") from None
