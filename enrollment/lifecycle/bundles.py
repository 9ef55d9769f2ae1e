"""Ask for several resources at once: each becomes a request of its own, with the same devices, time and reason.

All or none: half a bundle would leave somebody to find out what is missing, and to type the rest again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import NAMESPACE_OID, uuid5

from django.db import transaction

from enrollment import notices
from enrollment.lifecycle.outcomes import Refused, refuse_if
from enrollment.lifecycle.requests import clean_question, request_access
from enrollment.models import AccessRequest, Device, Resource, User
from enrollment.sentences import say

LARGEST = 10


class RefusedBundle(Refused):
    """Some of it cannot be asked for, so none of it was: `about` has the reasons by the resource's number."""

    def __init__(self, about: Mapping[int, tuple[str, ...]]) -> None:
        self.about = about
        super().__init__(*dict.fromkeys(reason for reasons in about.values() for reason in reasons))


def request_bundle(
    requester: User,
    *,
    resources: Sequence[Resource],
    devices: Sequence[Device],
    seconds: int,
    reason: str,
    ticket: str = "",
    starts_at: datetime | None = None,
    now: datetime,
) -> list[AccessRequest]:
    """Open a request for each resource, or refuse them all and say of each why it cannot be."""
    refuse_if(not resources, say("Choose at least one resource."), field="resource")
    refuse_if(len(resources) > LARGEST, say("Ask for {largest} resources at once at most.", largest=LARGEST), field="resource")
    reason, ticket = clean_question(devices=devices, seconds=seconds, reason=reason, ticket=ticket)
    # Of who asks and when: all of it has the same, and nobody else's.
    bundle = uuid5(NAMESPACE_OID, f"{requester.pk} {now.isoformat()}") if len(resources) > 1 else None
    made, refused = [], {}
    with transaction.atomic():
        for resource in sorted(resources, key=lambda each: each.pk):
            try:
                asked = request_access(
                    requester,
                    resource=resource,
                    devices=devices,
                    seconds=seconds,
                    reason=reason,
                    ticket=ticket,
                    starts_at=starts_at,
                    bundle=bundle,
                    now=now,
                )
            except Refused as because:
                refused[resource.pk] = because.reasons
            else:
                made.append(asked)
        if refused:
            raise RefusedBundle(refused)
        if bundle:
            notices.ask_approvers(*made, now=now)
    return made
