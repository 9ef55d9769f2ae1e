"""Send what waits. Whatever fails is tried again later; each notice is claimed by one worker at a time.

Each mail waits for itself, and is given up after MOST_TRIES. There is one chat, so what waits
for it goes in order, behind the oldest, which is tried for some three days.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from enrollment.models import AccessRequest, Notice, NoticeItem
from enrollment.notices import chat, mails
from enrollment.notices.requests import ASKS

logger = logging.getLogger(__name__)
MOST_TRIES = 12
LONGEST_WAIT = timedelta(hours=4)
MOST_TRIES_OF_CHAT = 300
LONGEST_WAIT_OF_CHAT = timedelta(minutes=15)
KEPT = timedelta(days=30)
BATCH = 500  # the next beat goes on


def send_due(now: datetime) -> int:
    """Send the mail that waits, and say how many went. Forget what was sent, or given up, long ago."""
    Notice.objects.filter(Q(sent_at__lt=now - KEPT) | Q(sent_at=None, tries__gte=MOST_TRIES, due_at__lt=now - KEPT)).delete()
    due = Notice.objects.filter(_is_due(now), is_for_chat=False, sent_at=None, tries__lt=MOST_TRIES)
    return sum(_mail(notice, now) for notice in due[:BATCH])


def post_due(now: datetime) -> int:
    """Send the chat what waits, the oldest first, and say how many went."""
    sent = 0
    while settings.WEBHOOK_URL and sent < BATCH and _post_oldest(now):
        sent += 1
    return sent


def _is_due(now: datetime) -> Q:
    return Q(due_at__lte=now) | Q(due_at__gt=now + 2 * LONGEST_WAIT)  # nobody waits that long: a clock was ahead


def _claim(notice: Notice, longest: timedelta, now: datetime) -> bool:
    """Take one try of it. False: somebody else has it, it must wait, or it is not to be told any more."""
    wait = min(longest, timedelta(minutes=2 ** min(notice.tries, 10)))
    mine = Notice.objects.filter(_is_due(now), pk=notice.pk, sent_at=None, tries=notice.tries)
    return mine.update(tries=notice.tries + 1, due_at=now + wait) == 1


def _mail(notice: Notice, now: datetime) -> bool:
    if not _claim(notice, LONGEST_WAIT, now):
        return False
    items = _items(notice)
    if items is None:
        Notice.objects.filter(pk=notice.pk).delete()
        return False
    try:
        mails.as_mail(notice, [item for item in items if item.line]).send()
    except Exception:  # whatever a mail server does, what was decided stands
        logger.exception("A notice could not be mailed, try %s of %s: %s", notice.tries + 1, MOST_TRIES, notice.subject)
        return False
    return _is_sent(notice, now)


def _items(notice: Notice) -> list[NoticeItem] | None:
    """Return the requests that it is about, read once it is claimed; None where it asks for an answer and none waits for one any more."""
    items = list(notice.items.all())
    if notice.event not in ASKS or not items:
        return items
    waiting = AccessRequest.objects.filter(pk__in=[item.request_id for item in items], state=AccessRequest.State.PENDING)
    still = set(waiting.values_list("pk", flat=True))
    return [item for item in items if item.request_id in still] or None


def _post_oldest(now: datetime) -> bool:
    notice = Notice.objects.filter(is_for_chat=True, sent_at=None, tries__lt=MOST_TRIES_OF_CHAT).first()
    if notice is None or not _claim(notice, LONGEST_WAIT_OF_CHAT, now):
        return False
    body = chat.body_of(notice)
    try:
        chat.post(settings.WEBHOOK_URL, body, chat.signed(notice.name, body, settings.WEBHOOK_KEY, now))
    except chat.NotTakenError as error:
        logger.error("The chat did not take a notice, try %s of %s: %s", notice.tries + 1, MOST_TRIES_OF_CHAT, error)  # noqa: TRY400 - no trace is of use
        return False
    return _is_sent(notice, now)


def _is_sent(notice: Notice, now: datetime) -> bool:
    Notice.objects.filter(pk=notice.pk).update(sent_at=now)
    return True
