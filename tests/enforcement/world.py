"""A PEP with a real kernel, and people who ask and answer at the present moment."""

from django.utils import timezone

from enforcement import turns
from enforcement.models import Enforcement, PepStatus
from enforcement.reconcile import reconcile
from enrollment import lifecycle
from tests import factories

BOTH = {"10.89.0.2", "fd89::2"}  # the addresses of the first device, which is alice's laptop


class World:
    """Alice's laptop, bob who answers, the fileshare behind pep-1, and the present moment."""

    def __init__(self, gateway, **fields):
        self.gateway, self.now = gateway, timezone.now()
        self.alice, self.bob = (factories.a_person(name, now=self.now) for name in ("alice", "bob"))
        self.pep = factories.a_pep(now=self.now, **{"public_key": gateway.keys.public, **fields})
        self.fileshare = factories.a_resource("fileshare", pep=self.pep, now=self.now)
        self.laptop = factories.a_device(self.alice, now=self.now)

    def grant(self, seconds=3600, *, device=None, resource=None):
        device = device or self.laptop
        return factories.a_grant(device.owner, resource or self.fileshare, [device], reviewer=self.bob, now=timezone.now(), seconds=seconds)

    def revoke(self, grant):
        lifecycle.revoke(grant, actor=self.bob, reason="done", now=timezone.now())

    def reconcile(self, now=None):
        turns.mark_due([self.pep.pk])
        return reconcile(self.pep.pk, now or timezone.now())

    def row(self, grant):
        return Enforcement.objects.get(grant=grant)

    def status(self):
        return PepStatus.objects.get(pk=self.pep.pk)
