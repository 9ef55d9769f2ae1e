"""Random resources, terms, grants and times, from the verbs to a real kernel: what passes is what `decide` allows, no more, no less.

Each device knocks at every door of every resource, listed or not, in both families, over TCP and UDP, and past the
PEP's translation at the hosts themselves. What passed is told twice: by the answers, and by the ledger behind the PEP.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
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
from tests.lab_ledger import Ledger, Way

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

SERVED = (("tcp", 139), ("tcp", 445), ("udp", 137), ("udp", 138))
DOORS = (*SERVED, ("tcp", UNLISTED))
STEPS = 2
HOSTS = (LAN, OTHER_LAN)
SLUGS = ("fileshare", "wiki", "printer", "backup")
SOON, SHORT = 400, 3  # seconds: a start that no probe sees come, and an end that each waits for
PATIENCE = 30.0  # seconds that a tunnel may need to shake hands again


class Door(NamedTuple):
    """Who knocks, and where."""

    device: str
    kind: str
    to: str
    port: int


class House:
    """One random world behind the lab's PEP."""

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

    def live(self):
        """Ask, approve, revoke, suspend, resume, sign in, disable: whatever chance says, and then look."""
        acts = (
            [self.grant] * 14
            + [self.revoke] * 2
            + [self.suspend, self.resume, self.sign_in, self.sign_in, self.sign_out, self.disable, self.enable]
        )
        for act in self.chance.sample(acts, 12):
            try:
                with transaction.atomic():
                    act(timezone.now())
            except (Refused, Conflict):
                continue
        turns.mark_due([self.pep.pk])
        outcome = reconcile.reconcile(self.pep.pk, timezone.now())
        assert outcome.error == ""
        time.sleep(SHORT + 0.5)  # what was short has ended by the kernel alone

    def grant(self, now):
        owner, resource = self.chance.choice(self.people), self.chance.choice(self.resources)
        own = [device for device in self.devices.values() if device.owner_id == owner.pk]
        starts_at = now + timedelta(seconds=SOON) if self.chance.random() < 0.2 else None
        seconds = self.chance.choice([SHORT, HOUR, HOUR, 2 * HOUR])
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
            placement = resource.placements.get()
            for port in resource.ports.all():
                for version, address in ((4, device.address_v4), (6, device.address_v6)):
                    overlay, target = getattr(placement, f"overlay_v{version}"), getattr(placement, f"target_v{version}")
                    if overlay:
                        doors.add(Door(device.name, port.protocol, overlay, port.first))
                        ways.add(Way(address, target, port.protocol, port.first))
        return doors, ways

    def doors(self):
        """Return every door there is to knock at, by device."""
        placed = Placement.objects.values_list("overlay_v4", "overlay_v6")
        addresses = [address for pair in placed for address in pair if address] + [address for host in HOSTS for address in host]
        return {name: [Door(name, *door[:1], to, door[1]) for to in addresses for door in DOORS] for name in self.devices}


def knock(lab, doors):
    """Knock at all of a device's doors at once; return those that answered."""
    specs = [{"kind": door.kind, "to": door.to, "port": door.port} for door in doors]
    answers = json.loads(lab.tool(doors[0].device, "probe", "1.5", json.dumps(specs)))
    return {door for door, answer in zip(doors, answers, strict=True) if answer == "connected"}


def what_passes(lab, doors, allowed):
    """Knock until all that is allowed has answered, or for as long as tunnels may need; return all that ever did."""
    passed, until = set(), time.monotonic() + PATIENCE
    with ThreadPoolExecutor() as pool:
        while True:
            passed |= set().union(*pool.map(lambda each: knock(lab, each), doors.values()))
            if passed >= allowed or time.monotonic() > until:
                return passed


@pytest.fixture(scope="module")
def lab():
    if why_not():
        pytest.skip(f"no lab here: {why_not()}")
    with Gate(suffix="r") as gate:
        gate.add_device("tablet", 4, peer=False)
        yield gate


@contextmanager
def a_house(lab, seed, directory, settings, pyz):
    """Begin anew: nobody there, an empty kernel behind its guards, an agent that remembers nothing. Nothing of it stays."""
    directory.mkdir()
    settings.PEP_ARGV = {"pep-1": lab.argv("pep", agent_argv(pyz, lab.write_config(directory / "agent.json")))}
    lab.clean()
    lab.load_guards()
    try:
        with transaction.atomic():
            yield House(lab, seed)
            transaction.set_rollback(True)
    finally:
        transport.POOL.close()


def test_what_passes_is_what_is_decided(lab, tmp_path, settings, pyz, rounds):
    seen = {"allowed": 0, "closed": 0}
    for seed in range(rounds(3, 60)):
        with a_house(lab, seed, tmp_path / str(seed), settings, pyz) as house:
            for _step in range(STEPS):
                house.live()
                lab.forget_flows()
                ledger = Ledger(lab)
                (allowed, ways), doors = house.allowed(), house.doors()
                passed = what_passes(lab, doors, allowed)
                arrived = {packet.way for packet in ledger.close() if packet.way.protocol != "icmp"}
                assert passed == allowed, f"seed {seed}: too many {passed - allowed}, lacking {allowed - passed}"
                assert arrived == ways, f"seed {seed}: too many {arrived - ways}, lacking {ways - arrived}"
                seen["allowed"] += len(allowed)
                seen["closed"] += sum(map(len, doors.values())) - len(allowed)
    assert min(seen.values()) > rounds(15, 300), seen
