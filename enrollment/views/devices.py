"""My devices: the list, one device, and how it goes."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Prefetch
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from enrollment import clock, lifecycle
from enrollment.models import Device, Grant
from enrollment.sentences import say
from enrollment.views.configs import later_file
from enrollment.views.held import Held, held_back
from enrollment.views.outcomes import SignedIn, answers_conflicts
from enrollment.views.standing import GONE
from enrollment.views.working import is_it_working


@require_safe
@login_required
def devices(request: SignedIn) -> HttpResponse:
    mine = request.user.devices.prefetch_related("handshakes__pep")
    return render(
        request,
        "enrollment/devices.html",
        {
            "devices": mine.exclude(state=Device.State.RETIRED),
            "retired": mine.filter(state=Device.State.RETIRED),
            "full": lifecycle.no_room(request.user),
        },
    )


@require_safe
@login_required
def device(request: SignedIn, pk: int) -> HttpResponse:
    now = clock.of(request)
    found = get_object_or_404(request.user.devices.prefetch_related("handshakes__pep"), pk=pk)
    granted = _granted(found, now)
    held = held_back(granted, now)
    return render(
        request,
        "enrollment/device.html",
        {
            "device": found,
            **later_file(request, found),
            "is_retired": found.state == Device.State.RETIRED,
            "held": _held(granted, held),
            "may_reach": found.grants.unfinished(now).order_by("resource__name", "starts_at").select_related("resource"),
            "now": now,
            "findings": is_it_working(found, granted, held, now),
            "letting_go": _not_confirmed_gone(found) if found.state == Device.State.SUSPENDED else (),
        },
    )


def _granted(device: Device, now: datetime) -> list[Grant]:
    """Return what is granted to this device now, with where it lies."""
    itself = Prefetch("devices", Device.objects.filter(pk=device.pk))
    rows = device.grants.live(now).order_by("resource__name").select_related("resource")
    return list(rows.prefetch_related(itself, "resource__placements__pep__status"))


def _held(granted: list[Grant], held: Mapping[int, tuple[Held, ...]]) -> list[tuple[str, tuple[str, ...]]]:
    """Return what was granted and does not let the device in now, together where the reasons are the same."""
    names = defaultdict[tuple[str, ...], list[str]](list)
    for grant in granted:
        for each in held.get(grant.pk, ()):
            names[each.reasons].append(grant.resource.name)
    return [(", ".join(dict.fromkeys(same)), reasons) for reasons, same in names.items()]


def _not_confirmed_gone(device: Device) -> tuple[str, ...]:
    """Name the PEPs whose kernel was not read back yet to hold nothing of it."""
    rows = device.enforcements.exclude(state=GONE).select_related("pep").order_by("pep_id")
    return tuple(dict.fromkeys(str(row.pep) for row in rows))


@require_POST
@login_required
@answers_conflicts
def device_retire(request: SignedIn, pk: int) -> HttpResponse:
    return _carried_out(
        request, pk, lifecycle.retire_device, say("retired by its owner"), _("%(device)s is retired. Its key will never be accepted again.")
    )


@require_POST
@login_required
@answers_conflicts
def device_lost(request: SignedIn, pk: int) -> HttpResponse:
    """Cut it off at once. It may be in the other jacket; then a new key brings it back."""
    return _carried_out(
        request,
        pk,
        lifecycle.report_lost,
        say("reported lost by its owner"),
        _("%(device)s is reported lost: its access is being taken away everywhere now."),
    )


@require_POST
@login_required
@answers_conflicts
def device_suspend(request: SignedIn, pk: int) -> HttpResponse:
    """Cut it off for a while, with its key in its owner's hands."""
    return _carried_out(
        request,
        pk,
        lifecycle.suspend_device,
        say("suspended by its owner"),
        _("%(device)s is suspended: its access is being taken away everywhere now."),
    )


@require_POST
@login_required
@answers_conflicts
def device_resume(request: SignedIn, pk: int) -> HttpResponse:
    """Let it back in. Whether its owner may is for the verb to say: an admin's suspension stays, and a lost device needs a new key."""
    return _carried_out(
        request, pk, lifecycle.resume_device, say("resumed by its owner"), _("%(device)s may connect again, where it still has access.")
    )


def _carried_out(request: SignedIn, pk: int, verb: Callable[..., None], reason: str, words: str) -> HttpResponse:
    """Do it to a device of one's own, and say so; `words` name the device."""
    found = get_object_or_404(request.user.devices, pk=pk)
    verb(found, actor=request.user, reason=reason, now=clock.of(request))
    messages.success(request, words % {"device": found.name})
    return redirect("device", pk=found.pk)
