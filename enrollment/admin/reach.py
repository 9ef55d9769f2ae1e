"""The auditor's question: who could reach this, or what could they reach, at that moment? As authorised, and as enforced."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from enrollment import clock, facts
from enrollment.admin_forms.reach import ReachForm
from enrollment.facts import Reach


def answer(request: HttpRequest) -> dict[str, Any]:
    """Return the form and, where something was asked, the answer. Reads only, so an address can be kept and shared."""
    now = clock.of(request)
    if not {"resource", "user", "at"} & set(request.GET):
        return {"form": ReachForm(initial={"at": f"{now:%Y-%m-%dT%H:%M:%SZ}"})}
    form = ReachForm(request.GET)
    if not form.is_valid():
        return {"form": form}
    asked = form.cleaned_data
    at = asked["at"] or now
    reaches = facts.reaches_at(at, resource=asked["resource"], user=asked["user"])
    return {"form": form, "at": at, "asked": asked, "reaches": sorted(reaches, key=_order)}


def _order(reach: Reach) -> tuple[object, ...]:
    """Begin with what was held though it was not allowed: that is what somebody must look at."""
    return reach.until is not None, reach.user, reach.device, reach.resource, reach.device_id
