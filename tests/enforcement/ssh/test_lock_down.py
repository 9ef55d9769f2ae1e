"""A PEP that is locked down, over a real sshd: from outside only WireGuard answers, and nobody is locked out by it."""

import json
import re
import time

import pytest
from django.utils import timezone

from enforcement import lock_down
from enforcement.models import Alarm, Drift, PepStatus
from enforcement.pep.lockdown import TRIAL_SECONDS
from enrollment.models import AuditEvent, Notice
from tests import factories
from tests.enforcement.ssh.inside import ADMIN, OWN
from tests.far import BOOT, PATIENCE, PORTAL
from tests.lab import PYTHON, TOOLS

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

ELSEWHERE = "203.0.113.250"
SSH, WEB, NAMES = 22, 8080, 5353  # what listens there; the web and the names on purpose, as something that was forgotten
UNUSED = (1, 80, 443, 3389, 8443, 51820, 65535)
SERVE = f"""
import socket, threading, time
web = socket.create_server(("", {WEB}), family=socket.AF_INET6, dualstack_ipv6=True)
names = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
names.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
names.bind(("::", {NAMES}))
def echo():
    while True:
        names.sendto(*names.recvfrom(100))
threading.Thread(target=echo, daemon=True).start()
print("ready", flush=True)
time.sleep(600)
"""
COUNT = "table inet answers {{\n chain input {{\n type filter hook input priority 0\n{0}\n}}\n}}\n"
NEIGHBOURS = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }"


class Outsider:
    """A host outside, that knows the PEP by these addresses."""

    def __init__(self, far, host, addresses):
        self.far, self.host, self.addresses = far, host, addresses

    def probe(self, *kinds, ports=(SSH, WEB, NAMES, *UNUSED)):
        """Try the doors, and say of each what became of it."""
        doors = [{"kind": kind, "to": to, "port": port} for kind in kinds for port in ports for to in self.addresses]
        said = json.loads(self.far.run(self.host, [*PYTHON, str(TOOLS / "probe.py"), "1", json.dumps(doors)]))
        return list(zip(doors, said, strict=True))

    def sees(self, *kinds, **more):
        """Return what answers there, in whatever way: (kind, port)."""
        return {(door["kind"], door["port"]) for door, answer in self.probe(*kinds, **more) if answer != "silent"}

    def opens(self, *kinds, **more):
        """Return what lets it in, rather than refuse it."""
        return {(door["kind"], door["port"]) for door, answer in self.probe(*kinds, **more) if answer == "connected"}

    def scan(self, step):
        """Knock everywhere over TCP and UDP, and return how many packets came back, other than those that find a neighbour."""
        v4, v6 = self.addresses
        counters = f"ip saddr {v4} counter\n{NEIGHBOURS} accept\nip6 saddr {v6} counter"
        self.far.run(self.host, ["nft", "-f", "/dev/stdin"], COUNT.format(counters))
        self.far.run(self.host, [*PYTHON, str(TOOLS / "scan.py"), "1", "65535", str(step), *self.addresses], seconds=300)
        time.sleep(0.5)
        listed = self.far.run(self.host, ["nft", "list", "table", "inet", "answers"])
        self.far.run(self.host, ["nft", "delete", "table", "inet", "answers"])
        return [int(packets) for packets in re.findall(r"counter packets (\d+)", listed)]


@pytest.fixture
def stranger(far):
    outsider = Outsider(far, "stranger", far.add_outsider("stranger", 50))
    serving = far.popen("pep", ["/usr/bin/python3", "-I", "-c", SERVE])
    assert serving.stdout.readline() == "ready\n"
    return outsider


@pytest.fixture
def set_up(world, far, bootstrap, confirm):
    """Set pep-1 up with these options, and greet it once."""

    def do(**options):
        confirm(bootstrap(**options))
        far.start_sshd()
        assert world.reconcile().error == ""
        return world

    return do


@pytest.fixture
def dave(world):
    return factories.a_person("dave", groups=[factories.ADMINS], now=world.now)


@pytest.fixture
def lock(world, dave):
    """Lock it down as an admin and a worker do; return what stands on its page then."""

    def do():
        lock_down.ask(world.pep, actor=dave, now=timezone.now())
        lock_down.attempt(world.pep.pk, timezone.now())
        return world.status()

    return do


def verbs():
    return list(AuditEvent.objects.filter(verb__contains="lock").order_by("seq").values_list("verb", flat=True))


def left(far):
    listed = json.loads(far.sh("nft -j list set inet lychgate-lock locked"))
    return [element["elem"]["expires"] for element in listed["nftables"][1]["set"].get("elem", [])]


