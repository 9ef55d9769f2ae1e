"""How often whoever holds a grant must prove who they are: the strictest of all terms that apply to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from enrollment.models import PolicyVersion


class Bounds(TypedDict):
    """Columns of a grant."""

    session_length: int | None
    needs_mfa: bool
    ends_at_logout: bool


def strictest(versions: Iterable[PolicyVersion | None]) -> Bounds:
    """Return what holds under all of them at once."""
    asking = [version for version in versions if version and version.session_length is not None]
    return {
        "session_length": min((version.session_length for version in asking if version.session_length is not None), default=None),
        "needs_mfa": any(version.needs_mfa for version in asking),
        "ends_at_logout": any(version.ends_at_logout for version in asking),
    }
