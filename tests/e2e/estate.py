"""A small company for the browser, and states of access that a worker would have written there."""

from datetime import timedelta

from django.utils import timezone

from enforcement.models import Enforcement, Handshake
from enrollment.models import Pep, Resource
from tests import factories

PURPOSES = {
    "fileshare": "The team's shared folders.",
    "wiki": "What everybody ought to know.",
    "payroll": "Salaries. Ask only with a ticket, and for as short a time as you can.",
}


def plant():
    """Make the estate, once for a run, and return its gateway. Harmless to repeat."""
    if known := Pep.objects.filter(name="pep-1").first():
        return known
    now = timezone.now()
    pep = factories.a_pep(endpoint_host="198.51.100.1", now=now)
    policy = factories.a_policy("Ask the approvers", now=now)
    nobody = factories.a_policy("Ask the treasurers", stages=(("treasurers", 1),), now=now)
    for number, slug in enumerate(PURPOSES, 2):
        factories.a_resource(slug, pep=pep, policy=nobody if slug == "payroll" else policy, number=number, now=now)
        Resource.objects.filter(slug=slug).update(description=PURPOSES[slug])
    return pep


def put_in_force(grant, pep):
    """Write what a worker writes after a receipt that holds the grant."""
    now = timezone.now()
    for device in grant.devices.all():
        held = {"state": "in_force", "wanted_at": now, "in_force_at": now, "until": grant.ends_at}
        Enforcement.objects.update_or_create(grant=grant, device=device, pep=pep, defaults=held)
        Handshake.objects.update_or_create(device=device, pep=pep, defaults={"at": now - timedelta(seconds=40)})


def confirm_gone(grant):
    """Write what a worker writes after a receipt that no longer holds the grant."""
    Enforcement.objects.filter(grant=grant).update(state="gone", gone_at=timezone.now(), until=None)
