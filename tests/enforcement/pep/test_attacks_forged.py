"""Attacks with forged packets and foreign rules (FACTS R29), each seen to succeed on a ruleset with the hole."""

import pytest

from enforcement.pep import ruleset
from enforcement.pep.state import Port
from tests.lab import (
    CLEAR_RULES,
    DIRECTION,
    LAN,
    LAPTOP,
    OTHER_LAN,
    REPLY_GATE,
    RESOURCE,
    UNLISTED,
    PepLab,
    doors,
    fileshare,
    needs_namespaces,
    without,
)

pytestmark = [needs_namespaces, pytest.mark.lab]

FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["v4", "v6"])
SCTP_INIT = "9c4001bd000000001a181cef01000014000000010000ffff0001000100000001"  # from 40000 to 445, as conntrack takes it


@pytest.fixture(scope="module")
def lab():
    with PepLab() as lab:
        yield lab


@pytest.fixture(autouse=True)
def _fresh(lab):
    lab.nft("flush ruleset")
    lab.load_guards()
    lab.forget_flows()


def load(lab, script, *admitted):
    lab.nft(script)
    for host in admitted or ["laptop"]:
        lab.admit("fileshare", lab.devices[host])


def table(lab, *placements):
    return ruleset.table(lab.caps, placements or (fileshare(),))


@FAMILIES
@pytest.mark.parametrize("holes", [(), ("clear", "direction"), ("clear", "gate"), ("direction", "gate"), ("clear", "direction", "gate")])
def test_a_lan_host_cannot_speak_as_an_admitted_device(lab, family, holes):
    """It begins a flow in the device's name; the replies would then reach any port of the device.

    Three things close it, each alone; only without all three does the datagram arrive.
    """
    closed_by = {"direction": DIRECTION, "gate": REPLY_GATE}
    load(lab, without(table(lab), *(pattern for hole in holes for pattern in closed_by.get(hole, ()))))
    lab.nft(without(ruleset.guard(lab.caps), *(CLEAR_RULES if "clear" in holes else ())))
    ear = lab.hear("laptop", "hear-udp", "5", LAPTOP[family], "5353")
    lab.tool("lan", "packets", "udp", LAPTOP[family], "5353", RESOURCE[family], "137")
    lab.tool("lan", "packets", "udp", RESOURCE[family], "137", LAPTOP[family], "5353")
    arrives = 1 if len(holes) == 3 else 0
    assert ear.count(arrives) == arrives


@pytest.mark.parametrize("gated", [True, False])
def test_a_foreign_dnat_steers_no_admitted_flow(lab, gated):
    load(lab, table(lab) if gated else without(table(lab), *REPLY_GATE))
    lab.nft(
        f"""table inet foreign {{ chain pre {{ type nat hook prerouting priority -110;
          ip daddr {RESOURCE[0]} dnat ip to {OTHER_LAN[0]}
          ip6 daddr {RESOURCE[1]} dnat ip6 to {OTHER_LAN[1]}
        }}; }}"""
    )
    assert lab.probe("laptop", *doors(*RESOURCE)) == ["refused" if gated else "connected"] * 2


@pytest.mark.parametrize("gated", [True, False])
def test_a_foreign_dnat_to_another_port_of_the_target_steers_nothing(lab, gated):
    load(lab, table(lab) if gated else without(table(lab), REPLY_GATE[1]))
    lab.nft(
        f"""table inet foreign {{ chain pre {{ type nat hook prerouting priority -110;
          ip daddr {RESOURCE[0]} tcp dport 445 dnat ip to {LAN[0]}:{UNLISTED}
          ip6 daddr {RESOURCE[1]} tcp dport 445 dnat ip6 to [{LAN[1]}]:{UNLISTED}
        }}; }}"""
    )
    assert lab.probe("laptop", *doors(*RESOURCE)) == ["refused" if gated else "connected"] * 2


