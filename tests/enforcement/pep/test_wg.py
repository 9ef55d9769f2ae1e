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


def test_a_peer_that_was_heard_somewhere_is_called_there():
    called, *rest = wg.put("wg0", [ALICE], {ALICE.key: "198.51.100.9:1234", key(3): "198.51.100.10:1"})
    call = ["endpoint", "198.51.100.9:1234", "persistent-keepalive", "25"]
    assert called[3:] == [
        "peer",
        ALICE.key,
        *call,
        "allowed-ips",
        "10.89.0.2/32,fd89::2/128",
        "peer",
        ALICE.key,
        "persistent-keepalive",
        "0",
    ]
    assert rest == []


@pytest.mark.parametrize(
    ("where", "kept"),
    [("198.51.100.9:1234", True), ("[2001:db8::9]:1234", True), ("(none)", False), ("host.example:1", False), ("[fe80::1%eth0]:5", False)],
)
def test_only_a_plain_address_is_somewhere_to_call(where, kept):
    interface = wg.parse(HEAD + line(handshake=1000).replace("198.51.100.9:1234", where))
    assert wg.recent({}, interface, 1100) == ({ALICE.key: (where, 1000)} if kept else {})


def test_where_a_device_was_is_forgotten_with_its_session():
    before = wg.recent({}, wg.parse(HEAD + line(handshake=1000)), 1100)
    nobody = wg.parse(HEAD)
    assert (wg.recent(before, nobody, 1179), wg.recent(before, nobody, 1181)) == (before, {})
    assert wg.recent({}, wg.parse(HEAD + line(handshake=0)), 100) == {}


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