def test_from_outside_only_wireguard_answers(set_up, far, stranger, lock, own_ssh, tunnels, shell, rounds):
    site = set_up(workers=[PORTAL])
    site.grant(resource=own_ssh())
    site.grant(device=tunnels()["erins"])  # a tunnel that lives, and leads to the fileshare only
    assert site.reconcile().error == ""
    assert {("tcp", SSH), ("tcp", WEB), ("udp", NAMES), ("tcp", 80)} <= stranger.sees("tcp", "udp")
    assert stranger.sees("ping", ports=(0,)) == {("ping", 0)}
    step = rounds(211, 1)
    assert min(stranger.scan(step)) > 65535 // step

    before = shell("visitor", to=far.add_outsider("visitor", 51)[0])
    assert before.first == "tick\n"

    assert lock().lock == PepStatus.Lock.LOCKED

    assert stranger.sees("tcp", "udp") == set()
    assert stranger.sees("ping", ports=(0,)) == set()
    assert stranger.scan(step) == [0, 0]
    assert site.reconcile().error == ""  # the workers get in
    assert shell("laptop").first == "tick\n"  # and who was granted it, through the tunnel
    inside = Outsider(far, "erins", (*OWN, *ADMIN))
    assert inside.opens("tcp", "udp") == set()
    assert before.process.wait(PATIENCE) == 255  # who had come in by a door that is closed now is out
    assert verbs() == ["pep.lock_down_asked", "pep.locked_down"]


def test_where_no_worker_would_get_in_the_pep_opens_again_by_itself(set_up, far, stranger, lock, settings):
    site = set_up(keep_open=[f"{ELSEWHERE}=tcp/{SSH}"])
    settings.PEP_TIMEOUT_SECONDS = 8
    status = lock()
    assert (status.lock, "no new connection got in" in status.lock_words) == (PepStatus.Lock.OPEN, True)
    assert stranger.sees("tcp", ports=(SSH,)) == set()
    assert all(0 < seconds <= TRIAL_SECONDS for seconds in left(far))
    assert verbs() == ["pep.lock_down_asked", "pep.lock_down_failed"]
    far.sh("nft flush set inet lychgate-lock locked")  # the minute is over
    assert stranger.sees("tcp", ports=(SSH,)) == {("tcp", SSH)}
    assert site.reconcile().error == ""
    assert site.status().lock == PepStatus.Lock.OPEN


@pytest.mark.slow
def test_it_opens_again_within_a_minute(set_up, far, stranger, lock, settings, figure):
    set_up(keep_open=[f"{ELSEWHERE}=tcp/{SSH}"])
    settings.PEP_TIMEOUT_SECONDS = 8
    began = time.monotonic()
    assert lock().lock == PepStatus.Lock.OPEN
    while not stranger.sees("tcp", ports=(SSH,)):
        assert time.monotonic() < began + TRIAL_SECONDS + 10
    figure("from the trial to open again", time.monotonic() - began, TRIAL_SECONDS + 5)
    assert left(far) == []


def test_it_outlives_a_boot(set_up, far, stranger, lock):
    site = set_up(workers=[PORTAL])
    lock()
    far.cut_power()
    far.run("pep", [BOOT, "guards"])
    assert stranger.sees("tcp", "udp") <= {("udp", 51820)}  # an error: there is no WireGuard yet, nor has a pass been
    far.run("pep", [BOOT, "wireguard"])
    assert site.reconcile().error == ""
    assert (stranger.sees("tcp", "udp"), site.status().lock) == (set(), PepStatus.Lock.LOCKED)


def test_what_tampers_with_it_is_put_back_and_said(set_up, far, stranger, lock):
    site = set_up(workers=[PORTAL])
    lock()
    site.reconcile()
    far.sh("nft delete table inet lychgate-lock")
    assert stranger.sees("tcp", ports=(SSH,)) == {("tcp", SSH)}
    site.reconcile()
    assert stranger.sees("tcp", ports=(SSH,)) == set()
    assert Drift.objects.get().words == "the lock-down was changed or ended by hand; put back"
    assert site.status().lock == PepStatus.Lock.LOCKED


def test_root_on_the_pep_ends_it_and_admins_are_told_until_they_answer(set_up, far, stranger, lock, dave):
    site = set_up(workers=[PORTAL])
    lock()
    site.reconcile()
    assert "not locked down any more" in far.run("pep", [BOOT, "unlock"])
    assert stranger.sees("tcp", ports=(SSH,)) == {("tcp", SSH)}
    site.reconcile()
    site.reconcile()
    assert (site.status().lock, site.status().lock_words) == (PepStatus.Lock.LOST, lock_down.LOST)
    assert Alarm.objects.get(since__isnull=False).kind == Alarm.Kind.LOCK
    assert Notice.objects.filter(subject__contains="is not locked down any more").count() == 1
    assert verbs() == ["pep.lock_down_asked", "pep.locked_down", "pep.lock_down_lost"]
    lock_down.leave_open(site.pep, actor=dave, reason="it moves house", now=timezone.now())
    site.reconcile()
    assert site.status().lock == PepStatus.Lock.OPEN
    assert lock().lock == PepStatus.Lock.LOCKED


def test_the_script_run_again_keeps_it_locked_and_takes_other_workers_over(set_up, far, stranger, lock, script):
    set_up(workers=[PORTAL])
    lock()
    assert "nothing had to be changed" in far.install(script(workers=[PORTAL]))
    far.install(script(workers=[PORTAL], keep_open=[f"203.0.113.0/24=tcp/{WEB}"]))
    assert stranger.sees("tcp", "udp") == {("tcp", WEB)}