@FAMILIES
@pytest.mark.parametrize("related", ["icmp errors only", "everything"])
def test_what_an_ftp_helper_expects_is_not_admitted(lab, family, related):
    ftp = fileshare(ports=(*fileshare().ports, Port("tcp", 21, 21)))
    hole = "insert rule inet lychgate device-access-policies ct status expected goto admit\n" if related == "everything" else ""
    load(lab, table(lab, ftp) + hole)
    lab.nft(
        """table inet foreign {
          ct helper ftp { type "ftp" protocol tcp; }
          chain pre { type filter hook prerouting priority 0; tcp dport 21 ct helper set "ftp"; }
        }"""
    )
    knocks = [
        {"kind": "ftp", "to": RESOURCE[family], "port": 21, "then": {"kind": "tcp", "to": to, "port": UNLISTED}}
        for to in (RESOURCE[family], LAN[family])
    ]
    answers = lab.probe("laptop", *knocks)
    expected = {"icmp errors only": {"refused"}, "everything": {"connected", "refused"}}
    assert set(answers) == expected[related]


@FAMILIES
@pytest.mark.parametrize(("sender", "hole", "arrives"), [("phone", False, 0), ("phone", True, 1), ("laptop", False, 1)])
def test_an_icmp_error_passes_from_an_admitted_device_only(lab, family, sender, hole, arrives):
    """The phone, without a grant, says "prohibited" about the laptop's flow; the laptop may say it."""
    load(lab, without(table(lab), r'(?<=iifname "LAB") ip6? saddr @\S+'.replace("LAB", lab.interface)) if hole else table(lab))
    assert lab.probe("laptop", *doors(RESOURCE[family], kind="udp", port=137, **{"from": LAPTOP[family], "sport": 40000})) == ["connected"]
    ear = lab.hear("lan", "hear-icmp-errors", "5", "46"[family])
    lab.tool(sender, "packets", "icmp-error", RESOURCE[family], RESOURCE[family], "137", LAPTOP[family], "40000", "udp")
    assert ear.count(arrives) == arrives


@FAMILIES
@pytest.mark.parametrize(("hole", "answer"), [((), "refused"), ((r"^.* ct state related iifname != .*$",), "silent")])
def test_an_icmp_error_of_the_lan_reaches_the_device_it_is_about(lab, family, hole, answer):
    """Without it a closed port's answer, and path MTU discovery, would be lost."""
    load(lab, without(table(lab, fileshare(ports=(Port("udp", 9, 9),))), *hole))
    assert lab.probe("laptop", *doors(RESOURCE[family], kind="udp", port=9), seconds=0.6) == [answer]


@FAMILIES
@pytest.mark.parametrize("packet", [("47",), ("41",), ("132", SCTP_INIT), ("253",)], ids=["gre", "6in4", "sctp", "experimental"])
@pytest.mark.parametrize("arrives", [0, 1])
def test_other_protocols_than_tcp_and_udp_do_not_pass(lab, family, packet, arrives):
    """Not even from an admitted device; one arrives where the port's question is taken out."""
    load(lab, table(lab) + "insert rule inet lychgate r7.ports goto r7.admit\n" * arrives)
    protocol, *payload = packet
    ear = lab.hear("lan", "hear-raw", "5", "46"[family], protocol)
    lab.tool("laptop", "packets", "raw", protocol, RESOURCE[family], *payload)
    assert ear.count(arrives) == arrives


@FAMILIES
def test_a_forged_mark_does_not_pass_and_others_bits_survive(lab, family):
    """Somebody sets every bit before us: ours are cleared, theirs arrive."""
    load(lab, table(lab))
    lab.nft(
        """table inet foreign {
          chain first { type filter hook prerouting priority -310; meta mark set 0xdaabcdef; }
          chain last { type filter hook postrouting priority 300; meta mark & 0x00ffffff == 0x00abcdef counter; }
        }"""
    )
    assert lab.probe("laptop", *doors(RESOURCE[family])) == ["connected"]
    assert "packets 0" not in lab.run("pep", ["nft", "list", "chain", "inet", "foreign", "last"])
    lab.nft("delete table inet lychgate")
    assert lab.probe("laptop", *doors(RESOURCE[family], LAN[family]), seconds=0.3) == ["silent", "silent"]


@FAMILIES
def test_a_device_cannot_send_with_the_address_of_another(lab, family):
    """WireGuard drops it before any rule sees it: the guard of R15."""
    load(lab, table(lab))
    spoofed = doors(RESOURCE[family], kind="udp", port=137, **{"from": LAPTOP[family]})
    ear = lab.hear("lan", "hear-udp", "5", LAN[family], "53")
    assert lab.probe("phone", *spoofed, seconds=0.3) == ["silent"]
    assert ear.count(0) == 0
