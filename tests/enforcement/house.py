"""A random world behind a real PEP: people, devices, resources and terms, and the verbs that chance has them say."""

from contextlib import contextmanager
from datetime import timedelta
from random import Random
from typing import NamedTuple

import pytest
from django.db import transaction
from django.utils import timezone

from enforcement import reconcile, transport, turns
from enrollment import facts, lifecycle
from enrollment.lifecycle import Conflict, Refused
from enrollment.models import BrowserSession, Grant, Placement
from enrollment.policy import decide
from portal.demo.netns import why_not
from tests import factories
from tests.enforcement.pep.agents import agent_argv
from tests.enforcement.pep.gate import Gate
from tests.factories import HOUR
from tests.lab import LAN, OTHER_LAN, UNLISTED
from tests.lab_ledger import Way

SERVED = (("tcp", 139), ("tcp", 445), ("udp", 137), ("udp", 138))
DOORS = (*SERVED, ("tcp", UNLISTED))
HOSTS = (LAN, OTHER_LAN)
SLUGS = ("fileshare", "wiki", "printer", "backup")
SOON, SHORT = 400, 3  # seconds: a start that no probe sees come, and an end that each waits for


class Door(NamedTuple):
    """Who knocks, and where."""

    device: str
    kind: str
    to: str
    port: int

    @property
    def spec(self):
        """As the lab's own programs read it."""
        return {"kind": self.kind, "to": self.to, "port": self.port}


