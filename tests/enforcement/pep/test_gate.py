"""The eye behind the PEP sees what comes through: with everything that closes taken away, the knocks are packets too many."""

import time

import pytest

from tests.enforcement.pep.gate import FILESHARE_AT, SHUT
from tests.lab import LAN, OTHER_LAN, PHONE
from tests.lab_ledger import Knocker, Ledger, excess

pytestmark = pytest.mark.lab


def test_without_rules_the_ledger_names_every_knock(gate):
    gate.open_wide()
    ledger = Ledger(gate)
    knocker = Knocker(gate, "phone", SHUT)
    time.sleep(0.4)
    counts = knocker.stop()
    many = excess(ledger.close(), ledger.timeline)
    direct = {(to, port) for to in (*LAN, *OTHER_LAN) for port in (445,)} | {(to, 137) for to in LAN}
    assert {packet.way[:2] for packet in many} <= {(source, to) for source in PHONE for to in (*LAN, *OTHER_LAN)}
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
