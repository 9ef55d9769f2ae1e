"""Whether a PEP is fit to be relied on: its agent new enough for this portal, its clock right. In words, with what to do."""

from __future__ import annotations

import re

from enrollment.sentences import kept, say

TOO_OLD = kept("Its agent, version {agent}, is too old for this portal, which needs {oldest}: run manage.py bootstrap_pep {pep} again.")
AHEAD = kept("Its clock is {off} s ahead: access there ends too early by as much. Let the PEP keep its time by NTP.")
BEHIND = kept("Its clock is {off} s behind: access there ends by the portal's clock. Let the PEP keep its time by NTP.")
OLDEST = (0, 1, 0)  # what this portal needs of an agent; raise it together with what needs it
VERSION = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})", re.ASCII)
SKEW_SECONDS = 5.0  # more than a clock's upkeep


def why_too_old(pep: str, agent: str) -> str:
    """Return a sentence for an agent that is too old, or whose version cannot be read; an empty one for all others.

    `agent` is the version as the PEP said it; empty means that it has said nothing yet.
    """
    found = VERSION.fullmatch(agent)
    if not agent or (found and tuple(map(int, found.groups())) >= OLDEST):
        return ""
    return say(TOO_OLD, agent=agent, oldest=".".join(map(str, OLDEST)), pep=pep)


def why_skewed(skew: float | None) -> str:
    """Return a sentence for a clock that is more than SKEW_SECONDS off; an empty one for all others. `skew`: seconds ahead of ours."""
    if skew is None or abs(skew) <= SKEW_SECONDS:
        return ""
    off = f"{abs(skew):.0f}"
    return say(AHEAD if skew > 0 else BEHIND, off=off)
