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

NOT_YOU = "If this was not you, report the device lost on its page, which cuts it off at once, and tell an admin."


def tell_owner_of_revoke(grant: Grant, reason: str, *, actor: User | None) -> None:
    """Tell the owner that it was ended, unless the owner did it."""
    if actor is not None and actor.pk == grant.user_id:
        return
    by = f" by {actor}" if actor else ""
    chat = f"The access of {grant.user} to {grant.resource} was revoked{by}."
    _tell_owner(grant, "revoked", "was revoked", f"It was ended{by}, and open connections are cut.", said=reason, chat=chat)


def tell_owner_of_end(grant: Grant) -> None:
    """Tell the owner that time is up."""
    _tell_owner(grant, "expired", "has ended", f"Its time was up on {in_words(grant.ends_at)}. You can ask again.")


def tell_owner_of_coming_end(grant: Grant) -> None:
    """Tell the owner while there is time to ask for more."""
    more = f"It ends on {in_words(grant.ends_at)}, by itself: open connections are cut then.\nIf you need it longer, ask for more time now."
    _tell_owner(grant, "expiring", "ends soon", more)


def tell_owner_of_delay(grant: Grant, peps: Collection[str]) -> None:
    """Tell the owner that what was granted does not work yet on these PEPs."""
    gateways = f"the gateway{'s' if len(peps) != 1 else ''} {', '.join(sorted(peps))}"
    more = (
        f"It was granted, but {gateways} did not confirm it yet. It is tried again all the time, and its page says when it is in force.\n"
        "There is nothing you need to do. If it stays so, tell an admin."
    )
    _tell_owner(grant, "late", "does not work yet", more)


def _tell_owner(grant: Grant, event: str, what: str, more: str, *, said: str = "", chat: str = "") -> None:
    subject = f"Your access to {grant.resource} {what}"
    link, thread = f"/requests/{grant.request_id}/", thread_of(grant.request_id)
    write([grant.user], Words(subject, f"{subject}.\n{more}", said, link, f"grant.{event}", thread, chat))


def tell_of_break_glass(grant: Grant, *, now: datetime) -> None:
    """Tell everybody who was passed over, all admins, and whoever took it: nobody was asked, so everybody hears of it."""
    asked, thread, event = grant.request, thread_of(grant.request_id), "emergency.taken"
    lasts = f"for {seconds_in_words(asked.seconds)}, until {in_words(grant.ends_at)}"
    reason = lead_to_reason(asked)
    taken = f"{grant.user} took emergency access to {grant.resource} {lasts}. Nobody approved it."
    others = f"{taken}\nSomebody who approves for this resource must review it, and can end it there.\n{reason}"
    passed_over = [person for person in (*facts.approvers_of(grant.resource, now), *_admins()) if person.pk != grant.user_id]
    subject, page = f"EMERGENCY ACCESS: {grant.user} reaches {grant.resource}", f"/admin/enrollment/grant/{grant.pk}/change/"
    write(passed_over, Words(subject, others, asked.reason, page, event, thread, chat=taken))
    own = (
        f"You took emergency access to {grant.resource} {lasts}.\n"
        f"Everybody who approves for it was told, and one of them must review it.\n{NOT_YOU}\n{reason}"
    )
    subject = f"You took emergency access to {grant.resource}"
    write([grant.user], Words(subject, own, asked.reason, f"/requests/{asked.pk}/", event, thread))


def tell_of_review(grant: Grant, review: Review, *, has_ended: bool) -> None:
    """Tell whoever took emergency access what a second person thinks of it."""
    found = "justified" if review.verdict == Review.Verdict.APPROVE else "not justified"
    what = f"was found {found}{' and ended' if has_ended else ''} by {review.who}"
    words = Words(
        f"Your emergency access to {grant.resource} was found {found}",
        f"Your emergency access to {grant.resource} {what}.",
        said=review.comment,
        link=f"/requests/{grant.request_id}/",
        event="emergency.reviewed",
        thread=thread_of(grant.request_id),
        chat=f"The emergency access of {grant.user} to {grant.resource} {what}.",
    )
    write([grant.user], words)


def ask_for_review(grant: Grant, *, now: datetime) -> None:
    """Tell those who could review emergency access that nobody has, for long."""
    subject = f"Nobody has reviewed the emergency access of {grant.user} to {grant.resource}"
    taken = f"It was taken on {in_words(grant.starts_at)}."
    must = f"One of you must say whether it was justified; until then {grant.user} cannot take any again."
    words = Words(
        subject,
        f"{subject}.\n{taken} {must}\n\nThe reason given:",
        said=grant.request.reason,
        link=f"/admin/enrollment/grant/{grant.pk}/change/",
        event="emergency.unreviewed",
        thread=thread_of(grant.request_id),
        chat=f"{subject}. {taken}",
    )
    write([person for person in facts.approvers_of(grant.resource, now) if person.pk != grant.user_id], words)


def _admins() -> Collection[User]:
    return list(User.objects.filter(is_superuser=True))
