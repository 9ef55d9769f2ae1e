"""The PEP's own SSH as a resource, over a real sshd: who was granted it gets in through the tunnel, until the deadline and no longer."""

import subprocess
import time

import pytest

from enrollment import lifecycle
from enrollment.models import Placement
from portal.demo.netns import make_keys
from tests import factories
from tests.far import PEP, make_key

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

PATIENCE = 30
ADMIN_V4, ADMIN_V6 = "10.89.65.3", "fd89:0:0:1::3"
OWN = ("10.89.65.1", "fd89:0:0:1::1")
OPTIONS = (
    "-F",
    "none",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "BatchMode=yes",
    "-o",
    "ServerAliveInterval=2",
)
TICKS = "while echo tick; do sleep 0.05; done"


def place_on_the_pep(world, slug, port, overlay):
    resource = factories.a_resource(slug, ports=(("tcp", port),), now=world.now)
    where = {"overlay_v4": overlay[0], "target_v4": OWN[0], "overlay_v6": overlay[1], "target_v6": OWN[1], "is_on_pep": True}
    placement = Placement.objects.create(resource=resource, pep=world.pep, **where)
    lifecycle.estate_changed(placement, actor=None, verb="added", now=world.now)
    return resource


@pytest.fixture
def admins_key(tmp_path):
    """The key of whoever administers the gateway: another one than the workers'."""
    return make_key(tmp_path, "admin")


@pytest.fixture
def site(near, far, admins_key):
    """pep-1 with its SSH as a resource; alice's laptop and erin's, each with a tunnel."""
    far.path("/etc/ssh/sshd_config.d/admin.conf").write_text("AuthorizedKeysFile /etc/ssh/admin.pub\nPermitRootLogin prohibit-password\n")
    far.path("/etc/ssh/admin.pub").write_text(admins_key.with_suffix(".pub").read_text())
    far.restart_sshd()
    near.pep_admin = place_on_the_pep(near, "pep-admin", 22, (ADMIN_V4, ADMIN_V6))
    near.erins = factories.a_device(factories.a_person("erin", now=near.now), now=near.now)
    for host, device in (("laptop", near.laptop), ("erins", near.erins)):
        keys = make_keys()
        lifecycle.rotate_key(device, actor=device.owner, public_key=keys.public, key_origin="own", now=near.now)
        far.add_device(host, int(device.address_v4.rsplit(".", 1)[1]), keys, near.pep.public_key)
    return near


class Shell:
    """A session on the PEP that says something all the time."""

    def __init__(self, far, host, key, to=ADMIN_V4):
        argv = far.argv(host, ["ssh", *OPTIONS, "-o", "ConnectTimeout=5", "-i", str(key), f"root@{to}", TICKS])
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.first = self.process.stdout.readline()

    def last_tick(self):
        """Read to the end; return when the last line came, on the clock of deadlines."""
        at = time.time()
        for _line in self.process.stdout:
            at = time.time()
        return at

    def words(self):
        self.process.kill()
        return self.process.communicate()[1]


@pytest.fixture
def shell(far, admins_key):
    shells = []

    def start(host, **more):
        shells.append(Shell(far, host, admins_key, **more))
        return shells[-1]

    yield start
    for each in shells:
        each.process.kill()
        each.process.communicate()


@pytest.mark.parametrize("to", [ADMIN_V4, ADMIN_V6])
def test_who_was_granted_it_gets_in_and_nobody_else(site, shell, to):
    site.grant(resource=site.pep_admin)
    site.grant(device=site.erins)  # a tunnel that lives, and leads to the fileshare only
    assert site.reconcile().error == ""
    assert shell("laptop", to=to).first == "tick\n"
    assert (shell("erins", to=to).first, "refused" in shell("erins", to=to).words()) == ("", True)


def test_nobody_gets_in_by_the_gateways_own_addresses(site, shell):
    site.grant(resource=site.pep_admin)
    site.reconcile()
    assert shell("laptop").first == "tick\n"
    assert [shell("laptop", to=address).first for address in (*OWN, f"{PEP}")] == ["", "", ""]


def test_the_session_ends_with_the_grant_and_is_told(site, shell):
    grant = site.grant(8, resource=site.pep_admin)
    site.reconcile()
    session = shell("laptop")
    assert session.first == "tick\n"
    over = session.last_tick() - site.row(grant).until.timestamp()
    assert -1.5 <= over <= 1
    assert session.process.wait(PATIENCE) == 255
    assert "not responding" not in session.words()  # the next packet was answered with a reset


def test_a_revoke_ends_the_session_at_once(site, shell):
    grant = site.grant(resource=site.pep_admin)
    site.reconcile()
    session = shell("laptop")
    site.revoke(grant)
    site.reconcile()
    revoked = time.time()
    assert session.last_tick() <= revoked + 1
    assert session.process.wait(PATIENCE) == 255


def test_a_service_on_the_pep_is_a_resource_of_its_own(site, far, shell):
    """Its SSH is not part of it, nor it of its SSH."""
    status = place_on_the_pep(site, "status", 8080, ("10.89.65.4", "fd89:0:0:1::4"))
    far.popen(
        "pep", ["/usr/bin/python3", "-I", "-c", "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=8080, bind='0.0.0.0')"]
    )
    site.grant(resource=status)
    site.grant(resource=site.pep_admin, device=site.erins)
    site.reconcile()
    asks = "import urllib.request as u; print(u.urlopen('http://10.89.65.4:8080/', timeout=5).status)"
    until = time.monotonic() + PATIENCE
    while True:
        done = [
            subprocess.run(far.argv(host, ["/usr/bin/python3", "-I", "-c", asks]), capture_output=True, text=True, check=False)
            for host in ("laptop", "erins")
        ]
        if done[0].returncode == 0 or time.monotonic() > until:
            break
    assert [each.stdout for each in done] == ["200\n", ""]
    assert (shell("laptop").first, shell("erins").first) == ("", "tick\n")
