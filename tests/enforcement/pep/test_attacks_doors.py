"""Doors that must stay shut, tried with live traffic: every way around a resource, and every way in behind it."""

import pytest

from enforcement.pep import ruleset
from tests.lab import (
    LAN,
    LAPTOP,
    OTHER_LAN,
    OVERLAY_RULES,
    OWN,
    PEP_LAN,
    PEP_RESOURCE,
    PHONE,
    RESOURCE,
    UNLISTED,
    PepLab,
    address,
    doors,
    fileshare,
    needs_namespaces,
    on_the_pep,
    streams_to,
    without,
)

pytestmark = [needs_namespaces, pytest.mark.lab]


@pytest.fixture(scope="module")
def lab():
    with PepLab() as lab:
        yield lab


@pytest.fixture(autouse=True)
def _laptop_is_admitted(lab):
    """Start from a whole PEP, on which the laptop may use the fileshare and the phone nothing."""
    lab.nft("flush ruleset")
    lab.load_guards()
    lab.nft(ruleset.table(lab.caps, (fileshare(), on_the_pep())))
    lab.forget_flows()
    lab.admit("fileshare", lab.devices["laptop"])
    yield
    lab.stop_streams()


def check_opens(lab, host, *tried):
    assert lab.probe(host, *tried) == ["connected"] * len(tried)


def check_refuses(lab, host, *tried, seconds=0.3):
    answers = lab.probe(host, *tried, seconds=seconds)
    assert "connected" not in answers, dict(zip([str(door) for door in tried], answers, strict=True))
    return set(answers)


INWARD = [
    *doors(*LAN, *OTHER_LAN, *OWN, *PEP_LAN),
    *doors(*LAN, *OWN, kind="udp", port=137),
    *doors(*LAN, *OWN, *PEP_LAN, kind="ping"),
]
OUTWARD = doors(*LAPTOP, *PHONE, kind="ping")


def test_without_rules_every_door_of_this_file_is_open(lab):
    """Show that the probes can succeed: what follows refuses because of the ruleset."""
    lab.open_wide()
    check_opens(lab, "laptop", *INWARD, *doors(*PHONE, kind="ping"))
    check_opens(lab, "lan", *OUTWARD)
    check_opens(lab, "pep", *OUTWARD)


def test_an_admitted_device_reaches_the_resource_and_nothing_else(lab):
    check_opens(lab, "laptop", *doors(*RESOURCE), *doors(*RESOURCE, kind="udp", port=137))
    unlisted = [*doors(*RESOURCE, port=UNLISTED), *doors(*RESOURCE, port=445, kind="udp"), *doors(*RESOURCE, kind="ping")]
    assert check_refuses(lab, "laptop", *INWARD, *unlisted, *doors(*PEP_RESOURCE), *doors(*PHONE, kind="ping"), seconds=3) == {"refused"}


def test_a_device_without_a_grant_is_told_no_at_once(lab):
    tried = [*doors(*RESOURCE, *PEP_RESOURCE), *doors(*RESOURCE, *PEP_RESOURCE, kind="udp", port=137)]
    assert check_refuses(lab, "phone", *tried, *INWARD, seconds=3) == {"refused"}


def test_lan_hosts_and_the_pep_cannot_reach_devices(lab):
    tried = [*OUTWARD, *doors(*LAPTOP), *doors(*LAPTOP, kind="udp", port=137)]
    check_refuses(lab, "lan", *tried, *doors(*RESOURCE, *PEP_RESOURCE, *OWN))
    check_refuses(lab, "pep", *tried)


def test_a_resource_on_the_pep_opens_by_its_own_address_only(lab):
    lab.admit("pep-admin", lab.devices["phone"])
    check_opens(lab, "phone", *doors(*PEP_RESOURCE), *doors(*PEP_RESOURCE, kind="udp", port=137))
    check_refuses(lab, "phone", *doors(*OWN, *PEP_LAN, *RESOURCE), *doors(*PEP_RESOURCE, port=UNLISTED))


@pytest.mark.parametrize("family", [0, 1])
@pytest.mark.parametrize(("blow", "heard"), [("", 0), ("delete table inet lychgate", 0), ("flush ruleset", 1)])
def test_pushes_from_the_pep_reach_no_device(lab, family, blow, heard):
    lab.nft(blow)
    ear = lab.hear("laptop", "hear-udp", "5", LAPTOP[family], "5353")
    lab.tool("pep", "packets", "udp", OWN[family], "445", LAPTOP[family], "5353")
    assert ear.count(heard) == heard


