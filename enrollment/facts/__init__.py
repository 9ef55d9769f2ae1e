"""Rows become the values that decisions are made of. The only reader for decisions.

Nothing here decides: `policy` does, from what comes out here. Callers who need one
snapshot of several readings open the transaction.
"""

from enrollment.facts.answering import approvers_of, may_answer_something, may_revoke, reviewing, stage_that_waits, terms_of_grant
from enrollment.facts.asking import asking, longest_seconds
from enrollment.facts.deciding import facts_of, for_pep
from enrollment.facts.reach import Reach, reachable_by, reachable_of

__all__ = [
    "Reach",
    "approvers_of",
    "asking",
    "facts_of",
    "for_pep",
    "longest_seconds",
    "may_answer_something",
    "may_revoke",
    "reachable_by",
    "reachable_of",
    "reviewing",
    "stage_that_waits",
    "terms_of_grant",
]
