"""A device that shakes hands for real: its page says when, and under a new key it is heard anew.

WireGuard remembers the latest time that a device's clock showed, by its key: a clock that was ahead once makes
that key deaf, and a new one is the way out.
"""

import time

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from enforcement.models import Handshake
from enrollment import lifecycle
from portal.demo.netns import Route, make_keys, unique_interface
from tests.lab import PORT

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

UNDERLAY = ("198.51.100.1", "198.51.100.2")
PATIENCE = 30.0


@pytest.fixture(scope="module")
def tunnel(namespace):
    """Put a laptop beside the PEP; return the name of its WireGuard interface."""
    namespace.add_host("laptop")
    namespace.wire("laptop", "eth0", [f"{UNDERLAY[1]}/24"], to="pep", port="wan0")
    namespace.ip("pep", [f"addr add {UNDERLAY[0]}/24 dev wan0"])
    interface = unique_interface()
    namespace.add_wireguard("laptop", interface, make_keys(), ["10.89.0.2/32"])
    return interface


@pytest.fixture
def connect(world, tunnel):
    """Return a function that gives the laptop a new key, here and there, does a pass, and waits until the PEP has heard it."""

    def anew():
        keys, pep = make_keys(), world.gateway
        lifecycle.rotate_key(world.laptop, public_key=keys.public, key_origin="browser", actor=world.alice, now=timezone.now())
        world.reconcile()
        pep.run("laptop", ["wg", "set", tunnel, "private-key", "/dev/stdin"], keys.private)
        pep.add_peer("laptop", tunnel, Route(pep.keys.public, ("10.89.65.0/24",), f"{UNDERLAY[0]}:{PORT}", keepalive=1))
        until = time.monotonic() + PATIENCE
        while not (heard := heard_by(pep, keys.public)):
            assert time.monotonic() < until, "no handshake"
            time.sleep(0.1)
        world.reconcile()
        return heard

    return anew


def heard_by(pep, key):
    """Return when the PEP's kernel heard this key last, in seconds since 1970; 0 where it never did."""
    listed = pep.run("pep", ["wg", "show", pep.interface, "latest-handshakes"])
    return int(dict(line.split() for line in listed.splitlines()).get(key, 0))


def page(world):
    browser = Client()
    browser.force_login(world.alice)
    return browser.get(reverse("device", args=[world.laptop.pk])).text


def test_a_device_that_shook_hands_is_heard_on_its_page_and_anew_under_a_new_key(world, connect):
    grant = world.grant()
    first = connect()
    [row] = Handshake.objects.filter(device=world.laptop)
    assert row.at.timestamp() >= first
    assert f'pep-1: <time datetime="{row.at:%Y-%m-%dT%H:%M:%SZ}"' in page(world)
    time.sleep(1)  # WireGuard tells whole seconds
    again = connect()
    assert again > first
    [row] = Handshake.objects.filter(device=world.laptop)
    assert row.at.timestamp() >= again
    assert f'pep-1: <time datetime="{row.at:%Y-%m-%dT%H:%M:%SZ}"' in page(world)
    assert set(world.gateway.peers()) == {world.laptop.public_key}
    assert world.row(grant).heard_at == row.at
