"""Taking emergency access: a page of its own, so that nobody takes it where they meant to ask."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from enrollment import clock, facts, lifecycle, policy, step_up
from enrollment.forms import EmergencyForm
from enrollment.models import Resource
from enrollment.views.outcomes import SignedIn, answers_conflicts, show_reasons


@require_http_methods(["GET", "POST"])
@login_required
@answers_conflicts
def emergency_new(request: SignedIn, slug: str) -> HttpResponse:
    now = clock.of(request)
    resource = get_object_or_404(Resource.objects.filter(retired_at=None).prefetch_related("ports", "placements__pep"), slug=slug)
    emergency = facts.emergency(request.user, resource, now)
    reasons = policy.may_break_glass(emergency, now)
    if (request.method == "POST" or not reasons) and (asked := step_up.ask(request)):
        return asked
    typed = request.POST or step_up.kept(request)
    form = EmergencyForm(typed, devices=request.user.devices.usable(), longest=emergency.longest or 1, now=now)
    if request.method == "POST" and form.is_valid():
        try:
            grant = lifecycle.break_glass(
                request.user,
                resource=resource,
                devices=list(form.cleaned_data["devices"]),
                seconds=form.cleaned_data["seconds"],
                reason=form.cleaned_data["reason"],
                ticket=form.cleaned_data["ticket"],
                now=now,
            )
        except lifecycle.Refused as refused:
            show_reasons(form, refused)
        else:
            words = _("You have taken emergency access to %(resource)s. Those who approve for it have been told.")
            messages.warning(request, words % {"resource": resource.name})
            return redirect("request", pk=grant.request_id)
    return render(
        request,
        "enrollment/emergency_new.html",
        {
            "form": form,
            "waiting": request.user.devices.to_let_in(),  # read only where there is no usable one
            "resource": resource,
            "emergency": emergency,
            "reasons": reasons,
        },
    )
