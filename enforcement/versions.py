"""Whether a PEP's agent is new enough for this portal, and what to do where it is not."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

OLDEST = (0, 1, 0)  # what this portal needs of an agent; raise it together with what needs it
VERSION = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})\.([0-9]{1,6})", re.ASCII)


def why_too_old(pep: str, agent: str) -> str:
    """Return a sentence for an agent that is too old, or whose version cannot be read; an empty one for all others.

    `agent` is the version as the PEP said it; empty means that it has said nothing yet.
    """
    found = VERSION.fullmatch(agent)
    if not agent or (found and tuple(map(int, found.groups())) >= OLDEST):
        return ""
    return _(
        "Its agent, version %(agent)s, is too old for this portal, which needs %(oldest)s: run manage.py bootstrap_pep %(pep)s again."
    ) % {
        "agent": agent,
        "oldest": ".".join(map(str, OLDEST)),
        "pep": pep,
    }
