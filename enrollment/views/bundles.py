"""Asking for several resources at once: one form, and a request for each."""

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from enrollment import clock, lifecycle, step_up, tickets
from enrollment.forms import BundleForm
from enrollment.forms.fields import numbers
from enrollment.models import Resource
from enrollment.views.asking import Terms, terms_of, usual_devices
from enrollment.views.outcomes import SignedIn, answers_conflicts, show_reasons


@dataclass(frozen=True)
class Choice:
    """One resource of the bundle: what holds for it, whether it is ticked, and why it was refused."""

    resource: Resource
    terms: Terms
    is_ticked: bool
    refused: tuple[str, ...]

    @property
    def tickets(self) -> tuple[str, ...]:
        return tuple(map(tickets.demand, self.terms.asking.ticket_shapes))


@require_http_methods(["GET", "POST"])
@login_required
@answers_conflicts
def bundle_new(request: SignedIn) -> HttpResponse:
    """Ask for what `?resource=` names. Of a form that is sent, only what is still ticked counts."""
    now = clock.of(request)
    named = list(Resource.objects.filter(retired_at=None, pk__in=numbers(request.GET.getlist("resource"))))
    if request.method == "GET" and len(named) == 1:
        return redirect("request-new", slug=named[0].slug)
    if not named or len(named) > lifecycle.LARGEST:
        return render(request, "enrollment/bundle_none.html", {"named": named, "largest": lifecycle.LARGEST})
    terms = terms_of(request.user, named, now)
    possible = [each for each in named if not terms[each.pk].reasons]
    typed = request.POST or step_up.kept(request)
    ticked = {each.pk for each in possible} if typed is None else set(numbers(typed.getlist("resource")))
    bounds = {each: terms[each.pk].asking.most_seconds for each in possible if each.pk in ticked}
    form = BundleForm(
        typed,
        resources=Resource.objects.filter(pk__in=[each.pk for each in possible]),
        devices=request.user.devices.usable(),
        longest=min(bounds.values(), default=1),
        now=now,
        initial={"devices": usual_devices(request.user)},
    )
    refused: dict[int, tuple[str, ...]] = {}
    if request.method == "POST" and form.is_valid():
        try:
            lifecycle.request_bundle(request.user, resources=list(form.cleaned_data["resource"]), now=now, **form.question)
        except lifecycle.RefusedBundle as because:
            refused = dict(because.about)
        except lifecycle.Refused as because:
            show_reasons(form, because)
        else:
            names = ", ".join(each.name for each in form.cleaned_data["resource"])
            messages.success(request, _("You have asked for %(resources)s, each with a request of its own.") % {"resources": names})
            return redirect("requests")
    context = {
        "form": form,
        "choices": [Choice(each, terms[each.pk], each.pk in ticked, refused.get(each.pk, ())) for each in named],
        "is_refused": bool(refused),
        "strictest": min(bounds, key=lambda each: bounds[each]) if len(set(bounds.values())) > 1 else None,
        "waiting": request.user.devices.to_let_in(),  # read only where there is no usable one
    }
    return render(request, "enrollment/bundle_new.html", context)
