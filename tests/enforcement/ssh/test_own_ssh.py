"""The PEP's own SSH as a resource, over a real sshd: who was granted it gets in through the tunnel, until the deadline and no longer."""

import subprocess
import time

import pytest

from tests.enforcement.ssh.inside import ADMIN, OWN, place_on_the_pep
from tests.far import PEP

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

PATIENCE = 30


@pytest.fixture
def site(near, own_ssh, tunnels):
    """pep-1 with its SSH as a resource; alice's laptop and erin's, each with a tunnel."""
    near.pep_admin = own_ssh()
    near.erins = tunnels()["erins"]
    return near


@pytest.mark.parametrize("to", ADMIN)
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
