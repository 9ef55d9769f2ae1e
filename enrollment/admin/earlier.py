"""What somebody had of a resource before they ask again: how often, until when, whether they used it, and what was refused.

Used means heard: WireGuard tells of a device and a gateway, never of the resource behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from enrollment.durations import exact
from enrollment.models import AccessRequest, Grant
from enrollment.moments import in_words
from enrollment.sentences import spoken

MOST = 6  # lines; the list of requests has all


@dataclass(frozen=True)
class Earlier:
    """How often it was had, and the last of these grants."""

    times: int = 0
    last: Grant | None = None

    @property
    def end(self) -> datetime | None:
        return _end(self.last) if self.last else None

    @property
    def use(self) -> str:
        return use_in_words(self.last) if self.last else ""

    def __str__(self) -> str:
        if self.last is None or self.end is None:
            return _("never")
        times = ngettext("once", "%(count)d times", self.times) % {"count": self.times}
        return _("%(times)s, last until %(end)s; %(use)s") % {"times": times, "end": spoken(in_words(self.end)), "use": self.use}


def of(requests: Sequence[AccessRequest]) -> dict[int, Earlier]:
    """Return it for each, by the request's number, in a constant number of queries."""
    before = Grant.objects.filter(user=OuterRef("requester"), resource=OuterRef("resource")).exclude(request=OuterRef("pk"))
    times = before.order_by().values("user").annotate(times=Count("pk")).values("times")
    last = before.order_by("-starts_at", "-pk").values("pk")[:1]
    asked = AccessRequest.objects.filter(pk__in=[each.pk for each in requests]).order_by()
    found = list(asked.values_list("pk", Subquery(times), Subquery(last)))
    grants = Grant.objects.prefetch_related("enforcements").in_bulk([grant for _pk, _times, grant in found if grant])
    return {pk: Earlier(times or 0, grants.get(grant or 0)) for pk, times, grant in found}


def use_in_words(grant: Any) -> str:  # noqa: ANN401 - enforcement's rows are read through the relation, not imported
    """Return whether a grant's devices were heard while it was in force. Its `enforcements` are best prefetched."""
    rows = list(grant.enforcements.all())
    heard = max((row.heard_at for row in rows if row.heard_at), default=None)
    if heard:
        return _("used, last heard on %(at)s") % {"at": spoken(in_words(heard))}
    return _("never used") if any(row.in_force_at for row in rows) else _("never in force")


def lines(asked: AccessRequest) -> list[str]:
    """Return what was asked for before and what became of it, the latest first."""
    rows = AccessRequest.objects.filter(requester=asked.requester_id, resource=asked.resource_id).exclude(pk=asked.pk)
    latest = _with_outcome(rows)[:MOST]
    more = rows.count() - len(latest)
    return [_line(each) for each in latest] + ([_("and %(count)d before") % {"count": more}] if more else [])


def _with_outcome(rows: QuerySet[AccessRequest]) -> QuerySet[AccessRequest]:
    found = rows.select_related("grant", "closed_by").prefetch_related(
        "grant__enforcements", "reviews__reviewer", "reviews__on_behalf_of", "reviews__stage"
    )
    return found.order_by("-created_at", "-pk")


def _line(asked: AccessRequest) -> str:
    said = {"at": f"{asked.created_at:%Y-%m-%d %H:%M}", "long": exact(asked.seconds), "became": _outcome(asked)}
    if asked.is_break_glass:
        return _("%(at)s UTC, emergency access for %(long)s: %(became)s") % said
    return _("%(at)s UTC, for %(long)s: %(became)s") % said


def _outcome(asked: AccessRequest) -> str:
    grant = getattr(asked, "grant", None)
    if grant is not None:
        end = spoken(in_words(_end(grant)))
        return _("%(state)s, until %(end)s; %(use)s") % {"state": grant.get_state_display(), "end": end, "use": use_in_words(grant)}
    no = next((each for each in asked.reviews.all() if each.verdict == each.Verdict.DENY), None)
    return f"{spoken(str(no))}{': ' + no.comment if no.comment else ''}" if no else str(asked.get_state_display())


def _end(grant: Grant) -> datetime:
    """Return when it ended or will: that it ran out is found a little later."""
    return min(grant.ends_at, grant.ended_at or grant.ends_at)
