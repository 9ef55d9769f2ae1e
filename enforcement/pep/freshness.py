"""Whether a document is fresh: by challenge, not by clocks.

Each hello and receipt carries a nonce, and the next document echoes it, so a document
cannot be older than its nonce, whatever the clocks say. Only the latest nonce counts.
"""

from __future__ import annotations

import math
import secrets

FRESH_SECONDS = 60
TRANSIT_SECONDS = 0.25


class Nonces:
    """The latest nonce of one stream, and when it was given (seconds since boot)."""

    def __init__(self) -> None:
        """Start without a nonce: nothing is fresh before the first hello."""
        self._nonce = ""
        self._given = 0.0

    def give(self, boottime: float) -> str:
        self._nonce = secrets.token_hex(16)
        self._given = boottime
        return self._nonce

    def age(self, nonce: str, boottime: float) -> float | None:
        """Return the seconds since this nonce was given; None where it is not the latest, or older than a minute."""
        if not self._nonce or not secrets.compare_digest(nonce, self._nonce):
            return None
        age = boottime - self._given
        return age if 0 <= age <= FRESH_SECONDS else None


def lag(sent_at: float, age: float, now: float) -> int:
    """Return how many seconds earlier than by this PEP's clock access must end, so that skew only shortens."""
    behind = sent_at + age - now
    return math.ceil(behind) if behind > TRANSIT_SECONDS else 0
