"""Instants as people type them, and as sentences name them: with their zone, because one without a zone could mean two."""

from __future__ import annotations

from datetime import UTC, datetime

from enrollment.sentences import kept, say

IN_WORDS = kept("{day} at {time} UTC")
EXAMPLE = "2026-03-02T09:00:00Z"


class BadMomentError(ValueError):
    """The text is no instant; the message says what to write."""


def read(text: str) -> datetime:
    """Return the instant in UTC. Raises BadMomentError."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadMomentError(say("{text!r} is no instant. Write it like {example}.", text=text[:40], example=EXAMPLE)) from None
    if at.utcoffset() is None:
        raise BadMomentError(say("Say the zone too, like {example}.", example=EXAMPLE))
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise BadMomentError(say("{text!r} is beyond the calendar.", text=text[:40])) from None


def in_words(moment: datetime) -> str:
    """Print an instant for a sentence."""
    day, time = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}".split(" ")
    return say(IN_WORDS, day=day, time=time)
