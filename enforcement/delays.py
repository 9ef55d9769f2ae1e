"""Tell owners that what was granted does not work yet: a PEP has not confirmed it for LYCHGATE_ALARM_SECONDS. Once a grant.

Admins hear of the PEP itself, by `enforcement/alarms.py`.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from enforcement.models import Enforcement
from enforcement.rows import RECORDED
from enrollment import notices
from enrollment.models import Grant

LATE = "grant late"
BATCH = 500  # of grants; the next sweep goes on


def tell_owners(now: datetime) -> int:
    """Tell the owners of grants that should be in force and are not, and say how many. Twice is the same as once."""
    limit = now - timedelta(seconds=settings.ALARM_SECONDS)
    rows = Enforcement.objects.filter(~notices.told(LATE, "grant_id"), state=Enforcement.State.WANTED, wanted_at__lte=limit)
    running = rows.filter(grant__state__in=Grant.OPEN, grant__starts_at__lte=limit, grant__ends_at__gt=now, pep__is_enabled=True)
    late = defaultdict(set)
    for grant_id, pep in running.exclude(error=RECORDED).order_by("grant_id").values_list("grant_id", "pep__name"):
        late[grant_id].add(pep)
    return sum(_tell(grant_id, peps, now) for grant_id, peps in list(late.items())[:BATCH])


@transaction.atomic
def _tell(grant_id: int, peps: set[str], now: datetime) -> bool:
    if not notices.once(LATE, grant_id, now):
        return False
    notices.tell_owner_of_delay(Grant.objects.select_related("user", "resource").get(pk=grant_id), peps)
    return True
