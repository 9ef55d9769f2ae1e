"""The client's file, for the pages that show it: which PEPs it names, and what is shown where.

It names every PEP that the owner may come to need, so that a grant never changes the file, and no other: a code that
names fifty could not be read, and whom it concerns not at all need not know where a gateway is.
"""

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from enrollment import clientconf, facts, platforms
from enrollment.models import Device, Pep, User


@dataclass(frozen=True)
class ClientFile:
    """What a page shows of one: the text, the name to save it under, the tunnel it becomes, and the QR code where the text is whole."""

    text: str
    tunnel: str
    name: str
    qr: str = ""
    is_whole: bool = False
    lacks_key: bool = False  # and so does whoever reads the page


@dataclass(frozen=True)
class HowTo:
    """What decides which steps of installing it fit: the tunnel, who reads them on what, and what is on the page beside them."""

    tunnel: str
    platforms: list[tuple[str, bool]]  # with whether to unfold it
    is_new: bool = True  # nothing older has to go first
    file_is_here: bool = True
    wants_own_key: bool = False
    has_code: bool = False
    folds_code: bool = False
    is_on_phone: bool = False
    placeholder: str = clientconf.PLACEHOLDER


def client_file(device: Device, private_key: str | None = None) -> ClientFile:
    """Return the file of a device; without the private key a marked place stands for it."""
    text = clientconf.render(device.addresses, _client_peers(device.owner), private_key)
    tunnel = _tunnel_name(device)
    if private_key is None:
        return ClientFile(text, tunnel, tunnel)
    try:
        return ClientFile(text, tunnel, tunnel, clientconf.qr_svg(text, _("QR code of your config")), is_whole=True)
    except clientconf.TooLong:
        return ClientFile(text, tunnel, tunnel, is_whole=True)


def later_file(request: HttpRequest, device: Device) -> dict[str, Any]:
    """Return a device's file for its own page, and how to install the one that was saved: only who made the key has it for this one."""
    file, is_own = client_file(device), device.key_origin == Device.KeyOrigin.PASTED
    browser = request.headers.get("user-agent", "")
    folded = [
        (each, False) for each, _is_likely in platforms.in_order(platforms.likely(browser, is_phone=device.kind == Device.Kind.PHONE))
    ]
    how = HowTo(file.tunnel, folded, file_is_here=is_own, wants_own_key=is_own, is_on_phone=platforms.is_phone(browser))
    return {"file": file if is_own else replace(file, name=f"{file.tunnel}-without-key", lacks_key=True), "how": how}


def ready_page(request: HttpRequest, device: Device, file: ClientFile, *, way: str, is_new: bool, ready: str = "") -> HttpResponse:
    """Show a file with how to install it; `ready` is where a reload leads, if not to the device's page.

    A code is for a phone to read from another screen: a phone needs none on its own, and a laptop's key does not belong on a phone.
    """
    browser, is_phone, is_own = request.headers.get("user-agent", ""), device.kind == Device.Kind.PHONE, way == Device.KeyOrigin.PASTED
    here = platforms.is_phone(browser)
    has_code = not is_own and not here and device.kind != Device.Kind.LAPTOP
    how = HowTo(
        file.tunnel,
        platforms.in_order(platforms.likely(browser, is_phone=is_phone)),
        is_new=is_new,
        wants_own_key=is_own,
        has_code=has_code,
        folds_code=not is_own and not has_code and not (here and is_phone),
        is_on_phone=here,
    )
    shown = {"device": device, "file": file, "way": way, "is_new": is_new, "ready": ready, "how": how}
    return render(request, "enrollment/device_config.html", shown)


def _tunnel_name(device: Device) -> str:
    """Return one that no earlier device of its owner has, retired ones too: what is installed of those may still lie about."""
    earlier = Device.objects.filter(owner=device.owner_id, pk__lt=device.pk).order_by("pk").values_list("name", flat=True)
    return clientconf.tunnel_names([*earlier, device.name])[-1]


def _client_peers(owner: User) -> list[clientconf.ClientPeer]:
    peps = Pep.objects.filter(is_enabled=True, placements__resource__in=facts.may_come_to_need(owner)).distinct()
    return [
        clientconf.ClientPeer(public_key=pep.public_key, endpoint=endpoint(pep), allowed_ips=(pep.prefix_v4, pep.prefix_v6))
        for pep in peps
        if pep.public_key
    ]


def endpoint(pep: Pep) -> str:
    host = f"[{pep.endpoint_host}]" if ":" in pep.endpoint_host else pep.endpoint_host
    return f"{host}:{pep.endpoint_port}"
