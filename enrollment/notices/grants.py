"""What people hear of access that they have: that it ends soon, has ended, or does not work yet; and of emergency access."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from enrollment import facts
from enrollment.durations import seconds_in_words
from enrollment.models import Grant, Review, User
from enrollment.moments import in_words
from enrollment.notices.outbox import Words, write
from enrollment.notices.requests import lead_to_reason, thread_of
from enrollment.sentences import Sentence, counted, joined, say

NOT_YOU = say("If this was not you, report the device lost on its page, which cuts it off at once, and tell an admin.")


def tell_owner_of_revoke(grant: Grant, reason: str, *, actor: User | None) -> None:
    """Tell the owner that it was ended, unless the owner did it."""
    if actor is not None and actor.pk == grant.user_id:
        return
    subject = say("Your access to {resource} was revoked", resource=grant.resource)
    more = say("It was ended, and open connections are cut.")
    if actor:
        more = say("It was ended by {who}, and open connections are cut.", who=actor)
    chat = f"The access of {grant.user} to {grant.resource} was revoked{f' by {actor}' if actor else ''}."
    _tell_owner(grant, "revoked", subject, more, said=reason, chat=chat)


def tell_owner_of_end(grant: Grant) -> None:
    """Tell the owner that time is up."""
    more = say("Its time was up on {when}. You can ask again.", when=in_words(grant.ends_at))
    _tell_owner(grant, "expired", say("Your access to {resource} has ended", resource=grant.resource), more)


def tell_owner_of_coming_end(grant: Grant) -> None:
    """Tell the owner while there is time to ask for more."""
    ends = say("It ends on {when}, by itself: open connections are cut then.", when=in_words(grant.ends_at))
    more = joined([ends, say("If you need it longer, ask for more time now.")], "\n")
    _tell_owner(grant, "expiring", say("Your access to {resource} ends soon", resource=grant.resource), more)


def tell_owner_of_delay(grant: Grant, peps: Collection[str]) -> None:
    """Tell the owner that what was granted does not work yet on these PEPs."""
    waits = counted(
        "It was granted, but the gateway {names} did not confirm it yet. It is tried again all the time,"
        " and its page says when it is in force.",
        "It was granted, but the gateways {names} did not confirm it yet. It is tried again all the time,"
        " and its page says when it is in force.",
        count=len(peps),
        names=", ".join(sorted(peps)),
    )
    more = joined([waits, say("There is nothing you need to do. If it stays so, tell an admin.")], "\n")
    _tell_owner(grant, "late", say("Your access to {resource} does not work yet", resource=grant.resource), more)


def _tell_owner(grant: Grant, event: str, subject: Sentence, more: Sentence, *, said: str = "", chat: str = "") -> None:
    link, thread = f"/requests/{grant.request_id}/", thread_of(grant.request_id)
    write([grant.user], Words(subject, joined([subject, more], ".\n"), said, link, f"grant.{event}", thread, chat))


def tell_of_break_glass(grant: Grant, *, now: datetime) -> None:
    """Tell everybody who was passed over, all admins, and whoever took it: nobody was asked, so everybody hears of it."""
    asked, thread, event = grant.request, thread_of(grant.request_id), "emergency.taken"
    what = {"user": grant.user, "resource": grant.resource}
    length = {"lasts": seconds_in_words(asked.seconds), "until": in_words(grant.ends_at)}
    reason = lead_to_reason(asked)
    taken = say("{user} took emergency access to {resource} for {lasts}, until {until}. Nobody approved it.", **what, **length)
    review = say("Somebody who approves for this resource must review it, and can end it there.")
    subject, page = say("EMERGENCY ACCESS: {user} reaches {resource}", **what), f"/admin/enrollment/grant/{grant.pk}/change/"
    passed_over = [person for person in (*facts.approvers_of(grant.resource, now), *_admins()) if person.pk != grant.user_id]
    write(passed_over, Words(subject, joined([taken, review, reason], "\n"), asked.reason, page, event, thread, chat=taken))
    own = (
        say("You took emergency access to {resource} for {lasts}, until {until}.", resource=grant.resource, **length),
        say("Everybody who approves for it was told, and one of them must review it."),
        NOT_YOU,
        reason,
    )
    subject = say("You took emergency access to {resource}", resource=grant.resource)
    write([grant.user], Words(subject, joined(own, "\n"), asked.reason, f"/requests/{asked.pk}/", event, thread))


def tell_of_review(grant: Grant, review: Review, *, has_ended: bool) -> None:
    """Tell whoever took emergency access what a second person thinks of it."""
    found = say("found justified") if review.verdict == Review.Verdict.APPROVE else say("found not justified")
    said = say("found not justified and ended") if has_ended else found
    words = Words(
        say("Your emergency access to {resource} was {said}", resource=grant.resource, said=found),
        say("Your emergency access to {resource} was {said} by {who}.", resource=grant.resource, said=said, who=review.who),
        said=review.comment,
        link=f"/requests/{grant.request_id}/",
        event="emergency.reviewed",
        thread=thread_of(grant.request_id),
        chat=f"The emergency access of {grant.user} to {grant.resource} was {said} by {review.who}.",
    )
    write([grant.user], words)


def ask_for_review(grant: Grant, *, now: datetime) -> None:
    """Tell those who could review emergency access that nobody has, for long."""
    subject = say("Nobody has reviewed the emergency access of {user} to {resource}", user=grant.user, resource=grant.resource)
    taken = say("It was taken on {when}.", when=in_words(grant.starts_at))
    must = say("One of you must say whether it was justified; until then {user} cannot take any again.", user=grant.user)
    told = joined([joined([subject, taken], ".\n"), must])
    words = Words(
        subject,
        joined([told, say("The reason given:")], "\n\n"),
        said=grant.request.reason,
        link=f"/admin/enrollment/grant/{grant.pk}/change/",
        event="emergency.unreviewed",
        thread=thread_of(grant.request_id),
        chat=f"{subject}. {taken}",
    )
    write([person for person in facts.approvers_of(grant.resource, now) if person.pk != grant.user_id], words)


def _admins() -> Collection[User]:
    return list(User.objects.filter(is_superuser=True))
