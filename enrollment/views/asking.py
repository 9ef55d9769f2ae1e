"""Asking for a resource: what can be chosen, and what will happen, before anything is sent."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from enrollment import clock, facts, lifecycle, policy, step_up
from enrollment.forms import RequestForm
from enrollment.forms.access import USUAL
from enrollment.forms.fields import numbers
from enrollment.models import AccessRequest, Grant, Resource, User
from enrollment.values import Asking, Step
from enrollment.views.outcomes import SignedIn, answers_conflicts, show_reasons
from enrollment.views.people import group_in_words, names_of


@dataclass(frozen=True)
class Answerers:
    """One step of those who must agree, in words."""

    need: int
    group: str
    names: str  # none where they are many
    count: int


@dataclass(frozen=True)
class Terms:
    """What holds for asking for one resource now."""

    asking: Asking
    steps: tuple[Answerers, ...]
    answer_by: datetime
    reasons: tuple[str, ...]


@require_http_methods(["GET", "POST"])
@login_required
@answers_conflicts
def request_new(request: SignedIn, slug: str) -> HttpResponse:
    now = clock.of(request)
    resource = get_object_or_404(Resource.objects.filter(retired_at=None).prefetch_related("ports", "placements__pep"), slug=slug)
    terms = terms_of(request.user, [resource], now)[resource.pk]
    extends = _to_extend(request, resource, now)
    form = RequestForm(
        request.POST or step_up.kept(request),
        devices=extends.devices.usable() if extends else request.user.devices.usable(),
        longest=terms.asking.most_seconds or 1,
        now=now,
        begins_by_itself=extends.ends_at if extends else None,
        usual=extends.request.seconds if extends else USUAL,
        initial=_again(extends) if extends else {"devices": _without_it(request.user, resource, now)},
    )
    form.ask_for_ticket(terms.asking.ticket_shapes)
    if request.method == "POST" and form.is_valid():
        try:
            asked = lifecycle.request_access(request.user, resource=resource, extends=extends, now=now, **form.question)
        except lifecycle.Refused as refused:
            show_reasons(form, refused)
        else:
            words = _("You have asked for more time for %(resource)s.") if extends else _("You have asked for %(resource)s.")
            messages.success(request, words % {"resource": resource.name})
            return redirect("request", pk=asked.pk)
    context = {
        "form": form,
        "waiting": request.user.devices.to_let_in(),  # read only where there is no usable one
        "resource": resource,
        "terms": terms,
        "emergency": facts.emergencies(request.user, [resource], {resource.pk: terms.asking})[resource.pk],
        "extends": extends,
        "asked_already": request.user.access_requests.filter(
            resource=resource, state=AccessRequest.State.PENDING, answer_by__gt=now
        ).prefetch_related("devices"),
        "now": now,
    }
    return render(request, "enrollment/request_new.html", context)


def terms_of(user: User, resources: list[Resource], now: datetime) -> dict[int, Terms]:
    """Return what holds for each resource, by its number, in a constant number of queries."""
    askings = facts.asking_all(user, resources, now)
    steps = facts.answerers([resource.policy_id for resource in resources], user, now)
    return {
        resource.pk: Terms(
            asking := askings[resource.pk],
            tuple(_in_words(step) for step in steps.get(resource.policy_id, ())),
            now + timedelta(seconds=asking.time_to_answer),
            policy.may_ask(asking, now),
        )
        for resource in resources
    }


def _without_it(user: User, resource: Resource, now: datetime) -> list[int]:
    """Return what to tick beforehand where some of one's devices have it already: those that do not."""
    having = set(user.grants.live(now).filter(resource=resource).values_list("devices", flat=True))
    usual = usual_devices(user)
    if not having:
        return usual
    others = list(user.devices.usable().exclude(pk__in=having).values_list("pk", flat=True))
    return [pk for pk in usual if pk not in having] or (others if len(others) == 1 else [])


def usual_devices(user: User) -> list[int]:
    """Return what to tick beforehand: what was asked for last, or the only device there is."""
    mine = list(user.devices.usable().values_list("pk", flat=True))
    last = user.access_requests.order_by("-created_at", "-pk").first()
    before = set(last.requested_devices.values_list("device_id", flat=True)) if last else set()
    return [pk for pk in mine if pk in before] or (mine if len(mine) == 1 else [])


def _in_words(step: Step) -> Answerers:
    return Answerers(step.need, group_in_words(step.group), names_of(step), len(step.people))


def _to_extend(request: SignedIn, resource: Resource, now: datetime) -> Grant | None:
    """Return the grant of mine that `?extends=` names, or the last that goes on where it ends; if none runs, it is an ordinary request."""
    named = numbers([request.GET.get("extends", "")])
    mine = request.user.grants.filter(resource=resource, pk__in=named).select_related("request").first() if named else None
    last = [mine, *facts.onward([mine]).get(mine.pk, ())][-1] if mine else None
    return last if last and last.state in Grant.OPEN and last.ends_at > now else None


def _again(extends: Grant) -> dict[str, object]:
    asked = extends.request
    return {"devices": [device.pk for device in extends.devices.all()], "reason": asked.reason, "ticket": asked.ticket}
