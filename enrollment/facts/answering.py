"""What `may_review` needs: which stage waits, and who has a seat in its group at this moment."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from enrollment.facts.seats import members_and_stand_ins, reviewing_in, voices
from enrollment.facts.terms import Steps, current_versions, has_a_say, of_today, stages_by_version, stages_of_member, steps_of
from enrollment.models import AccessRequest, Grant, Resource, Review, Stage, User
from enrollment.models.access import ReviewQuerySet
from enrollment.policy import may_review
from enrollment.values import Reviewing


@dataclass(frozen=True, slots=True)
class Progress:
    """One group that must agree: how many of it, and whose yes counts so far."""

    group: str
    need: int
    yes: tuple[str, ...]

    @property
    def lacks(self) -> int:
        return max(0, self.need - len(self.yes))


Waiting = Mapping[int, Stage | None]


def reviewing(user: User, request: AccessRequest, now: datetime) -> Reviewing:
    """Read whether this person may answer this request now. Judged by the group's id and the person's id, never by names."""
    return reviewing_all(user, [request], now)[request.pk]


def reviewing_all(user: User, requests: Sequence[AccessRequest], now: datetime) -> dict[int, Reviewing]:
    """Read the same for many requests, by their number, in a constant number of queries."""
    steps = steps_of(requests)
    return _reviewing(user, requests, steps, _waiting(steps), now)


def to_answer(user: User, now: datetime) -> QuerySet[AccessRequest]:
    """Find the requests that this person could answer now: what waits for others, or for an earlier stage, is not among them."""
    pending = AccessRequest.objects.filter(state=AccessRequest.State.PENDING, answer_by__gt=now).exclude(requester=user)
    named = list(pending.filter(has_a_say(user, now)).select_related("resource"))
    steps = steps_of(named)
    waiting = _waiting(steps)
    judged = _reviewing(user, named, steps, waiting, now)
    mine = [asked.pk for asked in named if waiting[asked.pk] and not judged[asked.pk].seat_is_taken and not may_review(judged[asked.pk])]
    return AccessRequest.objects.filter(pk__in=mine)


def stage_that_waits(request: AccessRequest) -> Stage | None:
    """Return the first stage without enough yeses that still count; None when all have them."""
    return _waiting(steps_of([request]))[request.pk]


def yeses_that_lack(requests: Sequence[AccessRequest]) -> dict[int, list[tuple[Stage, int]]]:
    """Return the stages that still lack a yes and how many, by the request's number, in their order."""
    steps = steps_of(requests)
    said = _said(steps)
    lacks = {pk: [(stage, stage.need - said[pk, stage.group_id]) for stage in stages] for pk, stages in steps.items()}
    return {pk: [(stage, count) for stage, count in stages if count > 0] for pk, stages in lacks.items()}


def progress_of(requests: Sequence[AccessRequest]) -> dict[int, list[Progress]]:
    """Return what must agree and who of it has, by the request's number, in the order of the stages and a constant number of queries."""
    steps = steps_of(requests)
    said: dict[tuple[int, int], list[str]] = defaultdict(list)
    for review in _yes(steps).select_related("reviewer", "on_behalf_of", "stage"):
        said[review.request_id, review.stage.group_id if review.stage else 0].append(review.who)
    return {pk: [Progress(stage.group.name, stage.need, tuple(said[pk, stage.group_id])) for stage in mine] for pk, mine in steps.items()}


def approvers_of(what: Resource | AccessRequest, now: datetime) -> QuerySet[User]:
    """Return who could answer now, stand-ins too: for a request, in the stage that waits; for a resource, in any stage."""
    if isinstance(what, Resource):
        today = [version.pk for version in current_versions([what.policy_id]).values()]
        return members_and_stand_ins([stage.group_id for stages in stages_by_version(today).values() for stage in stages], now)
    stage = stage_that_waits(what)
    return members_and_stand_ins([stage.group_id] if stage else [], now, what)


def may_revoke(actor: User, grant: Grant, now: datetime) -> bool:
    """Its owner, an admin, or whoever may approve the resource today or might have when it was given, or stands in for one who may."""
    if actor.pk == grant.user_id or actor.is_admin:
        return True
    today = [version.pk for version in current_versions([grant.resource.policy_id]).values()]
    stages = stages_by_version([grant.policy_version_id, grant.request.policy_version_id, *today])
    groups = [stage.group_id for each in stages.values() for stage in each]
    return voices(actor, now).filter(group__in=groups).exists()


def may_answer_something(user: User) -> bool:
    """Return whether a stage of current terms, or of what waits for an answer or a review, names a group of theirs: in their own right."""
    waiting = AccessRequest.objects.filter(policy_version=OuterRef("version"), state=AccessRequest.State.PENDING)
    unreviewed = Grant.objects.filter(policy_version=OuterRef("version"), review_due=True)
    stages = stages_of_member(user)
    return of_today(stages).exists() or stages.filter(Exists(waiting) | Exists(unreviewed)).exists()


def _waiting(steps: Steps) -> dict[int, Stage | None]:
    return {pk: next(iter(stages), None) for pk, stages in _missing(steps).items()}


def _missing(steps: Steps) -> Steps:
    """Return the stages that lack a yes.

    Rights are judged when somebody answers, so a yes stays one when its reviewer or the seat's
    holder leaves the group, or the delegation ends. It counts only while the reviewer's account is
    active, and that of the person in whose stead they answered: a leaver has no seat to be filled.
    """
    said = _said(steps)
    return {pk: [stage for stage in stages if said[pk, stage.group_id] < stage.need] for pk, stages in steps.items()}


def _said(steps: Steps) -> Counter[tuple[int, int]]:
    """Count the yeses by request and group."""
    return Counter(_yes(steps).order_by().values_list("request_id", "stage__group_id"))


def _yes(steps: Steps) -> ReviewQuerySet:
    return Review.objects.counted().filter(request__in=list(steps), verdict=Review.Verdict.APPROVE)


def _reviewing(user: User, requests: Sequence[AccessRequest], steps: Steps, waiting: Waiting, now: datetime) -> dict[int, Reviewing]:
    """Judge each request by the stage that waits, or where none does, by all of its stages."""
    stages = {request: [stage] if (stage := waiting[request.pk]) else steps[request.pk] for request in requests}
    return reviewing_in(user, stages, now)
