"""Rows become the values that decisions are made of. The only reader for decisions.

Nothing here decides: `policy` does, from what comes out here. Callers who need one
snapshot of several readings open the transaction.
"""

from enrollment.facts.answerers import answerers, answerers_left
from enrollment.facts.answering import (
    Progress,
    approvers_of,
    may_answer_something,
    may_revoke,
    progress_of,
    reviewing,
    reviewing_all,
    stage_that_waits,
    to_answer,
)
from enrollment.facts.asking import asking, asking_all, longest_seconds
from enrollment.facts.cut import Cut, cut_of
from enrollment.facts.deciding import facts_of, facts_of_all, for_pep
from enrollment.facts.emergencies import emergencies, emergency, reviewing_break_glass, to_review
from enrollment.facts.following import end_of, ends_something, ends_with, onward
from enrollment.facts.held import Loss, losses, opened_by
from enrollment.facts.orphans import orphans, orphans_among
from enrollment.facts.reach import Reach, log_begins, people_called, people_like, reachable_by, reachable_of, reaches_at
from enrollment.facts.seats import has_a_voice, opens_admin, stands_in
from enrollment.facts.terms import has_a_say, may_come_to_need, time_is_in_doubt

__all__ = [
    "Cut",
    "Loss",
    "Progress",
    "Reach",
    "answerers",
    "answerers_left",
    "approvers_of",
    "asking",
    "asking_all",
    "cut_of",
    "emergencies",
    "emergency",
    "end_of",
    "ends_something",
    "ends_with",
    "facts_of",
    "facts_of_all",
    "for_pep",
    "has_a_say",
    "has_a_voice",
    "log_begins",
    "longest_seconds",
    "losses",
    "may_answer_something",
    "may_come_to_need",
    "may_revoke",
    "onward",
    "opened_by",
    "opens_admin",
    "orphans",
    "orphans_among",
    "people_called",
    "people_like",
    "progress_of",
    "reachable_by",
    "reachable_of",
    "reaches_at",
    "reviewing",
    "reviewing_all",
    "reviewing_break_glass",
    "stage_that_waits",
    "stands_in",
    "time_is_in_doubt",
    "to_answer",
    "to_review",
]
