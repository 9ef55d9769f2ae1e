"""Reviewing emergency access after the fact: who took it, why, and whether a second person finds it justified."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enrollment import lifecycle
from enrollment.admin.mixins import answers
from enrollment.admin.verbs import Answers, Verb
from enrollment.admin_forms.answers import JustifiedForm, NotJustifiedForm
from enrollment.models import Grant, User
from enrollment.moments import in_words
from enrollment.sentences import say, spoken
from enrollment.templatetags.times import duration

REVIEW = "admin/enrollment/answer.html"


def justified(grant: Grant, reviewer: User, given: Answers, now: datetime) -> str:
    lifecycle.review_break_glass(grant, reviewer=reviewer, justified=True, comment=given["comment"], now=now)
    return gettext("Your review is noted: justified.")


def not_justified(grant: Grant, reviewer: User, given: Answers, now: datetime) -> str:
    was_open = grant.state in Grant.OPEN
    lifecycle.review_break_glass(grant, reviewer=reviewer, justified=False, comment=given["comment"], now=now)
    if was_open and grant.state == Grant.State.REVOKED:
        return gettext("Your review is noted: not justified. It is revoked; the grant says whether the PEPs have let go of it.")
    return gettext("Your review is noted: not justified. It had ended already.")


JUSTIFIED = Verb(
    "justified",
    _("Find emergency access justified …"),
    _("Was this emergency access justified?"),
    _("Find it justified"),
    justified,
    answers,
    JustifiedForm,
    REVIEW,
)
NOT_JUSTIFIED = Verb(
    "not_justified",
    _("Find emergency access not justified …"),
    _("Was this emergency access not justified?"),
    _("Find it not justified"),
    not_justified,
    answers,
    NotJustifiedForm,
    REVIEW,
    is_grave=True,
)
VERBS = (JUSTIFIED, NOT_JUSTIFIED)


def in_a_word(grant: Grant, now: datetime) -> str:
    """Return what a list says beside where the grant stands; nothing where somebody approved it."""
    if not grant.is_break_glass:
        return ""
    if not grant.review_due:
        return gettext("emergency access, reviewed")
    return gettext("EMERGENCY ACCESS, to be reviewed, taken %(age)s ago") % {"age": duration((now - grant.starts_at).total_seconds())}


def at_length(grant: Grant) -> str:
    """Return what the grant's own page says."""
    if not grant.is_break_glass:
        return gettext("no: it was approved")
    if grant.review_due:
        return gettext("yes: nobody approved it, and it waits for its review by a second person")
    lines = [
        spoken(say("yes: {finding} by {who} on {at}", finding=each.finding, who=each.who, at=in_words(each.created_at)))
        + (f": {each.comment}" if each.comment else "")
        for each in grant.request.reviews.all()
    ]
    return "\n".join(lines)
