"""How approvers answer: how many requests, how fast, how many denied, how much by stand-ins. A report for auditors.

The time of an answer runs from when it was that person's turn: from the question, or where
an earlier stage had to agree first, from its last yes. Emergency access is reviewed after
the fact, so its reviews are counted apart. What nobody answered in time is no person's: it
is counted for the group that was missing, by the terms that it was asked under.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import median
from typing import Any

from django.db.models import QuerySet

from enrollment.facts.terms import stages_by_version
from enrollment.models import AccessRequest, Review, User
from enrollment.models.access import ReviewQuerySet

NOBODY = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """One review: who pressed, with whose seat if not their own, what they said, and after how many seconds of their turn."""

    reviewer: int
    seat: int
    is_yes: bool
    is_cut: bool  # less time than was asked for
    is_of_emergency: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Approver:
    """What one person answered. Times are seconds; None where there was nothing to answer."""

    user_id: int
    name: str
    email: str
    answers: int
    approved: int
    shortened: int
    denied: int
    median_seconds: float | None
    longest_seconds: float | None
    as_stand_in: int  # of the answers and reviews: in somebody else's stead
    by_stand_ins: int  # besides them: by others in this person's stead
    emergencies: int
    not_justified: int
    longest_review_seconds: float | None


@dataclass(frozen=True, slots=True)
class Silence:
    """A group of which too few answered in time: how many requests ended so, and how many of them after all groups before had agreed."""

    group: str
    lapsed: int
    after_others: int


def by_approver(reviews: ReviewQuerySet) -> list[Approver]:
    """Return a row for each person who answered, or in whose stead somebody did: most answers first. Two queries."""
    columns = ("reviewer_id", "on_behalf_of_id", "stage_id", "verdict", "seconds", "request__seconds", "created_at", "turn_at")
    answers = [_answer(row) for row in reviews.with_turn().order_by().values(*columns).iterator(chunk_size=2000)]
    people = User.objects.in_bulk({each.reviewer for each in answers} | {each.seat for each in answers if each.seat})
    mine: dict[int, list[Answer]] = defaultdict(list)
    lent: dict[int, int] = defaultdict(int)
    for each in answers:
        mine[each.reviewer].append(each)
        lent[each.seat] += 1
    found = [summed(user, mine[pk], lent[pk]) for pk, user in people.items()]
    return sorted(found, key=lambda each: (-each.answers, -each.emergencies, each.name, each.user_id))


def summed(user: User, answers: Iterable[Answer], by_stand_ins: int) -> Approver:
    """Add up what one person answered."""
    every = list(answers)
    asked, loud = [each for each in every if not each.is_of_emergency], [each for each in every if each.is_of_emergency]
    times = [each.seconds for each in asked]
    return Approver(
        user_id=user.pk,
        name=str(user),
        email=user.email,
        answers=len(asked),
        approved=sum(each.is_yes for each in asked),
        shortened=sum(each.is_yes and each.is_cut for each in asked),
        denied=sum(not each.is_yes for each in asked),
        median_seconds=median(times) if times else None,
        longest_seconds=max(times, default=None),
        as_stand_in=sum(each.seat != NOBODY for each in every),
        by_stand_ins=by_stand_ins,
        emergencies=len(loud),
        not_justified=sum(not each.is_yes for each in loud),
        longest_review_seconds=max((each.seconds for each in loud), default=None),
    )


def by_silence(requests: QuerySet[AccessRequest]) -> list[Silence]:
    """Return a row for each group that requests waited for when they lapsed: most of them first. Three queries."""
    lapsed = dict(requests.filter(state=AccessRequest.State.LAPSED).order_by().values_list("pk", "policy_version"))
    stages = stages_by_version(lapsed.values())
    yes = Review.objects.filter(request__in=requests.filter(state=AccessRequest.State.LAPSED), verdict=Review.Verdict.APPROVE)
    said = Counter(yes.order_by().values_list("request_id", "stage__group_id"))
    missing, late = Counter[str](), Counter[str]()
    for request, version in lapsed.items():
        steps = stages.get(version, [])
        at, stage = next(((at, each) for at, each in enumerate(steps) if said[request, each.group_id] < each.need), (0, None))
        if stage:
            missing[stage.group.name] += 1
            late[stage.group.name] += at > 0
    return [Silence(group, count, late[group]) for group, count in sorted(missing.items(), key=lambda each: (-each[1], each[0]))]


def as_rows(found: Sequence[Approver], silences: Sequence[Silence]) -> list[dict[str, Any]]:
    """Return all of the report with the same columns in each row: a person's, or a group's."""
    nobody = dict.fromkeys(each.name for each in fields(Approver))
    rows = [{**asdict(each), "group": None, "lapsed": None} for each in found]
    return rows + [{**nobody, "group": each.group, "lapsed": each.lapsed} for each in silences]


def _answer(row: dict[str, Any]) -> Answer:
    return Answer(
        reviewer=row["reviewer_id"],
        seat=row["on_behalf_of_id"] or NOBODY,
        is_yes=row["verdict"] == Review.Verdict.APPROVE,
        is_cut=row["seconds"] is not None and row["seconds"] < row["request__seconds"],
        is_of_emergency=row["stage_id"] is None,
        seconds=(row["created_at"] - row["turn_at"]).total_seconds(),
    )
