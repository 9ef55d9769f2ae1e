"""Enrolling a device, and giving one a new key: three ways, and no private key kept in any of them.

Made in the browser, the private key never comes here. Made on the server, it is in one
answer to one POST; `never_cache` keeps everybody from storing that answer, and it cannot be had again.
"""

import base64
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from enrollment import clock, lifecycle, platforms, step_up
from enrollment.forms import EnrolForm, KeyForm, Way
from enrollment.models import Device
from enrollment.views.configs import client_file, ready_page
from enrollment.views.handovers import OPENED, free_name
from enrollment.views.outcomes import SignedIn, answers_conflicts, show_reasons

REMEMBERED = 20  # forms of one session whose second sending is recognised


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
@sensitive_post_parameters("public_key")  # somebody may have pasted the private one
@answers_conflicts
def device_new(request: SignedIn) -> HttpResponse:
    if asked := step_up.ask(request):
        return asked
    now = clock.of(request)
    typed, is_phone = step_up.kept(request), request.GET.get("kind") == Device.Kind.PHONE
    begun: dict[str, Any] = {"kind": Device.Kind.PHONE, "name": free_name(request.user)} if is_phone else {}
    form = EnrolForm(request.POST or None, initial=typed.dict() if typed else begun)

    def enrol(public_key: str) -> Device:
        made = lifecycle.enrol_device(
            request.user,
            name=form.cleaned_data["name"],
            kind=form.cleaned_data["kind"],
            public_key=public_key,
            key_origin=form.cleaned_data["way"],
            now=now,
        )
        if link := request.session.pop(OPENED, None):
            lifecycle.finish_handover(link, made, now=now)
        return made

    is_on_phone = is_phone or platforms.is_phone(request.headers.get("user-agent", ""))
    full = lifecycle.no_room(request.user) if request.method == "GET" else ""
    shown = {"form": form, "is_on_phone": is_on_phone, "full": full, "devices": request.user.devices.exclude(state=Device.State.RETIRED)}
    return _answer_once(request, form, enrol) or render(request, "enrollment/device_new.html", shown)


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
@sensitive_post_parameters("public_key")  # somebody may have pasted the private one
@answers_conflicts
def device_key(request: SignedIn, pk: int) -> HttpResponse:
    now = clock.of(request)
    device = get_object_or_404(request.user.devices.exclude(state=Device.State.RETIRED), pk=pk)
    if asked := step_up.ask(request, keeps=False):
        return asked
    form = KeyForm(request.POST or None)
    comes_back = device.is_lost and device.suspended_by_id == request.user.pk
    use = lifecycle.bring_back_device if comes_back else lifecycle.rotate_key

    def replace(public_key: str) -> Device:
        use(device, public_key=public_key, key_origin=form.cleaned_data["way"], actor=request.user, now=now)
        return device

    shown = {"form": form, "device": device, "comes_back": comes_back}
    return _answer_once(request, form, replace) or render(request, "enrollment/device_key.html", shown)


@sensitive_variables("private_key", "config")
def _answer_once(request: SignedIn, form: KeyForm, use: Callable[[str], Device]) -> HttpResponse | None:
    """Use a valid form once and show the device's file; send a second sending to the device; None: show the form."""
    if request.method != "POST":
        return None
    seen = request.session.get("forms_used", {})
    if form.is_valid() and (known := seen.get(str(form.cleaned_data["once"]))):
        messages.warning(
            request, _("This was done already. The private key was shown once and not kept; if you have lost it, make a new key.")
        )
        return redirect("device", pk=known)
    if not form.is_valid():
        return None
    private_key, public_key = _make_pair() if form.cleaned_data["way"] == Way.SERVER else (None, form.cleaned_data["public_key"])
    try:
        device = use(public_key)
    except lifecycle.Refused as refused:
        show_reasons(form, refused)
        return None
    request.session["forms_used"] = dict([*seen.items(), (str(form.cleaned_data["once"]), device.pk)][-REMEMBERED:])
    config = client_file(device, private_key)
    return ready_page(request, device, config, way=form.cleaned_data["way"], is_new=isinstance(form, EnrolForm))


@sensitive_variables()
def _make_pair() -> tuple[str, str]:
    """Return a private key, clamped as `wg genkey` does, and its public key."""
    raw = bytearray(X25519PrivateKey.generate().private_bytes_raw())
    raw[0] &= 0b11111000
    raw[31] = raw[31] & 0b01111111 | 0b01000000
    public = X25519PrivateKey.from_private_bytes(bytes(raw)).public_key().public_bytes_raw()
    return base64.b64encode(raw).decode(), base64.b64encode(public).decode()
