"""What people hear of a request: those who may answer it, and whoever asked.

What was asked by one form is told by one mail to each: it names what that person may answer, and
each has its link. What is settled of it within a minute is told together as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet

from enrollment import facts
from enrollment.durations import seconds_in_words
from enrollment.models import AccessRequest, Notice, NoticeItem, User
from enrollment.moments import in_words
from enrollment.notices.outbox import NAMES, Item, Words, write
from enrollment.sentences import Sentence, joined, say

ASKS = WAITS, REMINDS = "request.waits", "request.reminded"
SETTLED = "request.settled"
A_MOMENT = timedelta(minutes=1)
ANSWERS = "/admin/enrollment/accessrequest/"
NOTHING = Sentence("")
Subject = Callable[[Mapping[str, object]], Sentence]  # of whom, and what for


def thread_of(request_id: int) -> str:
    """Return what holds together all that is told of one request, and of the access that came of it."""
    return f"request-{request_id}"


def thread_of_answers(request: AccessRequest) -> str:
    """Return the same for those who may answer: all that was asked by one form is one thread."""
    return f"bundle-{request.bundle.hex}" if request.bundle else thread_of(request.pk)


def lead_to_reason(request: AccessRequest) -> Sentence:
    """Return the words before the reason that somebody gave."""
    given = say("The reason given:")
    return joined([say("Ticket: {ticket}", ticket=request.ticket), "", given] if request.ticket else ["", given], "\n")


def ask_approvers(*requests: AccessRequest, now: datetime) -> int:
    """Tell everybody who could answer now that somebody waits. Several: what one form asked for."""
    return _ask(requests, lambda about: say("{user} asks for {resource}", **about), None, WAITS, now)


def remind_approvers(*requests: AccessRequest, now: datetime) -> int:
    """Tell them again, and return how many there are."""
    since = say("They have waited since {when}.", when=in_words(requests[0].created_at))
    return _ask(requests, lambda about: say("{user} still waits for {resource}", **about), since, REMINDS, now)


def _ask(requests: Sequence[AccessRequest], subject: Subject, more: Sentence | None, event: str, now: datetime) -> int:
    """Write one mail to each, and one post to the chat: it is one thing that somebody did."""
    theirs: dict[User, list[AccessRequest]] = defaultdict(list)
    for request in requests:
        for person in facts.approvers_of(request, now):
            theirs[person].append(request)
    alike: dict[tuple[AccessRequest, ...], list[User]] = defaultdict(list)
    for person, asked in theirs.items():
        alike[tuple(asked)].append(person)
    told = sum(write(people, _question(asked, subject, more, event)) for asked, people in alike.items())
    write([], _in_chat(requests, subject, event))
    return told


def _question(asked: Sequence[AccessRequest], subject: Subject, more: Sentence | None, event: str) -> Words:
    first, thread = asked[0], thread_of_answers(asked[0])
    items: tuple[Item, ...] = (_item(first),)
    about = {"user": first.requester, "lasts": seconds_in_words(first.seconds)}
    if len(asked) == 1:
        asks = say("{user} asks to reach {resource} for {lasts}.", **about, resource=first.resource)
        please = say("Please answer before {when}.", when=in_words(first.answer_by))
        named, link = first.resource.name, _page_of_answers(first)
    else:
        asks = say("{user} asks to reach {count} resources by one form, for {lasts} each.", **about, count=len(asked))
        please = say("Please answer each; those that wait are listed below.")
        lines = [say("{resource}: please answer before {when}.", resource=each.resource, when=in_words(each.answer_by)) for each in asked]
        items = tuple(_item(each, line) for each, line in zip(asked, lines, strict=True))
        named, link = NAMES, ANSWERS
    text = joined((joined([asks, more]) if more else asks, please, lead_to_reason(first)), "\n")
    return Words(subject({"user": first.requester, "resource": named}), text, first.reason, link, event, thread, items=items)


def _in_chat(requests: Sequence[AccessRequest], subject: Subject, event: str) -> Words:
    first, each = requests[0], " each" if len(requests) > 1 else ""
    what = subject({"user": first.requester, "resource": ", ".join(str(request.resource) for request in requests)})
    by = in_words(min(request.answer_by for request in requests))
    chat = f"{what}, for {seconds_in_words(first.seconds)}{each}. Somebody should answer before {by}."
    link = ANSWERS if each else _page_of_answers(first)
    return Words(what, NOTHING, link=link, event=event, thread=thread_of_answers(first), chat=chat)


def tell_requester(request: AccessRequest, what: Sentence, more: Sentence = NOTHING, *, said: str = "") -> None:
    """Tell whoever asked what became of it. `what` was done to it; `said`: what somebody typed about it."""
    subject = say("Your request for {resource} was {said}", resource=request.resource, said=what)
    words = Words(
        subject,
        joined([subject, more], ".\n"),
        said=said,
        link=f"/requests/{request.pk}/",
        event=f"request.{request.state}",
        thread=thread_of(request.pk),
        chat=f"The request of {request.requester} for {request.resource} was {what}.",
    )
    write([request.requester], words)


def tell_nobody_need_answer(request: AccessRequest, what: Sentence, *, actor: User | None) -> None:
    """Tell those who were asked, and have not answered, that somebody did; whoever has no mail about it yet is not asked any more."""
    asked = NoticeItem.objects.filter(request=request, notice__event__in=ASKS)
    # Locked, so that whoever sends one at this moment either has sent it, or reads what is left to ask.
    fresh = Notice.objects.select_for_update(no_key=True).filter(pk__in=asked.values("notice"), sent_at=None, tries=0)
    mailed_never = list(fresh.values_list("pk", flat=True))
    asked.filter(notice__in=mailed_never).delete()
    Notice.objects.filter(pk__in=mailed_never, items=None).delete()
    people = User.objects.filter(pk__in=asked.values("notice__person")).exclude(pk__in=request.reviews.values("reviewer"))
    about = {"user": request.requester, "resource": request.resource}
    done = say("The request of {user} for {resource} was {said}.", **about, said=what)
    if actor:
        done = say("The request of {user} for {resource} was {said} by {who}.", **about, said=what, who=actor)
    _tell_settled(request, people.exclude(pk=actor.pk) if actor else people, done)


def _tell_settled(request: AccessRequest, people: QuerySet[User], done: Sentence) -> None:
    """Tell it. Of a bundle, what somebody is to be told in this minute is one mail."""
    thread, link, rest = thread_of_answers(request), _page_of_answers(request), say("You need not do anything.")
    if not request.bundle:
        subject = say("Nothing left to answer: {user}, {resource}", user=request.requester, resource=request.resource)
        write(people, Words(subject, joined([done, rest]), "", link, SETTLED, thread))
        return
    item, subject = _item(request, done), say("Nothing left to answer: {user}, {resource}", user=request.requester, resource=NAMES)
    waiting = Notice.objects.select_for_update(no_key=True).filter(thread=thread, event=SETTLED, person__in=people, sent_at=None, tries=0)
    joins = {notice.person_id: notice for notice in waiting}
    NoticeItem.objects.bulk_create([item.of(notice) for notice in joins.values()])
    words = Words(subject, rest, "", ANSWERS, SETTLED, thread, items=(item,), rest=A_MOMENT)
    write([person for person in people if person.pk not in joins], words)


def _item(request: AccessRequest, line: Sentence | None = None) -> Item:
    return Item(request.pk, str(request.resource), _page_of_answers(request), line)


def _page_of_answers(request: AccessRequest) -> str:
    return f"{ANSWERS}{request.pk}/change/"
