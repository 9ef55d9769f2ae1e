"""Answer a request. Rights are judged now, per request, from group membership; nobody answers for themselves.

Who stands in for an approver fills that approver's seat: one seat, one answer, by whichever of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from enrollment import audit, facts, notices, policy
from enrollment.facts.asking import asking_again
from enrollment.lifecycle import told
from enrollment.lifecycle.bounds import strictest
from enrollment.lifecycle.delegations import hold_delegation
from enrollment.lifecycle.outcomes import IN_DOUBT, Refused, conflict_over_request, conflict_over_seat, refuse_if
from enrollment.lifecycle.reach import peps_of_resource
from enrollment.lifecycle.withdrawals import close
from enrollment.lifecycle.words import clean_text
from enrollment.models import AccessRequest, Device, Grant, PolicyVersion, Review, Stage, User
from enrollment.moments import in_words
from enrollment.sentences import say
from enrollment.signals import nudge

State = AccessRequest.State


@dataclass(frozen=True)
class Seat:
    """The part that an answer fills: in which stage, by whom, and in whose stead, if not their own."""

    stage: Stage
    reviewer: User
    in_stead_of: int | None


@transaction.atomic
def approve(request: AccessRequest, *, reviewer: User, now: datetime, seconds: int | None = None, comment: str = "") -> Grant | None:
    """Say yes, for `seconds` at most. Returns the grant, or None while further people must agree."""
    comment = clean_text(comment, "comment")
    fresh, seat = _take(request, reviewer, now)
    refuse_if(
        seconds is not None and not (type(seconds) is int and 0 < seconds <= fresh.seconds),
        say("An approver may shorten the time, never lengthen it."),
    )
    devices = list(
        Device.objects.filter(pk__in=fresh.requested_devices.values("device")).exclude(state=Device.State.RETIRED).order_by("pk")
    )
    cut = _cut(fresh, seconds)
    _insist_on_eligibility(fresh, devices, cut, now)
    review = _review(fresh, seat, Review.Verdict.APPROVE, comment, seconds, now)
    grant = None if facts.stage_that_waits(fresh) else _grant(fresh, devices, cut, reviewer, now)
    _tell_review(fresh, review, now)
    if grant:
        _tell_grant(grant, devices, reviewer, now)
        request.state, request.closed_at, request.closed_by = fresh.state, fresh.closed_at, fresh.closed_by
        nudge(peps_of_resource(fresh.resource), devices=[device.pk for device in devices])
    else:
        notices.ask_approvers(fresh, now=now)
    return grant


@transaction.atomic
def deny(request: AccessRequest, *, reviewer: User, comment: str, now: datetime) -> None:
    """Say no, for everybody: one no is enough."""
    comment = clean_text(comment, "comment")
    fresh, seat = _take(request, reviewer, now)
    review = _review(fresh, seat, Review.Verdict.DENY, comment, None, now)
    if not close(fresh, State.DENIED, by=reviewer, now=now):
        raise conflict_over_request(request, now)
    request.state, request.closed_at, request.closed_by = fresh.state, fresh.closed_at, fresh.closed_by
    _tell_review(fresh, review, now)
    data = {"request": fresh.pk, "from": State.PENDING, "to": State.DENIED, "reason": comment}
    audit.append("request.denied", actor=reviewer, subject=fresh, data=data, now=now)
    notices.tell_requester(fresh, say("denied"), said=comment)
    notices.tell_nobody_need_answer(fresh, say("denied"), actor=reviewer)


def _take(request: AccessRequest, reviewer: User, now: datetime) -> tuple[AccessRequest, Seat]:
    """Judge rights first, then take the requester's and the request's rows, so that answers come one after the other."""
    _insist_on_right(request, reviewer, now)
    User.objects.select_for_update(no_key=True).get(pk=request.requester_id)
    if AccessRequest.objects.filter(pk=request.pk, state=State.PENDING, answer_by__gt=now).update(state=State.PENDING) != 1:
        raise conflict_over_request(request, now)
    fresh = AccessRequest.objects.select_related("requester", "resource__policy", "policy_version", "extends").get(pk=request.pk)
    _insist_on_silence(fresh, reviewer, reviewer.pk)
    holder = _insist_on_right(fresh, reviewer, now)
    if holder is not None:
        _insist_on_silence(fresh, reviewer, holder)
        hold_delegation(holder, reviewer, now)
    stage = facts.stage_that_waits(fresh)
    if stage is None:
        raise Refused(say("Nobody needs to answer this request any more."))
    return fresh, Seat(stage, reviewer, holder)


def _insist_on_right(request: AccessRequest, reviewer: User, now: datetime) -> int | None:
    """Return whose seat the reviewer would fill; None is their own."""
    judged = facts.reviewing(reviewer, request, now)
    reasons = policy.may_review(judged)
    if reasons:
        raise Refused(*reasons)
    return judged.in_stead_of


def _insist_on_silence(request: AccessRequest, reviewer: User, holder: int) -> None:
    """Each person has one part in a request, spoken by themselves or in their stead: say who has spoken already."""
    earlier = Review.objects.of_person(holder).filter(request=request).select_related("reviewer", "on_behalf_of").first()
    if earlier:
        raise conflict_over_seat(earlier, reviewer)


def _insist_on_eligibility(request: AccessRequest, devices: list[Device], seconds: int, now: datetime) -> None:
    """Ask again what was asked when the request was made, under the terms of then and of now."""
    refuse_if(not devices, say("None of the devices is in use any more. They must ask anew."))
    standing = [
        device for device in devices if device.state != Device.State.SUSPENDED
    ]  # a suspension is reversible, and decide denies meanwhile
    reasons = policy.may_ask(asking_again(request, now, devices=standing, seconds=seconds), now)
    if request.extends and request.extends.state == Grant.State.REVOKED:
        reasons += (say("The access that this would extend was revoked. They must ask anew."),)
    if reasons:
        raise Refused(*reasons)


def _cut(request: AccessRequest, seconds: int | None) -> int:
    """Return the shortest of what was asked, what any approver left of it, and what the terms of then and now allow."""
    earlier = request.reviews.exclude(seconds=None).values_list("seconds", flat=True)
    return min([facts.longest_seconds(request), *(each for each in [seconds, *earlier] if each is not None)])


def _review(request: AccessRequest, seat: Seat, verdict: str, comment: str, seconds: int | None, now: datetime) -> Review:
    return Review.objects.create(
        request=request,
        requester_id=request.requester_id,
        reviewer=seat.reviewer,
        on_behalf_of_id=seat.in_stead_of,
        stage=seat.stage,
        verdict=verdict,
        seconds=seconds,
        comment=comment,
        created_at=now,
    )


def _grant(request: AccessRequest, devices: list[Device], seconds: int, reviewer: User, now: datetime) -> Grant:
    """Close the request and make its grant. Time begins now, or at the start asked for, or where what is extended ends."""
    refuse_if(facts.time_is_in_doubt(), IN_DOUBT)
    if not close(request, State.APPROVED, by=reviewer, now=now):
        raise conflict_over_request(request, now)
    follows = facts.end_of(request.extends, devices) if request.extends else now
    starts_at = max(now, follows, request.starts_at or now)
    grant = Grant.objects.create(
        request=request,
        user=request.requester,
        resource=request.resource,
        policy_version=_terms(request),
        extends=request.extends,
        state=Grant.State.ACTIVE if starts_at <= now else Grant.State.SCHEDULED,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(seconds=seconds),
        created_at=now,
        **strictest([request.policy_version, request.resource.policy.current]),
    )
    grant.devices.set(devices)
    return grant


def _terms(request: AccessRequest) -> PolicyVersion:
    """Return what the grant stays bound to: of the terms of then and today, those with the shorter session, else those for fewer people."""
    both = [version for version in (request.policy_version, request.resource.policy.current) if version]
    return min(both, key=lambda version: (version.session_length or math.inf, not version.requesters.exists()))


def _tell_review(request: AccessRequest, review: Review, now: datetime) -> None:
    data = {
        "request": request.pk,
        "stage": str(review.stage),
        "in_stead_of": review.on_behalf_of_id,
        "in_stead_of_name": str(review.on_behalf_of) if review.on_behalf_of else "",
        "verdict": review.verdict,
        "seconds": review.seconds,
        "comment": review.comment,
    }
    audit.append("request.reviewed", actor=review.reviewer, subject=request, data=data, now=now)


def _tell_grant(grant: Grant, devices: list[Device], reviewer: User, now: datetime) -> None:
    request = grant.request
    data = {"request": request.pk, "from": State.PENDING, "to": State.APPROVED, "grant": grant.pk}
    audit.append("request.approved", actor=reviewer, subject=request, data=data, now=now)
    audit.append("grant.made", actor=reviewer, subject=grant, data=told.grant_made(grant, devices), now=now)
    end = in_words(grant.ends_at)
    lasts = say("Access until {end}.", end=end)
    if grant.starts_at > now:
        lasts = say("Access from {start} until {end}.", start=in_words(grant.starts_at), end=end)
    notices.tell_requester(request, say("approved"), lasts)
    notices.tell_nobody_need_answer(request, say("approved"), actor=reviewer)
