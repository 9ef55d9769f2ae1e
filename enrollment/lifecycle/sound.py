"""What must hold of the estate whoever writes it: forms say it at a field first, and this again, in the transaction that tells of it.

Asked once the audit log's end is taken: saves come one after the other there, so two
admins cannot each save half of a clash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import models

from enrollment import keys, ssh_keys, targets
from enrollment.lifecycle.device_keys import is_private_half
from enrollment.lifecycle.outcomes import Refused
from enrollment.models import AccessPolicy, DeviceKey, Pep, Placement, Resource, ResourcePort
from enrollment.sentences import joined, say
from enrollment.texts import is_plain, same_name

FAMILIES = (4, 6)
UNPRINTABLE = say("It has characters in it that do not print. Use letters, digits and blanks.")
SAME_NAME = say("There is one of this name already, but for capital letters.")
ENDPOINT = say("This is where a PEP is reached from outside, not a host behind one.")


def leads_there(resource: Resource) -> str:
    """Say why an address is none of a PEP's own."""
    return say("{resource} leads to this address: it is a host behind a PEP.", resource=resource)


def insist_on_sound(obj: models.Model) -> None:
    """Raise Refused with every reason why this cannot stay as it was saved."""
    checks: list[tuple[type[models.Model], Callable[[Any], Iterator[str]]]] = [
        (Pep, _pep),
        (AccessPolicy, _named),
        (Group, _named),
        (Resource, _resource),
        (ResourcePort, lambda port: _ways(port.resource)),
        (Placement, _placement),
    ]
    reasons = [joined([str(obj), reason], by=": ") for kind, check in checks if isinstance(obj, kind) for reason in check(obj)]
    if reasons:
        raise Refused(*reasons)


def ways_of_others(pep: Pep, field: str, target: str, resource: Resource) -> Iterator[tuple[str, tuple[str, int, int]]]:
    """Yield the names and ports of the other resources that lead to this address behind the same PEP."""
    same = Placement.objects.filter(pep=pep, resource__retired_at=None, **{field: target})
    for port in ResourcePort.objects.filter(resource__placements__in=same).exclude(resource=resource.pk).select_related("resource"):
        yield str(port.resource), (port.protocol, port.first, port.last)


def is_an_endpoint(target: str) -> bool:
    """Tell whether this is where devices, or workers, reach a PEP from outside. One that is named, not numbered, is not recognised."""
    return target in {printed(host) for hosts in Pep.objects.values_list("endpoint_host", "ssh_host") for host in hosts}


def leading_to(host: str) -> Resource | None:
    """Return a resource on offer whose target is this address; None also where it is a name, which leads nobody knows where."""
    try:
        address = str(ip_address(host))
    except ValueError:
        return None
    there = models.Q(placements__target_v4=address) | models.Q(placements__target_v6=address)
    return Resource.objects.filter(there, retired_at=None).first()


def printed(host: str) -> str:
    """Return an address the one way it is kept; anything else as it is."""
    try:
        return str(ip_address(host))
    except ValueError:
        return host


def _named(obj: AccessPolicy | Group | Resource) -> Iterator[str]:
    if not is_plain(obj.name):
        yield UNPRINTABLE
    if not isinstance(obj, Group) and is_taken(obj):
        yield SAME_NAME


def is_taken(obj: AccessPolicy | Resource) -> bool:
    """Tell whether another row has this name, however it is written."""
    others = type(obj)._default_manager.exclude(pk=obj.pk).values_list("name", flat=True)  # noqa: SLF001 - Django's name for it
    return same_name(obj.name) in map(same_name, others)


def _resource(resource: Resource) -> Iterator[str]:
    yield from _named(resource)
    if not is_plain(resource.description, breaks=True):
        yield UNPRINTABLE
    yield from _ways(resource)


def _pep(pep: Pep) -> Iterator[str]:
    others = Pep.objects.exclude(pk=pep.pk)
    try:
        key = keys.check(pep.public_key) if pep.public_key else None
        if key and is_private_half(key):
            yield keys.PRIVATE
        if key and DeviceKey.objects.filter(public_key=key).exists():
            yield keys.KNOWN_ALREADY
        if pep.ssh_host_key and ssh_keys.check(pep.ssh_host_key) != pep.ssh_host_key:
            yield ssh_keys.NOT_A_KEY
        for version in FAMILIES:
            field = f"prefix_v{version}"
            taken = others.values_list("name", field)
            targets.prefix(getattr(pep, field), version, overlay=settings.OVERLAY, pools=settings.DEVICE_POOLS, taken=taken)
    except (keys.BadKey, targets.BadAddress) as bad:
        yield str(bad)
    resource = leading_to(pep.endpoint_host) or leading_to(pep.ssh_host)
    if resource:
        yield leads_there(resource)


def _placement(placement: Placement) -> Iterator[str]:
    for version in FAMILIES:
        target, overlay = getattr(placement, f"target_v{version}"), getattr(placement, f"overlay_v{version}")
        prefix = getattr(placement.pep, f"prefix_v{version}")
        try:
            if target and not (placement.is_on_pep and target == str(targets.own_address(prefix))):
                targets.target(target, version, overlay=settings.OVERLAY)
                if is_an_endpoint(target):
                    yield ENDPOINT
            if overlay:
                targets.overlay_address(overlay, version, pep_prefix=prefix)
        except targets.BadAddress as bad:
            yield str(bad)
    yield from _ways(placement.resource)


def _ways(resource: Resource) -> Iterator[str]:
    """Name each address and port of this resource to which another one leads, too."""
    ports = list(resource.ports.values_list("protocol", "first", "last"))
    for placement in resource.placements.select_related("pep") if resource.retired_at is None else ():
        for version in FAMILIES:
            field, target = f"target_v{version}", getattr(placement, f"target_v{version}")
            for name, port in ways_of_others(placement.pep, field, target, resource) if target else ():
                both = targets.overlapping(ports, [port])
                if both:
                    yield say("{name} leads there already, on {both}.", name=name, both=both)
