"""Write down what is to be told, in the caller's transaction; a worker sends it.

One row a person, in their language, so that nobody learns who else was told; and one for the chat,
where the operator has one, in English: it says names and what happened, and nothing that anybody typed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import translation

from enrollment.models import Notice, NoticeItem, ToldOnce, User
from enrollment.sentences import Sentence, spoken

logger = logging.getLogger(__name__)
LONGEST_SUBJECT = 100
NAMES = "…"  # in a subject, where the names of its items go: which of them wait still is known when it is sent
BY_MAIL = "enrollment.tasks.mail_due_notices"
TO_CHAT = "enrollment.tasks.post_due_notices"


@dataclass(frozen=True, slots=True)
class Item:
    """One request that a notice is about, as `NoticeItem` keeps it. No line: the notice says it itself."""

    request_id: int
    name: str
    link: str
    line: Sentence | None = None

    def of(self, notice: Notice) -> NoticeItem:
        """Return its row, in the language of the notice."""
        with translation.override(notice.language):
            line = spoken(self.line) if self.line else ""
        return NoticeItem(notice=notice, request_id=self.request_id, name=self.name, link=self.link, line=line)


@dataclass(frozen=True, slots=True)
class Words:
    """What a notice says, subject and text as sentences, for each reader's language.

    `said` is what somebody typed; `chat` is what everybody in the chat may read, empty: nothing.
    """

    subject: Sentence
    text: Sentence
    said: str = ""
    link: str = "/"
    event: str = ""
    thread: str = ""
    chat: str = ""
    items: tuple[Item, ...] = ()
    rest: timedelta = timedelta(0)  # for how long more of the same may join it, before it is sent


def write(people: Iterable[User], words: Words) -> int:
    """Write it down for each of these who has an address and may come in, and for the chat; return for how many people."""
    named = {person.email: person for person in people if person.email and person.is_active}
    more = {"event": words.event, "thread": words.thread, "link": words.link}
    by_language = {language: _in(language, words) for language in {person.speaks for person in named.values()}}
    mails = [Notice(person=each, to=to, said=words.said, **by_language[each.speaks], **more) for to, each in named.items()]
    in_the_chat = Notice(is_for_chat=True, text=words.chat, subject=one_line(words.subject), **more)
    posts = [in_the_chat] if words.chat and settings.WEBHOOK_URL else []
    for mail in mails:
        mail.due_at += words.rest
    if mails or posts:
        Notice.objects.bulk_create([*mails, *posts])
        NoticeItem.objects.bulk_create([item.of(mail) for mail in mails for item in words.items])
        transaction.on_commit(lambda: _wake([*([BY_MAIL] if mails else []), *([TO_CHAT] if posts else [])]), robust=True)
    return len(mails)


def once(kind: str, subject_id: int, now: datetime) -> bool:
    """Return True to the first who asks, and False to all others; the caller tells in the same transaction."""
    return ToldOnce.objects.get_or_create(kind=kind, subject_id=subject_id, defaults={"at": now})[1]


def told(kind: str, field: str = "pk") -> Exists:
    """Find what was told already, by the field that holds its number."""
    return Exists(ToldOnce.objects.filter(kind=kind, subject_id=OuterRef(field)))


def _in(language: str, words: Words) -> dict[str, str]:
    """Say it now, whoever's page or worker this is: a name or a state may be another one by the time that it is sent."""
    with translation.override(language):
        return {"language": language, "subject": one_line(spoken(words.subject)), "text": spoken(words.text)}


def one_line(text: str) -> str:
    return " ".join(text.split())[:LONGEST_SUBJECT]


def _wake(tasks: Iterable[str]) -> None:
    """Tell the worker. Whatever happens to the message, the next beat looks for what waits."""
    try:
        for task in tasks:
            current_app.send_task(task, retry=False)
    except Exception as error:  # noqa: BLE001 - whatever the broker's client raises, what was decided stands
        logger.warning("the broker took no message, the notice goes with the next beat: %s", error)
