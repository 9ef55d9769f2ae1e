"""A small company for the browser: one gateway, a few resources, and states of access that a worker would have written."""

from datetime import timedelta

from django.contrib.auth.models import Group
from django.utils import timezone

from enforcement.models import Enforcement, Handshake
from enrollment import lifecycle
from enrollment.models import AccessPolicy, Pep, Placement, Resource, ResourcePort

PEP_KEY = "bqOW2jqGf2iUlMIyPSSQRqAaBOvkwfSbvcVzjOWuhGo="
RESOURCES = (
    ("File share", "fileshare", "The team's shared folders.", (139, 445), 2),
    ("Wiki", "wiki", "What everybody ought to know.", (80,), 3),
    ("Payroll database", "payroll", "Salaries. Ask only with a ticket, and for as short as you can.", (5432,), 4),
)


def plant():
    """Make the estate, once for a run. Harmless to repeat."""
    now = timezone.now()
    pep, made = Pep.objects.get_or_create(
        name="pep-1",
        defaults={
            "endpoint_host": "198.51.100.1",
            "public_key": PEP_KEY,
            "prefix_v4": "10.89.65.0/24",
            "prefix_v6": "fd89:0:0:1::/64",
        },
    )
    if not made:
        return pep
    policy = policy_of("Ask the approvers", "oidc:lychgate-approvers", now)
    nobody = policy_of("Ask the treasurers", "oidc:treasurers", now)
    for name, slug, description, ports, number in RESOURCES:
        resource = Resource.objects.create(name=name, slug=slug, description=description, policy=nobody if slug == "payroll" else policy)
        for port in ports:
            ResourcePort.objects.create(resource=resource, protocol="tcp", first=port, last=port)
        Placement.objects.create(
            resource=resource,
            pep=pep,
            overlay_v4=f"10.89.65.{number}",
            target_v4=f"192.168.89.{number}",
            overlay_v6=f"fd89:0:0:1::{number}",
            target_v6=f"fd89:0:0:ff::{number}",
        )
    return pep


def policy_of(name, group, now):
    policy = AccessPolicy.objects.create(name=name)
    stage = (Group.objects.get_or_create(name=group)[0], 1)
    lifecycle.new_policy_version(
        policy,
        actor=None,
        now=now,
        stages=[stage],
        requesters=[],
        time_to_answer=86400,
        longest_grant=28800,
        rolling_total=144000,
        rolling_window=604800,
        session_length=None,
    )
    return policy


def put_in_force(grant, pep):
    """Write what a worker writes after a receipt that holds the grant."""
    now = timezone.now()
    for device in grant.devices.all():
        Enforcement.objects.update_or_create(
            grant=grant,
            device=device,
            pep=pep,
            defaults={"state": "in_force", "wanted_at": now, "in_force_at": now, "until": grant.ends_at},
        )
        Handshake.objects.update_or_create(device=device, pep=pep, defaults={"at": now - timedelta(seconds=40)})
