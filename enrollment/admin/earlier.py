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
    """What they have or will have already, how often they had it before, and the last of these grants."""

    times: int = 0
    last: Grant | None = None
    still: Grant | None = None
    now: datetime | None = None

    @property
    def end(self) -> datetime | None:
        return _end(self.last) if self.last else None

    @property
    def use(self) -> str:
        return use_in_words(self.last) if self.last else ""

    @property
    def holds(self) -> str:
        """Say what is theirs already: it is not something that they had before."""
        if self.still is None or self.now is None:
            return ""
        said = {"start": spoken(in_words(self.still.starts_at)), "end": spoken(in_words(self.still.ends_at))}
        if self.still.starts_at > self.now:
            return _("will have it from %(start)s until %(end)s") % said
        if self.still.review_due:
            return _("has it now, until %(end)s: emergency access, not reviewed yet") % said
        return (_("has it now, until %(end)s: emergency access") if self.still.is_break_glass else _("has it now, until %(end)s")) % said

    def __str__(self) -> str:
        if self.last is None or self.end is None:
            return self.holds or _("never")
        times = ngettext("once", "%(count)d times", self.times) % {"count": self.times}
        had = _("%(times)s, last until %(end)s; %(use)s") % {"times": times, "end": spoken(in_words(self.end)), "use": self.use}
        return f"{self.holds}\n{had}" if self.holds else had


def of(requests: Sequence[AccessRequest], now: datetime) -> dict[int, Earlier]:
    """Return it for each, by the request's number, in a constant number of queries: of what was given before it was asked."""
    mine = Grant.objects.filter(user=OuterRef("requester"), resource=OuterRef("resource"), created_at__lt=OuterRef("created_at"))
    before = mine.exclude(request=OuterRef("pk")).order_by()
    over = before.exclude(ended_at=None) | before.filter(ends_at__lte=now)
    times = over.values("user").annotate(times=Count("pk")).values("times")
    last = over.order_by("-starts_at", "-pk").values("pk")[:1]
    still = before.filter(ended_at=None, ends_at__gt=now).order_by("-ends_at", "-pk").values("pk")[:1]
    asked = AccessRequest.objects.filter(pk__in=[each.pk for each in requests]).order_by()
    found = list(asked.values_list("pk", Subquery(times), Subquery(last), Subquery(still)))
    named = {pk for _pk, _times, *grants in found for pk in grants if pk}
    grants = Grant.objects.prefetch_related("enforcements").in_bulk(named)
    return {pk: Earlier(times or 0, grants.get(last or 0), grants.get(still or 0), now) for pk, times, last, still in found}


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
