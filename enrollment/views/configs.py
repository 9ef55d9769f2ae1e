"""The client's file, for the pages that show it: which PEPs it names, and what is shown where.

It names every PEP that the owner may come to need, so that a grant never changes the file, and no other: a code that
names fifty could not be read, and whom it concerns not at all need not know where a gateway is.
"""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from enrollment import clientconf, facts, platforms
from enrollment.models import Device, Pep, User


@dataclass(frozen=True)
class ClientFile:
    """What a page shows of one: the text, the name to save it under, and the QR code where the text is whole."""

    text: str
    tunnel: str
    qr: str = ""
    is_whole: bool = False


def client_file(device: Device, private_key: str | None = None) -> ClientFile:
    """Return the file of a device; without the private key a marked place stands for it."""
    text = clientconf.render(device.addresses, _client_peers(device.owner), private_key)
    tunnel = _tunnel_name(device)
    if private_key is None:
        return ClientFile(text, tunnel)
    try:
        return ClientFile(text, tunnel, clientconf.qr_svg(text, _("QR code of your config")), is_whole=True)
    except clientconf.TooLong:
        return ClientFile(text, tunnel, is_whole=True)


def _tunnel_name(device: Device) -> str:
    """Return one that no earlier device of its owner has, retired ones too: what is installed of those may still lie about."""
    earlier = Device.objects.filter(owner=device.owner_id, pk__lt=device.pk).order_by("pk").values_list("name", flat=True)
    return clientconf.tunnel_names([*earlier, device.name])[-1]


def ready_page(request: HttpRequest, device: Device, file: ClientFile, *, way: str, is_new: bool, ready: str = "") -> HttpResponse:
    """Show a file with how to install it; `ready` is where a reload leads, if not to the device's page."""
    unfolded = platforms.likely(request.headers.get("user-agent", ""), is_phone=device.kind == Device.Kind.PHONE)
    shown = {"device": device, "file": file, "way": way, "is_new": is_new, "ready": ready, "platforms": platforms.in_order(unfolded)}
    return render(request, "enrollment/device_config.html", shown)


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
