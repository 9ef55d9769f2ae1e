"""What people hear of a request: those who may answer it, and whoever asked."""

from __future__ import annotations

from datetime import datetime

from enrollment import facts
from enrollment.durations import seconds_in_words
from enrollment.models import AccessRequest, Notice, User
from enrollment.moments import in_words
from enrollment.notices.outbox import Words, write

WAITS, REMINDS = "request.waits", "request.reminded"


def thread_of(request_id: int) -> str:
    """Return what holds together all that is told of one request, and of the access that came of it."""
    return f"request-{request_id}"


def lead_to_reason(request: AccessRequest) -> str:
    """Return the words before the reason that somebody gave."""
    ticket = f"Ticket: {request.ticket}\n" if request.ticket else ""
    return f"{ticket}\nThe reason given:"


def ask_approvers(request: AccessRequest, *, now: datetime) -> int:
    """Tell everybody who could answer now that somebody waits."""
    return _ask(request, f"{request.requester} asks for {request.resource}", "", WAITS, now)


def remind_approvers(request: AccessRequest, *, now: datetime) -> int:
    """Tell them again, and return how many there are."""
    since = f" They have waited since {in_words(request.created_at)}."
    return _ask(request, f"{request.requester} still waits for {request.resource}", since, REMINDS, now)


def _ask(request: AccessRequest, subject: str, more: str, event: str, now: datetime) -> int:
    lasts = seconds_in_words(request.seconds)
    words = Words(
        subject,
        f"{request.requester} asks to reach {request.resource} for {lasts}.{more}\n"
        f"Please answer before {in_words(request.answer_by)}.\n{lead_to_reason(request)}",
        said=request.reason,
        link=_page_of_answers(request),
        event=event,
        thread=thread_of(request.pk),
        chat=f"{subject}, for {lasts}. Somebody should answer before {in_words(request.answer_by)}.",
    )
    return write(facts.approvers_of(request, now), words)


def tell_requester(request: AccessRequest, what: str, more: str = "", *, said: str = "") -> None:
    """Tell whoever asked what became of it. `said`: what somebody typed about it."""
    subject = f"Your request for {request.resource} {what}"
    words = Words(
        subject,
        f"{subject}.\n{more}",
        said=said,
        link=f"/requests/{request.pk}/",
        event=f"request.{request.state}",
        thread=thread_of(request.pk),
        chat=f"The request of {request.requester} for {request.resource} {what}.",
    )
    write([request.requester], words)


def tell_nobody_need_answer(request: AccessRequest, what: str, *, actor: User | None) -> None:
    """Tell those who were asked, and have not answered, that somebody did; whoever has no mail about it yet is not asked any more."""
    asked = Notice.objects.filter(thread=thread_of(request.pk), event__in=(WAITS, REMINDS), is_for_chat=False)
    asked.filter(sent_at=None, tries=0).delete()
    by = f" by {actor}" if actor else ""
    words = Words(
        f"Nothing left to answer: {request.requester}, {request.resource}",
        f"The request of {request.requester} for {request.resource} {what}{by}. You need not do anything.",
        link=_page_of_answers(request),
        event="request.settled",
        thread=thread_of(request.pk),
    )
    people = User.objects.filter(pk__in=asked.values("person")).exclude(pk__in=request.reviews.values("reviewer"))
    write(people.exclude(pk=actor.pk) if actor else people, words)


def _page_of_answers(request: AccessRequest) -> str:
    return f"/admin/enrollment/accessrequest/{request.pk}/change/"
