"""How the portal and its PEPs are, for a monitoring system: Prometheus' text format, numbers only.

Whoever holds LYCHGATE_METRICS_TOKEN may read it. Without a token only a portal that no other
machine can reach answers, and only to its own; to everybody else there is no such page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.conf import settings
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from enforcement.models import Alarm, Enforcement
from enrollment import clock
from enrollment.models import AccessRequest, Grant, HeldChange, Pep
from portal.exposure import is_exposed, is_this_machine

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[str, float]  # its labels as written, and its value


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    if not _may_read(request):
        raise Http404
    return HttpResponse(written(clock.look()), content_type=CONTENT_TYPE)


def written(reading: clock.Reading) -> str:
    """Return every number, each with a line that says what it counts."""
    now = reading.now
    pending = AccessRequest.objects.filter(state=AccessRequest.State.PENDING, answer_by__gt=now)
    open_rows = Enforcement.objects.exclude(state=Enforcement.State.GONE).order_by("state").values_list("state")
    how = ("name", "status__agreed_at", "status__failing_since")
    alarms = list(Alarm.objects.exclude(since=None).order_by("pep__name", "kind").values_list("pep__name", "kind"))
    peps = list(Pep.objects.filter(is_enabled=True).order_by("name").values_list(*how))
    families = (
        ("lychgate_clock_behind_seconds", "How far the clock is behind what it once said.", [("", reading.behind.total_seconds())]),
        ("lychgate_grants_live", "Grants that hold now.", [("", Grant.objects.live(now).count())]),
        ("lychgate_requests_pending", "Access requests that wait for an answer.", [("", pending.count())]),
        (
            "lychgate_emergencies_unreviewed",
            "Emergency access that waits for its review.",
            [("", Grant.objects.filter(review_due=True).count())],
        ),
        (
            "lychgate_changes_held",
            "Changes of the directory that wait for an admin.",
            [("", HeldChange.objects.filter(state=HeldChange.State.HELD).count())],
        ),
        (
            "lychgate_enforcements",
            "Grants on PEPs that are not confirmed gone, by where they stand.",
            [(f'{{state="{state}"}}', count) for state, count in open_rows.annotate(Count("pk"))],
        ),
        (
            "lychgate_peps_failing",
            "PEPs that do not hold what is wanted.",
            [("", sum(bool(failing) for _name, _agreed, failing in peps))],
        ),
        (
            "lychgate_peps_alarmed",
            "PEPs with an alarm that is on.",
            [("", len({name for name, _kind in alarms}))],
        ),
        (
            "lychgate_pep_alarm",
            "1 for each alarm that is on, by PEP and kind.",
            [(f'{{pep="{name}",kind="{kind}"}}', 1) for name, kind in alarms],
        ),
        (
            "lychgate_pep_agreed_seconds",
            "Seconds since the PEP was last read to hold all that is wanted; infinite: never.",
            [(f'{{pep="{name}"}}', (now - agreed).total_seconds() if agreed else float("inf")) for name, agreed, _failing in peps],
        ),
    )
    return "".join(f"{line}\n" for family in families for line in _lines(*family))


def _lines(name: str, words: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} gauge"
    for labels, value in samples:
        yield f"{name}{labels} {'+Inf' if value == float('inf') else value}"


def _may_read(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        return constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}")
    return not is_exposed() and is_this_machine(request.META.get("REMOTE_ADDR", ""))