class House:
    """One random world behind the lab's PEP."""

    lengths = (SHORT, HOUR, HOUR, 2 * HOUR)  # seconds of a grant

    def __init__(self, lab, seed):
        self.lab, self.chance, self.now = lab, Random(seed), timezone.now()
        now = self.now
        people = {name: factories.a_person(name, groups=["staff", *self.some(["lab"])], now=now) for name in ("alice", "erin")}
        self.bob = factories.a_person("bob", now=now)
        self.pep = factories.a_pep(public_key=lab.keys.public, now=now)
        self.devices = {
            host: factories.a_device(people[owner], host, key=lab.devices[host].keys.public, now=now)
            for host, owner in (("laptop", "alice"), ("phone", "erin"), ("tablet", "alice"))
        }
        free = [(host, door) for host in range(len(HOSTS)) for door in SERVED]
        self.resources = [self.a_resource(number, slug, free) for number, slug in enumerate(SLUGS, 20)]
        self.people = list(people.values())

    def some(self, items):
        return self.chance.sample(items, self.chance.randint(0, len(items)))

    def some_of(self, items, most):
        """Return at least one of them."""
        return self.chance.sample(items, self.chance.randint(1, min(most, len(items))))

    def a_resource(self, number, slug, free):
        """Make one at a random host, with one or two ports of it that nobody else leads to, in one family or both."""
        host = self.chance.choice(free)[0]
        ports = self.some_of([door for at, door in free if at == host], most=2)
        free[:] = [(at, door) for at, door in free if at != host or door not in ports]
        session = self.chance.choice([None, HOUR])
        proof = {"needs_mfa": bool(session) and self.chance.random() < 0.2, "ends_at_logout": self.chance.random() < 0.3}
        terms = {"session_length": session, **proof, "requesters": self.some(["staff"])}
        resource = factories.a_resource(slug, policy=factories.a_policy(slug, now=self.now, **terms), ports=ports, now=self.now)
        v4, v6 = self.chance.choice([(True, True), (True, True), (True, False), (False, True)])
        placement = Placement.objects.create(
            resource=resource,
            pep=self.pep,
            overlay_v4=f"10.89.65.{number}" if v4 else None,
            target_v4=HOSTS[host][0] if v4 else None,
            overlay_v6=f"fd89:0:0:1::{number:x}" if v6 else None,
            target_v6=HOSTS[host][1] if v6 else None,
        )
        lifecycle.estate_changed(placement, actor=None, verb="added", now=self.now)
        return resource

    def act(self, count):
        """Ask, approve, revoke, suspend, resume, sign in, disable: whatever chance says."""
        rest = [self.suspend, self.resume, self.sign_in, self.sign_in, self.sign_out, self.disable, self.enable]
        for act in self.chance.sample([self.grant] * 14 + [self.revoke] * 2 + rest, count):
            try:
                with transaction.atomic():
                    act(timezone.now())
            except (Refused, Conflict):
                continue

    def reconcile(self):
        """Have one pass over the PEP, whatever the last one left."""
        turns.mark_due([self.pep.pk])
        return reconcile.reconcile(self.pep.pk, timezone.now())

    def grant(self, now):
        owner, resource = self.chance.choice(self.people), self.chance.choice(self.resources)
        own = [device for device in self.devices.values() if device.owner_id == owner.pk]
        starts_at = now + timedelta(seconds=SOON) if self.chance.random() < 0.2 else None
        seconds = self.chance.choice(self.lengths)
        devices = self.some_of(own, most=len(own))
        factories.a_grant(owner, resource, devices, reviewer=self.bob, now=now, seconds=seconds, starts_at=starts_at)

    def revoke(self, now):
        grants = list(Grant.objects.filter(state__in=Grant.OPEN).order_by("pk"))
        if grants:
            lifecycle.revoke(self.chance.choice(grants), actor=self.bob, reason="done", now=now)

    def suspend(self, now):
        lifecycle.suspend_device(self.a_device("enrolled"), actor=None, reason="", now=now)

    def resume(self, now):
        lifecycle.resume_device(self.a_device("suspended"), actor=None, reason="", now=now)

    def a_device(self, state):
        for device in self.devices.values():
            device.refresh_from_db()
        return self.chance.choice([device for device in self.devices.values() if device.state == state] or list(self.devices.values()))

    def sign_in(self, now):
        person, ago = self.chance.choice(self.people), self.chance.choice([0, 0, 2 * HOUR])
        more = {"groups": self.some(["staff", "lab"]), "name": person.name, "email": person.email, "is_mfa": self.chance.random() < 0.7}
        lifecycle.sign_in(person, auth_time=now - timedelta(seconds=ago), now=now, **more)

    def sign_out(self, now):
        browsers = list(BrowserSession.objects.filter(ended_at=None).order_by("pk"))
        if browsers:
            browser = self.chance.choice(browsers)
            lifecycle.sign_out(browser.user, browser.pk, now=now)

    def disable(self, now):
        lifecycle.disable_user(self.chance.choice(self.people), actor=None, now=now)

    def enable(self, now):
        for person in self.people:
            person.refresh_from_db()
            if not person.is_active:
                lifecycle.enable_user(person, actor=None, now=now)

    def allowed(self):
        """Return the doors that `decide` opens now, and the ways of the packets behind them."""
        pairs = [(device, resource) for device in self.devices.values() for resource in self.resources]
        now, doors, ways = timezone.now(), set(), set()
        known = facts.facts_of_all(pairs, now)
        for device, resource in pairs:
            if not decide(known[device.pk, resource.pk], now):
                continue
            for door, way in self._ways(device, resource):
                doors.add(door)
                ways.add(way)
        return doors, ways

    def told(self):
        """Return the ways that the audit log says are open at this moment: the log alone, not the rows."""
        devices, resources = ({each.pk: each for each in named} for named in (self.devices.values(), self.resources))
        now, ways = timezone.now(), set()
        for reach in facts.reaches_at(now):
            if reach.until and reach.until > now:
                opened = {way for _door, way in self._ways(devices[reach.device_id], resources[reach.resource_id])}
                ways |= opened | {way._replace(protocol="icmp", port=0) for way in opened}  # errors about an admitted flow
        return frozenset(ways)

    def _ways(self, device, resource):
        placement = resource.placements.get()
        for port in resource.ports.all():
            for version, address in ((4, device.address_v4), (6, device.address_v6)):
                overlay, target = getattr(placement, f"overlay_v{version}"), getattr(placement, f"target_v{version}")
                if overlay:
                    yield Door(device.name, port.protocol, overlay, port.first), Way(address, target, port.protocol, port.first)

    def doors(self):
        """Return every door there is to knock at, by device."""
        placed = Placement.objects.values_list("overlay_v4", "overlay_v6")
        addresses = [address for pair in placed for address in pair if address] + [address for host in HOSTS for address in host]
        return {name: [Door(name, *door[:1], to, door[1]) for to in addresses for door in DOORS] for name in self.devices}


@contextmanager
def a_lab(suffix):
    """Three devices, a PEP and hosts behind it, in namespaces of their own."""
    if why_not():
        pytest.skip(f"no lab here: {why_not()}")
    with Gate(suffix=suffix) as gate:
        gate.add_device("tablet", 4, peer=False)
        yield gate


@contextmanager
def a_house(lab, seed, directory, settings, pyz, kind=House):
    """Begin anew: nobody there, an empty kernel behind its guards, an agent that remembers nothing. Nothing of it stays."""
    directory.mkdir()
    settings.PEP_ARGV = {"pep-1": lab.argv("pep", agent_argv(pyz, lab.write_config(directory / "agent.json")))}
    lab.clean()
    lab.load_guards()
    try:
        with transaction.atomic():
            yield kind(lab, seed)
            transaction.set_rollback(True)
    finally:
        transport.POOL.close()
