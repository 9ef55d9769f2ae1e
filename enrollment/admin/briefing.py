"""What somebody must know before they answer a request: who, with what, to where, for how long, had before.

Read for a whole page of requests in a fixed number of queries; nothing here decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from enrollment import facts, policy
from enrollment.admin import earlier
from enrollment.admin.earlier import Earlier
from enrollment.durations import exact
from enrollment.facts import Progress
from enrollment.models import AccessRequest, Device, Grant, Placement, User
from enrollment.sentences import say, spoken
from enrollment.values import Reviewing

TAKEN = say("You have answered this, or the person in whose stead you would, or somebody in theirs: somebody else must agree too.")
OWN = say("You asked for this yourself: somebody else must answer.")


@dataclass(frozen=True)
class Briefing:
    """One request, with all its context."""

    request: AccessRequest
    devices: list[str]
    opens: list[str]
    reviews: list[str]
    stages: list[str]
    earlier: Earlier
    obstacles: tuple[str, ...]
    in_stead_of: User | None = None  # with whose seat the viewer would answer
    grant: Grant | None = None  # emergency access: it was had before anybody answered

    @property
    def duration(self) -> str:
        return exact(self.request.seconds)


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
    had, judged, progress = earlier.of(found, now), facts.reviewing_all(viewer, found, now), facts.progress_of(found)
    holders = _holders(judged.values())
    why_not = {request.pk: _obstacles(request, judged[request.pk], now) for request in found}
    return [_briefing(each, had[each.pk], progress[each.pk], judged[each.pk], holders, why_not[each.pk]) for each in found]


def obstacles_of(requests: list[AccessRequest], viewer: User, now: datetime) -> dict[int, tuple[str, ...]]:
    """Return why this viewer may not answer each, as the verb would say, by its number."""
    judged = facts.reviewing_all(viewer, requests, now)
    return {request.pk: _obstacles(request, judged[request.pk], now) for request in requests}


def emergencies(grants: Iterable[Grant], viewer: User, now: datetime) -> list[Briefing]:
    """Return the same for emergency access that is to be reviewed."""
    by_request = {grant.request_id: grant for grant in grants}
    asked = list(with_context(AccessRequest.objects.filter(pk__in=by_request)).order_by("created_at", "pk"))
    had, judged = earlier.of(asked, now), facts.reviewing_break_glass(viewer, list(by_request.values()), now)
    holders = _holders(judged.values())
    found = []
    for request in asked:
        grant = by_request[request.pk]
        mine = judged[grant.pk]
        why_not = policy.may_review_break_glass(mine) if grant.review_due else (_("There is nothing to review about it."),)
        found.append(_briefing(request, had[request.pk], [], mine, holders, why_not, grant))
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


def stage_lines(request: AccessRequest, progress: list[Progress]) -> list[str]:
    """Return what must agree, one after the other, and where that stands."""
    found, is_turn = [], request.state == AccessRequest.State.PENDING
    for number, each in enumerate(progress):
        said = {"need": each.need, "group": each.group, "yes": ", ".join(each.yes), "lacks": each.lacks}
        line = (_("then %(need)d of %(group)s") if number else _("%(need)d of %(group)s")) % said
        if each.yes:
            line += _(": yes by %(yes)s") % said
        if each.lacks and request.state == AccessRequest.State.PENDING:
            line += (_(": waits for %(lacks)d") % said) if is_turn else _(": not its turn yet")
        is_turn = is_turn and not each.lacks
        found.append(line)
    return found


def _obstacles(request: AccessRequest, judged: Reviewing, now: datetime) -> tuple[str, ...]:
    if request.state != AccessRequest.State.PENDING or request.answer_by <= now:
        return (_("It is no longer waiting for an answer."),)
    if judged.is_requester:
        return (OWN,)
    if judged.seat_is_taken and not policy.may_review(judged):
        return (TAKEN,)
    return policy.may_review(judged)


def _briefing(
    request: AccessRequest,
    had: Earlier,
    progress: list[Progress],
    judged: Reviewing,
    holders: Mapping[int, User],
    why_not: tuple[str, ...],
    grant: Grant | None = None,
) -> Briefing:
    reviews = [f"{spoken(str(review))}{': ' + review.comment if review.comment else ''}" for review in request.reviews.all()]
    return Briefing(
        request=request,
        devices=[device_line(device) for device in request.devices.all()],
        opens=opens(request),
        reviews=reviews,
        stages=stage_lines(request, progress),
        earlier=had,
        obstacles=why_not,
        in_stead_of=holders.get(judged.in_stead_of or 0),
        grant=grant,
    )


def _place(placement: Placement, ports: str) -> str:
    ways = [(placement.overlay_v4, placement.target_v4), (placement.overlay_v6, placement.target_v6)]
    lines = [f"{overlay} → {target}" for overlay, target in ways if overlay and target]
    return f"{placement.pep}: {', '.join(lines)} ({ports})"
