"""Instants as people type them, and as sentences name them: with their zone, because one without a zone could mean two."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from enrollment.sentences import kept, say

IN_WORDS = kept("{day} at {time} UTC")
EXAMPLE = "2026-03-02T09:00:00Z"


class BadMomentError(ValueError):
    """The text is no instant; the message says what to write."""


def read(text: str, zone: tzinfo | None = None) -> datetime:
    """Return the instant in UTC. Raises BadMomentError, also where the text names no zone and the caller none for it."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise BadMomentError(say("{text!r} is no instant. Write it like {example}.", text=text[:40], example=EXAMPLE)) from None
    if at.utcoffset() is None and zone is not None:
        at = at.replace(tzinfo=zone)
    if at.utcoffset() is None:
        raise BadMomentError(say("Say the zone too, like {example}.", example=EXAMPLE))
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise BadMomentError(say("{text!r} is beyond the calendar.", text=text[:40])) from None


def insist_on_known(at: datetime, *, begins: datetime | None, now: datetime) -> None:
    """Refuse an instant of which the past says nothing: what is still to come, and what was before it `begins`."""
    if at > now:
        raise BadMomentError(say("That has not happened yet: it is {now}.", now=in_words(now)))
    if begins is not None and at < begins:
        raise BadMomentError(say("The audit log begins on {begins}: it knows nothing of before.", begins=in_words(begins)))


def in_words(moment: datetime) -> str:
    """Print an instant for a sentence."""
    day, time = f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}".split(" ")
    return say(IN_WORDS, day=day, time=time)
