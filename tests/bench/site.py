"""Everything there is between a person's yes and the kernel, as in production: database, broker, worker, agent, PEP.

`open_site` makes it in a directory of its own, with as many other devices as it is told, all of
them granted and enforced before anything is measured.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from portal.demo.processes import Part
from tests.brokers import QUIET, Embedded
from tests.lab import LAN, PYTHON, TOOLS, PepLab

BATCH = 2000
OTHERS = ("10.90.0.0", "fd89::1:0:0")  # addresses of the devices that are only there
ROOM = {
    "overlay": ["10.89.0.0/16", "10.90.0.0/16", "fd89::/48"],
    "device_pools": ["10.89.0.0/18", "10.90.0.0/16", "fd89::/64"],
    "most_peers": 10**6,
    "most_new_peers_an_hour": 10**6,
}
PATIENCE = 600.0


class Site:
    """The lab, the people and the processes. Django must be set up, on an empty database."""

    def __init__(self, directory: Path, lab: PepLab) -> None:
        from tests import factories

        self.directory, self.lab, self.make = directory, lab, factories
        self.now = now()
        self.alice, self.bob = (factories.a_person(name, now=self.now) for name in ("alice", "bob"))
        self.pep = factories.a_pep(public_key=lab.keys.public, now=self.now)
        terms = {"now": self.now, "longest_grant": 3600, "rolling_total": 366 * 86400, "rolling_window": 366 * 86400}
        self.resources = {
            slug: factories.a_resource(slug, ports=[("udp", 137)], policy=factories.a_policy(slug, **terms), now=self.now)
            for slug in ("fileshare", "wiki")
        }
        for number, resource in enumerate(self.resources.values(), 2):
            placed = factories.a_placement(resource, self.pep, number=number, now=self.now)
            type(placed).objects.filter(pk=placed.pk).update(target_v4=LAN[0], target_v6=LAN[1])
        key = lab.devices["laptop"].keys.public  # the first device has the addresses that the lab's laptop has
        self.laptop = factories.a_device(self.alice, "laptop", key=key, now=self.now)
        self.tablet = factories.a_device(self.alice, "tablet", now=self.now)
        self.parts: list[Part] = []
        self.first_pass = 0.0

    def start(self) -> None:
        """Start broker and worker, as processes that end with the site."""
        broker = Embedded(self.directory)
        self._part("broker", broker.argv).wait_until(broker.answers)
        worker = [sys.executable, "-m", "celery", "--app", "portal", "worker", "--queues", "pep", *QUIET, "--loglevel", "info"]
        worker = self._part("worker", worker)
        worker.wait_until(lambda: "ready." in worker.log.read_text())

    def close(self) -> None:
        for part in reversed(self.parts):
            part.stop()

    def ask(self, device, resource: str = "fileshare"):
        return self.make.a_request(self.alice, self.resources[resource], [device], seconds=3600, now=now())

    def fill(self, count: int) -> None:
        """Give `count` devices of one more person what a grant would, by rows: a question and an answer for each would take hours."""
        from enrollment.models import AccessRequest, Device, Grant

        owner, resource = self.make.a_person("erin", now=self.now), self.resources["fileshare"]
        version, end = resource.policy.current, self.now + timedelta(hours=12)
        asked = {"requester": owner, "resource": resource, "policy_version": version, "seconds": 43200, "reason": "bench"}
        times = {"created_at": self.now, "answer_by": end, "closed_at": self.now, "state": "approved"}
        given = {"user": owner, "resource": resource, "policy_version": version, "state": "active", "created_at": self.now}
        for start in range(0, count, BATCH):
            devices = [_other_device(owner, number, self.now) for number in range(start, min(start + BATCH, count))]
            devices = Device.objects.bulk_create(devices)
            requests = AccessRequest.objects.bulk_create([AccessRequest(**asked, **times) for _device in devices])
            grants = Grant.objects.bulk_create([Grant(request=each, starts_at=self.now, ends_at=end, **given) for each in requests])
            named = [Grant.devices.through(grant=grant, device=device) for grant, device in zip(grants, devices, strict=True)]
            Grant.devices.through.objects.bulk_create(named)

    def settle(self) -> float:
        """Do a pass over everything, and leave nothing due; return its seconds."""
        from enforcement import reconcile, transport, turns
        from enforcement.models import PepStatus, Touched

        turns.ensure_statuses(now())
        turns.mark_due([self.pep.pk])
        began = time.monotonic()
        outcome = reconcile.reconcile(self.pep.pk, now())
        took = time.monotonic() - began
        if outcome is None or outcome.error:
            raise RuntimeError(f"the PEP does not hold what is wanted: {outcome}")
        Touched.objects.all().delete()
        PepStatus.objects.update(due_at=now() + timedelta(days=1))
        transport.POOL.close()
        return took

    def wait_for(self, state: str, grant) -> None:
        from enforcement.models import Enforcement

        until = time.monotonic() + PATIENCE
        while not Enforcement.objects.filter(grant=grant, state=state).exists():
            if time.monotonic() > until:
                raise RuntimeError(f"not {state} after {PATIENCE:.0f} s: {list(Enforcement.objects.filter(grant=grant).values())}")
            time.sleep(0.0003)

    def _part(self, name: str, argv: list[str]) -> Part:
        self.parts.append(Part(name, argv, os.environ, self.directory / f"{name}.log"))
        return self.parts[-1]


class Ear:
    """Knows when the last datagram of a firehose arrived."""

    def __init__(self, lab: PepLab, address: str, port: int) -> None:
        argv = lab.argv("lan", [*PYTHON, str(TOOLS / "firehose.py"), "hear", "3600", address, str(port)])
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._process.stdout.readline()

    def last(self) -> float:
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())["last"]

    def wait_until_it_flows(self) -> None:
        until = time.monotonic() + PATIENCE
        while time.monotonic() - self.last() > 0.02:
            if time.monotonic() > until:
                raise RuntimeError("nothing arrives")
            time.sleep(0.002)

    def wait_until_it_is_silent(self, seconds: float = 0.15) -> float:
        """Return when the last datagram came, once nothing has come for that long."""
        while time.monotonic() - (last := self.last()) < seconds:
            time.sleep(0.01)
        return last

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=5)


def _other_device(owner, number: int, at):
    from enrollment.models import Device

    v4, v6 = ip_address(OTHERS[0]) + number, ip_address(OTHERS[1]) + number
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    fields = {"public_key": key, "key_origin": "pasted", "slot": 10**6 + number, "address_v4": str(v4), "address_v6": str(v6)}
    return Device(owner=owner, name=f"device {number}", enrolled_at=at, **fields)


def now():
    from django.utils import timezone

    return timezone.now()


@contextmanager
def open_site(devices: int):
    """Set Django up on a database of its own, and yield a site that holds so many other devices. Once a process."""
    with TemporaryDirectory(prefix="lgb-") as name, PepLab(services=False, **ROOM) as lab:
        directory = Path(name)
        lab.load_guards()
        agent = lab.argv("pep", [sys.executable, "-m", "enforcement.pep", "--config", str(lab.write_config(directory / "agent.json"))])
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "DATABASE_URL": f"sqlite:///{directory}/lychgate.sqlite3",
            "REDIS_URL": Embedded(directory).url,
            "LYCHGATE_PEP_ARGV": json.dumps({"pep-1": agent}),
            "LYCHGATE_PEP_TIMEOUT_SECONDS": "300",
            "LYCHGATE_SWEEP_SECONDS": "300",
            "LYCHGATE_VAR": name,
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        site = Site(directory, lab)
        try:
            site.fill(devices)
            site.first_pass = site.settle()
            site.start()
            yield site
        finally:
            site.close()
