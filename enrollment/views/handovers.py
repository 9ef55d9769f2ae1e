"""A one-time link for one's phone, on the computer: make it, see what became of it, and compare the key that a phone offers."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from enrollment import clientconf, clock, lifecycle, step_up
from enrollment.forms import NameForm
from enrollment.models import Device, Handover, User
from enrollment.views.outcomes import SignedIn, answers_conflicts, show_reasons

OPENED = "handover_opened"  # in the session of a phone whose owner is signed in: the number of the link that led there
GROUP = 4  # letters of a code that is read from one screen and typed into another


@require_POST
@login_required
@never_cache
@answers_conflicts
def handover_new(request: SignedIn) -> HttpResponse:
    """Make a link, and show it in this one answer: its token is kept nowhere."""
    if asked := step_up.ask(request, back=reverse("device-new"), keeps=False):
        return asked
    if lifecycle.no_room(request.user):
        return redirect("device-new")  # which says so
    made, token = lifecycle.make_handover(request.user, now=clock.of(request))
    address = f"{settings.PUBLIC_URL}{reverse('phone')}"
    shown = {
        "qr": clientconf.qr_svg(f"{address}#{token}", _("QR code of the link")),
        "address": address,
        "code": "-".join(token[start : start + GROUP] for start in range(0, len(token), GROUP)),
    }
    return _page(request, made, **shown)


@require_safe
@login_required
@never_cache
def handover(request: SignedIn, pk: int) -> HttpResponse:
    return _page(request, _mine(request, pk))


@require_POST
@login_required
@never_cache
@answers_conflicts
def handover_confirm(request: SignedIn, pk: int) -> HttpResponse:
    found = _mine(request, pk)
    if asked := step_up.ask(request, back=reverse("handover", args=[pk]), keeps=False):
        return asked
    form = NameForm(request.POST)
    if form.is_valid():
        try:
            lifecycle.confirm_handover(found, name=form.cleaned_data["name"], actor=request.user, now=clock.of(request))
        except lifecycle.Refused as refused:
            show_reasons(form, refused)
        else:
            return redirect("handover", pk=found.pk)
    return _page(request, found, form=form)


@require_POST
@login_required
@answers_conflicts
def handover_refuse(request: SignedIn, pk: int) -> HttpResponse:
    found = _mine(request, pk)
    lifecycle.refuse_handover(found, actor=request.user, now=clock.of(request))
    return redirect("handover", pk=found.pk)


def _mine(request: SignedIn, pk: int) -> Handover:
    return get_object_or_404(request.user.handovers.select_related("device"), pk=pk)


def _page(request: SignedIn, found: Handover, **more: object) -> HttpResponse:
    waits = found.state in {Handover.State.OPEN, Handover.State.OFFERED}
    where = "over" if waits and found.is_over(clock.of(request)) else found.state
    form = NameForm(initial={"name": free_name(request.user)}) if where == Handover.State.OFFERED else None
    return render(request, "enrollment/handover.html", {"handover": found, "where": where, "form": form, **more})


def free_name(owner: User) -> str:
    """Propose a name that none of their devices has."""
    taken = {name.casefold() for name in owner.devices.exclude(state=Device.State.RETIRED).values_list("name", flat=True)}
    names = [_("Phone"), *(_("Phone %(number)d") % {"number": number} for number in range(2, len(taken) + 3))]
    return next(name for name in names if name.casefold() not in taken)
