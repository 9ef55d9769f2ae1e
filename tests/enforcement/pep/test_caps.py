"""The PEP owner's own file: what it may say, and what exceeds it."""

import ipaddress

import pytest

from enforcement.pep.caps import CapsError, parse_caps, refusals, within
from enforcement.pep.state import from_json
from tests.enforcement.pep.agents import ALICE, ERIN, FILESHARE, WIKI, key, placement, state
from tests.lab import agent_config

GOOD = agent_config("wg0")
BAD = {
    "a field too few": {name: GOOD[name] for name in list(GOOD)[1:]},
    "a field too many": GOOD | {"shell": "sh"},
    "a list": [],
    "a PEP without a name": GOOD | {"pep": ""},
    "an interface with a quote": GOOD | {"interface": 'wg0"'},
    "an interface that is too long": GOOD | {"interface": "w" * 16},
    "an interface that is a list": GOOD | {"lan_interfaces": "eth0"},
    "a pool outside the overlay": GOOD | {"device_pools": ["10.90.0.0/24"]},
    "resources among the devices": GOOD | {"resource_prefixes": ["10.89.1.0/24"]},
    "host bits": GOOD | {"overlay": ["10.89.0.1/16"]},
    "a host name": GOOD | {"own_addresses": ["localhost"]},
    "a target without ports": GOOD | {"targets": [{"prefix": "192.168.89.0/24"}]},
    "a port of ICMP": GOOD | {"targets": [{"prefix": "192.168.89.0/24", "ports": [["icmp", 1, 1]]}]},
    "a port range backwards": GOOD | {"targets": [{"prefix": "192.168.89.0/24", "ports": [["tcp", 9, 1]]}]},
    "no longest time": GOOD | {"longest_seconds": 0},
    "a time as text": GOOD | {"longest_seconds": "86400"},
    "a flag as number": GOOD | {"masquerade": 1},
    "a relative directory": GOOD | {"state_dir": "var/lib"},
    "a log group as text": GOOD | {"log_group": "5"},
}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_an_unclear_file_is_refused_with_a_sentence(value):
    with pytest.raises(CapsError) as refusal:
        parse_caps(value)
    assert len(str(refusal.value)) > 10


def test_prefixes_and_addresses_are_typed():
    caps = parse_caps(GOOD)
    assert caps.device_pools == (ipaddress.ip_network("10.89.0.0/18"), ipaddress.ip_network("fd89::/64"))
    assert caps.own_addresses[0] == ipaddress.ip_address("10.89.65.1")


def test_what_is_within_the_caps_is_not_refused():
    assert refusals(parse_caps(GOOD), from_json(state({ALICE: [FILESHARE], ERIN: [WIKI]}))) == ()


def test_what_hangs_on_a_refused_resource_is_refused_with_it():
    wanted = from_json(state({ALICE: [FILESHARE, WIKI]}, placements=[placement(), placement(WIKI, 8, target_v4="172.16.0.1")]))
    allowed = within(wanted, refusals(parse_caps(GOOD), wanted))
    assert [p.slug for p in allowed.placements] == [FILESHARE]
    assert {a.resource for a in allowed.admissions} == {FILESHARE}


def test_the_peps_own_address_is_no_devices():
    caps = parse_caps(GOOD | {"own_addresses": [ALICE[0]]})
    [refusal] = refusals(caps, from_json(state({ALICE: [FILESHARE]})))
    assert (refusal.kind, refusal.name) == ("peer", key(2))


def test_without_targets_only_the_pep_itself_is_allowed():
    caps = parse_caps(GOOD | {"targets": []})
    own = placement(WIKI, 8, target_v4="10.89.65.1", target_v6="fd89:0:0:1::1")
    refused = refusals(caps, from_json(state(placements=[placement(), own])))
    assert [refusal.name for refusal in refused] == [FILESHARE]
