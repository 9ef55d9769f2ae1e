"""Which PEPs and devices a change concerns: those where somebody could gain or lose something by it."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from enrollment.models import Device, Grant, Placement, Resource, User


def peps_of_resource(resource: Resource) -> frozenset[int]:
    return _peps(Q(resource=resource))


def peps_of_user(user: User) -> frozenset[int]:
    return _peps(Q(resource__in=Grant.objects.filter(user=user, state__in=Grant.OPEN).values("resource")))


def peps_of_device(device: Device) -> frozenset[int]:
    return _peps(Q(resource__in=Grant.objects.filter(devices=device, state__in=Grant.OPEN).values("resource")))


def devices_of(grants: Iterable[Grant]) -> frozenset[int]:
    return frozenset(Device.objects.filter(grants__in=list(grants)).values_list("pk", flat=True))


def devices_of_user(user: User) -> frozenset[int]:
    """Return everything this person owns or ever owned: what is retired may still be held somewhere."""
    return frozenset(Device.objects.filter(owner=user).values_list("pk", flat=True))


def _peps(which: Q) -> frozenset[int]:
    return frozenset(Placement.objects.filter(which).values_list("pep_id", flat=True))
