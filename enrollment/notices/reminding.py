"""What time alone gives reason to tell: each thing once, by whichever worker sees it first.

Late is safe: what is over by then is not told. Twice is safe: `once` lets one tell.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Q

from enrollment import facts
from enrollment.models import AccessRequest, Grant
from enrollment.notices import grants, requests
from enrollment.notices.outbox import once, told

logger = logging.getLogger(__name__)
BATCH = 500  # the next beat goes on
HALFWAY, EXPIRING = "request halfway", "grant expiring"
SHARE = 0.15  # of its time, when somebody is told that access ends
SHORTEST_WARNING, LONGEST_WARNING = timedelta(minutes=10), timedelta(days=1)
REMIND_EVERY = timedelta(hours=1)
A_DAY, A_WEEK = timedelta(days=1), timedelta(weeks=1)


def remind_due(now: datetime) -> int:
    """Tell what is due, and say how much that was."""
    return sum(_in_turn(remind, now) for remind in (_halfway, _expiring, _unreviewed))


def _in_turn(remind: Callable[[datetime], int], now: datetime) -> int:
    try:
        return remind(now)
    except Exception:
        logger.exception("the others are reminded without %s", remind.__name__)
        return 0


def _halfway(now: datetime) -> int:
    """Remind approvers once half the time to answer has passed."""
    waiting = AccessRequest.objects.filter(~told(HALFWAY), state=AccessRequest.State.PENDING, answer_by__gt=now).order_by("answer_by")
    times = waiting.values_list("pk", "bundle", "created_at", "answer_by")
    due = ((pk, bundle) for pk, bundle, asked, end in times.iterator() if asked + (end - asked) / 2 <= now)
    together: dict[object, list[int]] = defaultdict(list)
    for pk, bundle in islice(due, BATCH):
        together[bundle or pk].append(pk)
    return sum(_remind_halfway(sorted(those), now) for those in together.values())


@transaction.atomic
def _remind_halfway(those: Iterable[int], now: datetime) -> bool:
    """Do it, for what is due of one form together, unless whoever asked had them reminded a moment ago."""
    quiet = Q(reminded_at=None) | Q(reminded_at__lte=now - REMIND_EVERY)
    still = AccessRequest.objects.filter(state=AccessRequest.State.PENDING)
    mine = [pk for pk in those if once(HALFWAY, pk, now) and still.filter(quiet, pk=pk).update(reminded_at=now) == 1]
    waiting = list(still.filter(pk__in=mine).select_related("requester", "resource").order_by("pk"))
    return bool(waiting) and requests.remind_approvers(*waiting, now=now) > 0


def _expiring(now: datetime) -> int:
    """Warn the owners of access that ends soon and is followed by no more of it."""
    return sum(_warn(pk, now) for pk in list(islice(_ending_soon(now), BATCH)))


def _ending_soon(now: datetime) -> Iterator[int]:
    running = Grant.objects.live(now).filter(~told(EXPIRING), ends_at__lte=now + LONGEST_WARNING).order_by("ends_at")
    for pk, start, end in running.values_list("pk", "starts_at", "ends_at").iterator():
        if end - warning(end - start) <= now:
            yield pk


def warning(lasts: timedelta) -> timedelta:
    """Return how long before its end to warn of it; no time at all where it is too short to be worth it."""
    if lasts < 2 * SHORTEST_WARNING:
        return timedelta(0)
    return min(max(lasts * SHARE, SHORTEST_WARNING), LONGEST_WARNING)


@transaction.atomic
def _warn(pk: int, now: datetime) -> bool:
    grant = Grant.objects.select_related("user", "resource").get(pk=pk)
    if not facts.ends_something(grant) or not once(EXPIRING, pk, now):
        return False
    grants.tell_owner_of_coming_end(grant)
    return True


def _unreviewed(now: datetime) -> int:
    """Remind reviewers of emergency access a day after it was taken, and every week from then on."""
    waiting = Grant.objects.filter(review_due=True, starts_at__lte=now - A_DAY).order_by("starts_at")
    return sum(_remind_of_review(grant, now) for grant in waiting.select_related("user", "resource", "request")[:BATCH])


@transaction.atomic
def _remind_of_review(grant: Grant, now: datetime) -> bool:
    if not once(f"review, week {(now - grant.starts_at) // A_WEEK}", grant.pk, now):
        return False
    grants.ask_for_review(grant, now=now)
    return True
