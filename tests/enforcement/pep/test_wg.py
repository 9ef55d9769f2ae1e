"""Peers as arguments of wg, and what its dump says."""

import ipaddress

import pytest

from enforcement.pep import wg
from enforcement.pep.state import Peer
from tests.enforcement.pep.agents import key

ALICE = Peer(key(2), (ipaddress.ip_address("10.89.0.2"), ipaddress.ip_address("fd89::2")))
HEAD = f"{key(9)}\t{key(8)}\t51820\toff\n"


def line(peer_key=ALICE.key, allowed="10.89.0.2/32,fd89::2/128", handshake=0):
    return f"{peer_key}\t(none)\t198.51.100.9:1234\t{allowed}\t{handshake}\t10\t20\toff\n"


def test_a_peers_addresses_are_exactly_its_devices():
    assert list(wg.put("wg0", [ALICE])) == [["/usr/bin/wg", "set", "wg0", "peer", ALICE.key, "allowed-ips", "10.89.0.2/32,fd89::2/128"]]


def test_a_peer_without_addresses_is_emptied():
    assert next(wg.put("wg0", [Peer(key(2), ())]))[-1] == ""


def test_peers_are_removed_by_key():
    assert list(wg.drop("wg0", [key(2)])) == [["/usr/bin/wg", "set", "wg0", "peer", key(2), "remove"]]


def test_many_peers_take_few_calls():
    assert len(list(wg.drop("wg0", [key(n) for n in range(1001)]))) == 3


def test_no_peers_take_no_call():
    assert list(wg.put("wg0", [])) == list(wg.drop("wg0", [])) == []


def test_a_dump_is_read_back():
    seen = wg.parse(HEAD + line(handshake=1_800_000_000))
    assert (seen.public_key, seen.peers, seen.odd) == (key(8), (ALICE,), frozenset())
    assert seen.handshakes == {ALICE.key: 1_800_000_000}


def test_an_interface_without_key_or_peers_is_read_back():
    seen = wg.parse("(none)\t(none)\t0\toff\n")
    assert (seen.public_key, seen.peers, seen.handshakes) == (None, (), {})


def test_a_peer_without_addresses_is_read_back():
    assert wg.parse(HEAD + line(allowed="(none)")).peers == (Peer(ALICE.key, ()),)


@pytest.mark.parametrize("allowed", ["0.0.0.0/0", "10.89.0.2/32,10.89.0.0/24", "::/0"])
def test_more_than_single_addresses_are_odd(allowed):
    assert wg.parse(HEAD + line(allowed=allowed)).odd == {ALICE.key}
