"""Emergency access, also called break-glass: at once, short, loud, and open until a second person has reviewed it.

Nobody approves it, and it does not say that anybody did: the request is closed by nobody.
What makes that bearable: the terms must allow it, everybody who was passed over is told,
and nobody has a second one before the first was reviewed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from enrollment import audit, facts, notices, policy
from enrollment.lifecycle import told
from enrollment.lifecycle.bounds import strictest
from enrollment.lifecycle.delegations import hold_delegation
from enrollment.lifecycle.grants import Ended, end_with_what_follows, tell_ended
from enrollment.lifecycle.outcomes import IN_DOUBT, Refused, conflict_over_review, refuse_if
from enrollment.lifecycle.reach import peps_of_resource
from enrollment.lifecycle.requests import clean_question
from enrollment.lifecycle.words import clean_text
from enrollment.models import AccessRequest, Device, Grant, PolicyVersion, RequestedDevice, Resource, Review, User
from enrollment.sentences import say
from enrollment.signals import nudge


def break_glass(
    requester: User,
    *,
    resource: Resource,
    devices: Sequence[Device],
    seconds: int,
    reason: str,
    ticket: str = "",
    now: datetime,
) -> Grant:
    """Give access now, before anybody answers, and tell everybody who would have. Refused with every reason at once."""
    reason, ticket = clean_question(devices=devices, seconds=seconds, reason=reason, ticket=ticket)
    try:
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=requester.pk)
            return _break_glass(requester, resource, devices, seconds=seconds, reason=reason, ticket=ticket, now=now)
    except IntegrityError as error:
        raise Refused(policy.ONE_TO_REVIEW) from error


@transaction.atomic
def review_break_glass(grant: Grant, *, reviewer: User, justified: bool, comment: str, now: datetime) -> Review:
    """Say afterwards whether it was justified; where it was not, what is left of it ends with that."""
    comment = clean_text(comment, "comment")
    refuse_if(not justified and not comment, say("Say why it was not justified: the person who took it reads it."), field="comment")
    _insist_on_right(grant, reviewer, now)
    User.objects.select_for_update(no_key=True).get(pk=grant.user_id)
    fresh = Grant.objects.select_related("user", "resource", "request").get(pk=grant.pk)
    refuse_if(not fresh.is_break_glass, say("This is no emergency access: somebody approved it."))
    if Grant.objects.filter(pk=grant.pk, review_due=True).update(review_due=False) != 1:
        raise conflict_over_review(fresh)
    holder = _insist_on_right(fresh, reviewer, now)
    if holder is not None:
        hold_delegation(holder, reviewer, now)
    review = Review.objects.create(
        request=fresh.request,
        requester_id=fresh.user_id,
        reviewer=reviewer,
        on_behalf_of_id=holder,
        verdict=Review.Verdict.APPROVE if justified else Review.Verdict.DENY,
        comment=comment,
        created_at=now,
    )
    ended = None if justified else end_with_what_follows(fresh, actor=reviewer, reason=comment, now=now)
    _tell_review(fresh, review, ended, now)
    grant.refresh_from_db()
    return review


def _break_glass(
    requester: User, resource: Resource, devices: Sequence[Device], *, seconds: int, reason: str, ticket: str, now: datetime
) -> Grant:
    refuse_if(facts.time_is_in_doubt(), IN_DOUBT)
    requester, resource = User.objects.get(pk=requester.pk), Resource.objects.select_related("policy").get(pk=resource.pk)
    fresh = list(Device.objects.filter(pk__in=[device.pk for device in devices]).order_by("pk"))
    version = resource.policy.current
    reasons = policy.may_break_glass(facts.emergency(requester, resource, now, devices=fresh, seconds=seconds), now)
    if reasons or version is None:
        raise Refused(*reasons)
    request = _request(requester, resource, version, seconds=seconds, reason=reason, ticket=ticket, now=now)
    # Never open: what waits for an answer about the same device and resource goes on waiting beside it.
    RequestedDevice.objects.bulk_create(
        [RequestedDevice(request=request, device=device, resource=resource, is_open=False) for device in fresh]
    )
    grant = _grant(request, version, fresh, now)
    audit.append("request.made", actor=requester, subject=request, data=told.request_made(request, fresh), now=now)
    audit.append("grant.made", actor=requester, subject=grant, data=told.grant_made(grant, fresh), now=now)
    notices.tell_of_break_glass(grant, now=now)
    nudge(peps_of_resource(resource), devices=[device.pk for device in fresh])
    return grant


def _request(
    requester: User, resource: Resource, version: PolicyVersion, *, seconds: int, reason: str, ticket: str, now: datetime
) -> AccessRequest:
    return AccessRequest.objects.create(
        requester=requester,
        resource=resource,
        policy_version=version,
        seconds=seconds,
        reason=reason,
        ticket=ticket,
        is_break_glass=True,
        state=AccessRequest.State.APPROVED,
        created_at=now,
        answer_by=now + timedelta(seconds=version.time_to_answer),
        closed_at=now,
    )


def _grant(request: AccessRequest, version: PolicyVersion, devices: Sequence[Device], now: datetime) -> Grant:
    grant = Grant.objects.create(
        request=request,
        user=request.requester,
        resource=request.resource,
        policy_version=version,
        state=Grant.State.ACTIVE,
        starts_at=now,
        ends_at=now + timedelta(seconds=request.seconds),
        created_at=now,
        is_break_glass=True,
        review_due=True,
        **strictest([version]),
    )
    grant.devices.set(devices)
    return grant


def _insist_on_right(grant: Grant, reviewer: User, now: datetime) -> int | None:
    """Return whose seat the reviewer would fill; None is their own."""
    judged = facts.reviewing_break_glass(reviewer, [grant], now)[grant.pk]
    reasons = policy.may_review_break_glass(judged)
    if reasons:
        raise Refused(*reasons)
    return judged.in_stead_of


def _tell_review(grant: Grant, review: Review, ended: Ended | None, now: datetime) -> None:
    data = {
        "grant": grant.pk,
        "request": grant.request_id,
        "user": grant.user_id,
        "in_stead_of": review.on_behalf_of_id,
        "in_stead_of_name": str(review.on_behalf_of) if review.on_behalf_of else "",
        "justified": review.verdict == Review.Verdict.APPROVE,
        "ended": ended is not None,
        "comment": review.comment,
    }
    audit.append("grant.reviewed", actor=review.reviewer, subject=grant, data=data, now=now)
    if ended:
        tell_ended(ended, actor=review.reviewer, now=now)
    notices.tell_of_review(grant, review, has_ended=ended is not None)
