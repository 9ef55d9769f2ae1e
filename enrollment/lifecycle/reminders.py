"""Have those who may answer a request told again. Only whoever asked can, and not all the time."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from enrollment import audit, notices
from enrollment.lifecycle.outcomes import Conflict, conflict_over_request, refuse_if
from enrollment.models import AccessRequest, User
from enrollment.moments import in_words
from enrollment.sentences import say

NOBODY = say("Nobody could answer this now, so nobody was reminded. Tell an admin.")


@transaction.atomic
def remind_approvers(request: AccessRequest, *, actor: User, now: datetime) -> None:
    """Mail everybody who could answer now. A Conflict says from when on it can be done again."""
    refuse_if(actor.pk != request.requester_id, say("Only whoever asked can have the approvers reminded."))
    waiting = AccessRequest.objects.filter(pk=request.pk, state=AccessRequest.State.PENDING, answer_by__gt=now)
    quiet = Q(reminded_at=None) | Q(reminded_at__lte=now - notices.REMIND_EVERY)
    if waiting.filter(quiet).update(reminded_at=now) != 1:
        last = waiting.values_list("reminded_at", flat=True).first()
        raise _too_early(last) if last else conflict_over_request(request, now)
    request.reminded_at = now
    people = notices.remind_approvers(AccessRequest.objects.select_related("requester", "resource").get(pk=request.pk), now=now)
    refuse_if(people == 0, NOBODY)
    audit.append("request.reminded", actor=actor, subject=request, data={"request": request.pk, "people": people}, now=now)


def _too_early(last: datetime) -> Conflict:
    again = in_words(last + notices.REMIND_EVERY)
    return Conflict(
        say("They were reminded on {last} already. You can have them reminded again on {again}.", last=in_words(last), again=again)
    )
