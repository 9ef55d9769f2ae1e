"""Who must answer, in words: by name where they are few, otherwise how many."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from enrollment.values import Step

NAMED = 4  # people by name; more are counted


def group_in_words(name: str) -> str:
    """Return a group's name without the prefix that says which source it came from."""
    return name.removeprefix(settings.OIDC_GROUP_PREFIX)


def names_of(step: Step) -> str:
    """Return who could answer, by name; nothing where they are many."""
    return ", ".join(step.people) if len(step.people) <= NAMED else ""


def those(steps: Sequence[Step]) -> str:
    """Return for whom a request waits, step by step."""
    return _("; then ").join(map(_those, steps))


def _those(step: Step) -> str:
    group, count = group_in_words(step.group), len(step.people)
    known = {"need": step.need, "group": group}
    who = _("%(need)d of %(group)s") % known if step.need > 1 else group
    if not step.people:
        return who
    if names := names_of(step):
        return f"{who}: {names}"
    return ngettext("%(who)s (%(count)d person)", "%(who)s (%(count)d people)", count) % {"who": who, "count": count}
