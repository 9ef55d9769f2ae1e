"""What `may_review` needs: which stage waits, and who belongs to its group at this moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from enrollment.facts.terms import Steps, current_versions, has_a_say, of_today, stages_by_version, stages_of_member, steps_of
from enrollment.models import AccessRequest, Grant, Membership, Resource, Review, Stage, User
from enrollment.policy import may_review
from enrollment.values import Reviewing

Waiting = Mapping[int, Stage | None]


def reviewing(user: User, request: AccessRequest, now: datetime) -> Reviewing:
    """Read whether this person may answer this request now. Judged by the group's id and the person's id, never by names."""
    return reviewing_all(user, [request], now)[request.pk]


def reviewing_all(user: User, requests: Sequence[AccessRequest], now: datetime) -> dict[int, Reviewing]:
    """Read the same for many requests, by their number, in a constant number of queries."""
    steps = steps_of(requests)
    return _reviewing(user, requests, steps, _waiting(steps))


def to_answer(user: User, now: datetime) -> QuerySet[AccessRequest]:
    """Find the requests that this person could answer now: what waits for others, or for an earlier stage, is not among them."""
    pending = AccessRequest.objects.filter(state=AccessRequest.State.PENDING, answer_by__gt=now)
    unanswered = pending.exclude(requester=user).exclude(reviews__reviewer=user)
    named = list(unanswered.filter(has_a_say(user)).select_related("resource"))
    steps = steps_of(named)
    waiting = _waiting(steps)
    judged = _reviewing(user, named, steps, waiting)
    return AccessRequest.objects.filter(pk__in=[asked.pk for asked in named if waiting[asked.pk] and not may_review(judged[asked.pk])])


def stage_that_waits(request: AccessRequest) -> Stage | None:
    """Return the first stage without enough yeses from people who are still active; None when all have them."""
    return _waiting(steps_of([request]))[request.pk]


def groups_that_wait(requests: Sequence[AccessRequest]) -> dict[int, tuple[str, ...]]:
    """Return the names of the groups whose answer is still missing, by the request's number, in the order of their stages."""
    missing = _missing(steps_of(requests))
    return {pk: tuple(stage.group.name for stage in stages) for pk, stages in missing.items()}


def approvers_of(what: Resource | AccessRequest) -> QuerySet[User]:
    """Return who could answer now: for a request, in the stage that waits; for a resource, in any stage."""
    if isinstance(what, Resource):
        today = [version.pk for version in current_versions([what.policy_id]).values()]
        return active_members(*(stage.group_id for stages in stages_by_version(today).values() for stage in stages))
    stage = stage_that_waits(what)
    members = active_members(*([stage.group_id] if stage else []))
    return members.exclude(pk=what.requester_id).exclude(reviews__request=what)


def active_members(*groups: int) -> QuerySet[User]:
    return User.objects.filter(Exists(Membership.objects.filter(user=OuterRef("pk"), group__in=groups)), is_active=True).order_by(
        "name", "pk"
    )


def may_revoke(actor: User, grant: Grant) -> bool:
    """Its owner, an admin, or whoever may approve the resource today or might have when it was given."""
    if actor.pk == grant.user_id or actor.is_admin:
        return True
    today = [version.pk for version in current_versions([grant.resource.policy_id]).values()]
    stages = stages_by_version([grant.policy_version_id, grant.request.policy_version_id, *today])
    groups = [stage.group_id for each in stages.values() for stage in each]
    return Membership.objects.filter(user=actor, group__in=groups).exists()


def may_answer_something(user: User) -> bool:
    """Return whether a stage of current terms, or of a request that waits, names a group of this person."""
    waiting = AccessRequest.objects.filter(policy_version=OuterRef("version"), state=AccessRequest.State.PENDING)
    stages = stages_of_member(user)
    return of_today(stages).exists() or stages.filter(Exists(waiting)).exists()


def _waiting(steps: Steps) -> dict[int, Stage | None]:
    return {pk: next(iter(stages), None) for pk, stages in _missing(steps).items()}


def _missing(steps: Steps) -> Steps:
    yes = Review.objects.filter(request__in=list(steps), verdict=Review.Verdict.APPROVE, reviewer__is_active=True)
    said = Counter(yes.order_by().values_list("request_id", "stage__group_id"))
    return {pk: [stage for stage in stages if said[pk, stage.group_id] < stage.need] for pk, stages in steps.items()}


def _reviewing(user: User, requests: Sequence[AccessRequest], steps: Steps, waiting: Waiting) -> dict[int, Reviewing]:
    is_active = User.objects.filter(pk=user.pk, is_active=True).exists()
    mine = set(Membership.objects.filter(user=user).values_list("group_id", flat=True))
    found = {}
    for request in requests:
        stage = waiting[request.pk]
        groups = {each.group_id for each in ([stage] if stage else steps[request.pk])}
        found[request.pk] = Reviewing(
            user_is_active=is_active, is_requester=request.requester_id == user.pk, is_in_group=not mine.isdisjoint(groups)
        )
    return found
