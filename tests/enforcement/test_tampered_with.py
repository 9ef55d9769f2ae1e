"""Sweeps as often as they are shipped: what somebody does by hand on a PEP is set right and told within a minute.

What passes meanwhile is in pep/test_drift_traffic.py; here is how long it lasts.
"""

import re
import time

import pytest
from django.conf import settings
from django.utils import timezone

from enforcement.models import Drift
from enrollment.models import AuditEvent, User
from tests import factories
from tests.enforcement.pep.agents import SET, SET_V6, key
from tests.enforcement.sites import running_site, wait_for, wait_until
from tests.enforcement.world import BOTH

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]

ASKED, FLUSHED = 60, 20  # seconds; a sweep is every 10 s, and a pass takes less than as long again
STRANGER = key(77)
ELEMENTS = f"""
add element inet lychgate {SET} {{ 10.89.0.77 timeout 9h }}
delete element inet lychgate {SET} {{ 10.89.0.2 }}
add element inet lychgate {SET} {{ 10.89.0.2 timeout 9h }}
flush chain inet lychgate $CHAIN
delete set inet lychgate {SET_V6}
add set inet lychgate {SET_V6} {{ type ipv6_addr; }}
add element inet lychgate {SET_V6} {{ fd89::2 }}
$RULES
"""
PEERS = f"wg set $WG peer {STRANGER} allowed-ips 10.89.0.2/32; wg set $WG peer $PHONE remove"
KINDS = {
    *("element added", "element lengthened", "element made permanent", "table changed"),
    *("peer added", "peer removed", "addresses moved"),
}


@pytest.fixture
def held(gateway, granted, transactional_db):
    """Run a site on a PEP that holds grants of two devices; return the PEP, the devices, and when the laptop's access ends."""
    with running_site(gateway, {"pep-1": gateway.agent_argv}, LYCHGATE_SWEEP_SECONDS=str(settings.SWEEP_SECONDS)) as site:
        site.start()
        grant = granted(3600)
        laptop = grant.devices.get()
        phone = factories.a_device(User.objects.get(name="Alice"), "phone", now=timezone.now())
        for each in (grant, granted(3600, device=phone)):
            wait_for("in_force", each, seconds=60)
        yield gateway, laptop, phone, grant.ends_at


def tamper_with(gateway, phone):
    """Do all of it at once, as root: none of it is what the laptop and the phone were given."""
    chain = re.search(r"chain (r\d+\.v6) ", gateway.sh("nft list chains inet"))[1]
    rules = gateway.sh(f"nft -s list chain inet lychgate {chain}")
    gateway.run("pep", ["nft", "-f", "-"], ELEMENTS.replace("$CHAIN", chain).replace("$RULES", rules))
    gateway.sh(PEERS.replace("$WG", gateway.interface).replace("$PHONE", phone.public_key))


def test_what_is_changed_by_hand_is_set_right_and_told_within_a_minute_with_sweeps_as_shipped(held, figure):
    gateway, laptop, phone, ends = held
    tamper_with(gateway, phone)
    began = time.monotonic()
    wait_until(lambda: set(Drift.objects.values_list("kind", flat=True)) >= KINDS, seconds=ASKED)
    assert figure("from seven things done by hand to set right and told", time.monotonic() - began, ASKED) < ASKED
    assert gateway.peers() == {device.public_key: {f"{a}/{n}" for a, n in addresses(device)} for device in (laptop, phone)}
    assert gateway.admitted() == {a for device in (laptop, phone) for a, _ in addresses(device)}
    assert max(*gateway.elements().values(), *gateway.elements(SET_V6).values()) <= ends.timestamp() - time.time() + 1
    assert "10.89.0.77 was added to device-access-to-fileshare by hand" in told()
    gateway.sh("nft flush ruleset")
    began = time.monotonic()
    wait_until(Drift.objects.filter(kind="table missing").exists, seconds=ASKED)
    assert figure("from a flushed ruleset to healed and told", time.monotonic() - began, FLUSHED) < FLUSHED
    assert gateway.admitted() >= BOTH


def addresses(device):
    return (device.address_v4, 32), (device.address_v6, 128)


def told():
    return " | ".join(words for event in AuditEvent.objects.filter(verb="pep.drift") for words in event.data["words"])
