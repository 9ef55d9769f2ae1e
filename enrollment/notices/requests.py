"""What people hear of a request: those who may answer it, and whoever asked."""

from __future__ import annotations

from datetime import datetime

from enrollment import facts
from enrollment.durations import seconds_in_words
from enrollment.models import AccessRequest, Notice, User
from enrollment.moments import in_words
from enrollment.notices.outbox import Words, write
from enrollment.sentences import Sentence, joined, say

WAITS, REMINDS = "request.waits", "request.reminded"
NOTHING = Sentence("")


def thread_of(request_id: int) -> str:
    """Return what holds together all that is told of one request, and of the access that came of it."""
    return f"request-{request_id}"


def lead_to_reason(request: AccessRequest) -> Sentence:
    """Return the words before the reason that somebody gave."""
    given = say("The reason given:")
    return joined([say("Ticket: {ticket}", ticket=request.ticket), "", given] if request.ticket else ["", given], "\n")


def ask_approvers(request: AccessRequest, *, now: datetime) -> int:
    """Tell everybody who could answer now that somebody waits."""
    subject = say("{user} asks for {resource}", user=request.requester, resource=request.resource)
    return _ask(request, subject, None, WAITS, now)


def remind_approvers(request: AccessRequest, *, now: datetime) -> int:
    """Tell them again, and return how many there are."""
    subject = say("{user} still waits for {resource}", user=request.requester, resource=request.resource)
    since = say("They have waited since {when}.", when=in_words(request.created_at))
    return _ask(request, subject, since, REMINDS, now)


def _ask(request: AccessRequest, subject: Sentence, more: Sentence | None, event: str, now: datetime) -> int:
    lasts, until = seconds_in_words(request.seconds), in_words(request.answer_by)
    asks = say("{user} asks to reach {resource} for {lasts}.", user=request.requester, resource=request.resource, lasts=lasts)
    text = (
        joined([asks, more]) if more else asks,
        say("Please answer before {when}.", when=until),
        lead_to_reason(request),
    )
    words = Words(
        subject,
        joined(text, "\n"),
        said=request.reason,
        link=_page_of_answers(request),
        event=event,
        thread=thread_of(request.pk),
        chat=f"{subject}, for {lasts}. Somebody should answer before {until}.",
    )
    return write(facts.approvers_of(request, now), words)


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
    asked = Notice.objects.filter(thread=thread_of(request.pk), event__in=(WAITS, REMINDS), is_for_chat=False)
    asked.filter(sent_at=None, tries=0).delete()
    about = {"user": request.requester, "resource": request.resource}
    done = say("The request of {user} for {resource} was {said}.", **about, said=what)
    if actor:
        done = say("The request of {user} for {resource} was {said} by {who}.", **about, said=what, who=actor)
    words = Words(
        say("Nothing left to answer: {user}, {resource}", **about),
        joined([done, say("You need not do anything.")]),
        link=_page_of_answers(request),
        event="request.settled",
        thread=thread_of(request.pk),
    )
    people = User.objects.filter(pk__in=asked.values("person")).exclude(pk__in=request.reviews.values("reviewer"))
    write(people.exclude(pk=actor.pk) if actor else people, words)


def _page_of_answers(request: AccessRequest) -> str:
    return f"/admin/enrollment/accessrequest/{request.pk}/change/"