def test_a_family_without_a_placement_has_no_rule(lab):
    lab.nft(ruleset.replace_resource(lab.caps, fileshare(), fileshare(overlay_v6=None, target_v6=None)))
    check_opens(lab, "laptop", *doors(RESOURCE[0]))
    check_refuses(lab, "laptop", *doors(RESOURCE[1], LAN[1]))
    assert "fileshare.v6" not in lab.run("pep", ["nft", "list", "ruleset"])


def test_the_guards_alone_let_nothing_pass(lab):
    lab.nft("delete table inet lychgate")
    check_refuses(lab, "laptop", *INWARD, *doors(*RESOURCE, *PHONE))
    check_refuses(lab, "lan", *OUTWARD)


@pytest.mark.parametrize("blow", ["delete table inet lychgate", "flush ruleset"])
def test_live_streams_end_when_the_table_goes(lab, blow):
    streams = lab.stream("laptop", *streams_to(RESOURCE), seconds=10)
    streams.wait_until_all_flow(8)
    lab.nft(blow)
    ended = streams.settle(0.3)
    assert streams.flows_after(ended) == set()


def test_after_a_flush_the_routing_guard_refuses(lab):
    lab.nft("flush ruleset")
    check_refuses(lab, "laptop", *doors(*LAN, *RESOURCE, *OTHER_LAN), *doors(*LAN, kind="ping"), *doors(*PHONE, kind="ping"))
    check_refuses(lab, "lan", *OUTWARD)


def test_the_flush_opens_everything_without_the_routing_guard(lab):
    lab.nft("flush ruleset")
    for version in ("-4", "-6"):
        lab.run("pep", ["ip", version, "-batch", "-"], "".join(f"rule del pref {pref}\n" for pref in range(100, 105)))
    check_opens(lab, "laptop", *doors(*LAN), *doors(*PHONE, kind="ping"))


@pytest.mark.parametrize("guarded", [True, False])
def test_a_renamed_wireguard_interface_passes_nothing(lab, guarded):
    """Only the overlay's prefixes in the guard still know whose packets these are."""
    lab.nft(ruleset.guard(lab.caps) if guarded else without(ruleset.guard(lab.caps), *OVERLAY_RULES))
    lab.ip("pep", [f"link set {lab.interface} name evil0"])
    try:
        answers = lab.probe("laptop", *doors(*LAN), seconds=0.6)
    finally:
        lab.ip("pep", [f"link set evil0 name {lab.interface}"])
    assert ("connected" in answers) is not guarded


def test_a_slug_that_ends_like_a_family_shares_nothing(lab):
    beside = fileshare(id=9, slug="fileshare-6", overlay_v4=address("10.89.65.4"), overlay_v6=address("fd89:0:0:1::4"))
    lab.nft(ruleset.add_resource(lab.caps, beside))
    lab.admit("fileshare-6", lab.devices["phone"])
    check_opens(lab, "phone", *doors("10.89.65.4", "fd89:0:0:1::4"))
    check_refuses(lab, "phone", *doors(*RESOURCE))
    check_refuses(lab, "laptop", *doors("10.89.65.4", "fd89:0:0:1::4"))


def test_packets_that_somebody_took_out_of_tracking_do_not_pass(lab):
    """Without a flow no question can be answered, so every rule that could admit is skipped."""
    check_opens(lab, "laptop", *doors(*RESOURCE))
    lab.nft("table inet foreign { chain first { type filter hook prerouting priority -350; notrack; }; }")
    check_refuses(lab, "laptop", *doors(*RESOURCE, *LAN), *doors(*RESOURCE, *LAN, kind="udp", port=137))


@pytest.mark.parametrize("host", ["laptop", "phone"])
def test_fragments_pass_for_the_admitted_device_only(lab, host):
    large = doors(*RESOURCE, kind="udp", port=137, size=4000)
    lab.probe(host, *large, seconds=0.2)  # the LAN host learns that answers must be smaller
    answers = lab.probe(host, *large)
    assert answers == ["connected" if host == "laptop" else "refused"] * 2


def test_one_device_opens_a_bounded_number_of_flows(lab):
    lab.nft(ruleset.table(lab.caps, (fileshare(),)).replace("ct count over 4096", "ct count over 5"))
    lab.admit("fileshare", lab.devices["laptop"], lab.devices["phone"])
    assert lab.probe("laptop", *doors(*[RESOURCE[0]] * 8, kind="udp", port=137)).count("connected") == 5
    check_opens(lab, "phone", *doors(*RESOURCE))
