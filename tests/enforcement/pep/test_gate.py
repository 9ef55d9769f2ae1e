"""The eye behind the PEP sees what comes through: with everything that closes taken away, the knocks are packets too many."""

import time

import pytest

from tests.enforcement.pep.gate import FILESHARE_AT, SHUT, WIKI_AT
from tests.lab import LAN, LAPTOP, OTHER_LAN, OWN, PEP_LAN, PHONE, PYTHON, TOOLS
from tests.lab_ledger import Knocker, Ledger, excess, ways

pytestmark = pytest.mark.lab


def test_without_rules_the_ledger_names_every_knock(gate):
    gate.open_wide()
    ledger = Ledger(gate)
    knocker = Knocker(gate, "phone", SHUT)
    time.sleep(0.4)
    counts = knocker.stop()
    everything = excess(ledger.close(), ledger.timeline)
    many = [packet for packet in everything if packet.way.source in PHONE]  # the laptop may still be closing what a test before had open
    direct = {(to, port) for to in (*LAN, *OTHER_LAN) for port in (445,)} | {(to, 137) for to in LAN}
    assert {packet.way[:2] for packet in many} <= {(source, to) for source in PHONE for to in (*LAN, *OTHER_LAN)}
    assert {packet.way.source for packet in everything} <= {*PHONE, *LAPTOP}
    assert {(packet.way.destination, packet.way.port) for packet in many} == direct
    assert min(counts) > 3
    gate.sh("nft flush ruleset")
    gate.load_guards()


def test_with_the_guards_alone_the_ledger_stays_empty(gate):
    gate.sh("nft flush ruleset")
    gate.load_guards()
    ledger = Ledger(gate)
    knocker = Knocker(gate, "phone", [*SHUT, *({"kind": "udp", "to": to, "port": 137} for to in FILESHARE_AT)])
    time.sleep(0.4)
    assert min(knocker.stop()) > 3
    assert ledger.close() == []


def test_a_scan_by_a_device_with_one_resource_finds_that_resource_only(gate, pep, ledger, rounds):
    """Every address it could know, ports all over the range (all of them with --full), TCP and UDP, in both families."""
    wanted = gate.document(phone=())
    pep.apply(wanted)
    step, listed = rounds(211, 1), {445, 139, 137, 138}
    for first in sorted({1, *listed}):
        last = first if first in listed else 65535
        scan = [*PYTHON, str(TOOLS / "scan.py"), str(first), str(last), str(step)]
        gate.run("laptop", [*scan, *FILESHARE_AT, *WIKI_AT, *LAN, *OTHER_LAN, *OWN, *PEP_LAN, *PHONE], seconds=300)
    arrived = {packet.way for packet in ledger.packets() if packet.way.protocol != "icmp"}
    assert arrived == {way for way in ways(wanted) if way.protocol != "icmp"}
