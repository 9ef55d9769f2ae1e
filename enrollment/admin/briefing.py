"""What somebody must know before they answer a request: who, with what, to where, for how long, had before.

Read for a whole page of requests in a fixed number of queries; nothing here decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from enrollment import facts, policy
from enrollment.durations import exact
from enrollment.models import AccessRequest, Device, Grant, Placement, User
from enrollment.values import Reviewing

TAKEN = "You have answered this, or the person in whose stead you would, or somebody in theirs: somebody else must agree too."
OWN = "You asked for this yourself: somebody else must answer."


@dataclass(frozen=True)
class Briefing:
    """One request, with all its context."""

    request: AccessRequest
    devices: list[str]
    opens: list[str]
    reviews: list[str]
    times_had: int
    last_grant: Grant | None
    obstacles: tuple[str, ...]
    in_stead_of: User | None = None  # with whose seat the viewer would answer
    grant: Grant | None = None  # emergency access: it was had before anybody answered

    @property
    def duration(self) -> str:
        return exact(self.request.seconds)

    @property
    def last_end(self) -> datetime | None:
        return (self.last_grant.ended_at or self.last_grant.ends_at) if self.last_grant else None


def with_context(requests: QuerySet[AccessRequest]) -> QuerySet[AccessRequest]:
    """Read along what lists and confirm pages show."""
    related = ("requester", "resource", "policy_version__policy", "closed_by", "extends")
    return requests.select_related(*related).prefetch_related(
        "devices",
        "resource__ports",
        "resource__placements__pep",
        "reviews__reviewer",
        "reviews__on_behalf_of",
        "policy_version__stages__group",
    )


def briefings(requests: Iterable[AccessRequest], viewer: User, now: datetime) -> list[Briefing]:
    """Return what to show for each; `obstacles` are the verb's own words."""
    found = list(requests)
    earlier, judged = _earlier(found), facts.reviewing_all(viewer, found, now)
    holders = _holders(judged.values())
    why_not = {request.pk: obstacles(request, judged[request.pk], now) for request in found}
    return [_briefing(each, earlier[each.requester_id, each.resource_id], judged[each.pk], holders, why_not[each.pk]) for each in found]


def emergencies(grants: Iterable[Grant], viewer: User, now: datetime) -> list[Briefing]:
    """Return the same for emergency access that is to be reviewed."""
    by_request = {grant.request_id: grant for grant in grants}
    asked = list(with_context(AccessRequest.objects.filter(pk__in=by_request)).order_by("created_at", "pk"))
    earlier, judged = _earlier(asked), facts.reviewing_break_glass(viewer, list(by_request.values()), now)
    holders = _holders(judged.values())
    found = []
    for request in asked:
        grant = by_request[request.pk]
        mine = judged[grant.pk]
        why_not = policy.may_review_break_glass(mine) if grant.review_due else (_("There is nothing to review about it."),)
        found.append(_briefing(request, earlier[request.requester_id, request.resource_id], mine, holders, why_not, grant))
    return found


def _holders(judged: Iterable[Reviewing]) -> Mapping[int, User]:
    return User.objects.in_bulk({each.in_stead_of for each in judged if each.in_stead_of})


def device_line(device: Device) -> str:
    """Return a device with its kind and addresses."""
    return f"{device.name} ({device.get_kind_display()}; {', '.join(device.addresses) or _('no address')}; {device.condition_in_words})"


def ports_of(request: AccessRequest) -> str:
    """Return the resource's ports, or say that it has none."""
    return ", ".join(str(port) for port in request.resource.ports.all()) or _("no ports")


def opens(request: AccessRequest) -> list[str]:
    """Return what a yes opens, one line for each place."""
    lines = [_place(placement, ports_of(request)) for placement in request.resource.placements.all()]
    return lines or [_("nothing yet: the resource is on no PEP")]


def obstacles(request: AccessRequest, judged: Reviewing, now: datetime) -> tuple[str, ...]:
    """Return why this viewer may not answer it, as the verb would say."""
    if request.state != AccessRequest.State.PENDING or request.answer_by <= now:
        return (_("It is no longer waiting for an answer."),)
    if judged.is_requester:
        return (_(OWN),)
    if judged.seat_is_taken and not policy.may_review(judged):
        return (_(TAKEN),)
    return policy.may_review(judged)


def _briefing(
    request: AccessRequest,
    earlier: list[Grant],
    judged: Reviewing,
    holders: Mapping[int, User],
    why_not: tuple[str, ...],
    grant: Grant | None = None,
) -> Briefing:
    reviews = [f"{review}{': ' + review.comment if review.comment else ''}" for review in request.reviews.all()]
    return Briefing(
        request=request,
        devices=[device_line(device) for device in request.devices.all()],
        opens=opens(request),
        reviews=reviews,
        times_had=len(earlier),
        last_grant=earlier[0] if earlier else None,
        obstacles=why_not,
        in_stead_of=holders.get(judged.in_stead_of or 0),
        grant=grant,
    )


def _earlier(requests: list[AccessRequest]) -> dict[tuple[int, int], list[Grant]]:
    mine = {request.pk for request in requests}
    users, resources = {request.requester_id for request in requests}, {request.resource_id for request in requests}
    found: dict[tuple[int, int], list[Grant]] = defaultdict(list)
    for grant in Grant.objects.filter(user__in=users, resource__in=resources).order_by("-starts_at", "-id"):
        if grant.request_id not in mine:
            found[grant.user_id, grant.resource_id].append(grant)
    return found


def _place(placement: Placement, ports: str) -> str:
    ways = [(placement.overlay_v4, placement.target_v4), (placement.overlay_v6, placement.target_v6)]
    lines = [f"{overlay} → {target}" for overlay, target in ways if overlay and target]
    return f"{placement.pep}: {', '.join(lines)} ({ports})"
