"""Ways around: other interfaces, other spellings of an address, a full connection table. Each is seen to lead through where it may."""

import contextlib
import time

import pytest

from enforcement.pep import ruleset
from enforcement.pep.state import Port
from portal.demo.netns import LabError, Route, make_keys, unique_interface
from tests.lab import (
    CLEAR_RULES,
    DIRECTION,
    LAN,
    LAPTOP,
    OVERLAY_RULES,
    PHONE,
    REPLY_GATE,
    RESOURCE,
    UNDERLAY,
    PepLab,
    admission,
    doors,
    fileshare,
    needs_namespaces,
    streams_to,
    without,
)

pytestmark = [needs_namespaces, pytest.mark.lab]

FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["v4", "v6"])
MAPPED = f"::ffff:{LAN[0]}"
HEARD = "5353"  # a port of the LAN host that only a test listens to


@pytest.fixture(scope="module")
def lab():
    with PepLab() as lab:
        yield lab


@pytest.fixture(autouse=True)
def _laptop_is_admitted(lab):
    lab.nft("flush ruleset")
    lab.load_guards()
    lab.nft(ruleset.table(lab.caps, (fileshare(ports=(*fileshare().ports, Port("udp", int(HEARD), int(HEARD)))),)))
    lab.forget_flows()
    lab.admit("fileshare", lab.devices["laptop"])
    yield
    lab.stop_streams()


@pytest.mark.parametrize("holes", [(), ("clear", "direction"), ("clear", "gate"), ("clear", "direction", "gate")], ids="+".join)
@FAMILIES
def test_a_lan_host_opens_no_connection_in_an_admitted_devices_name(lab, family, holes):
    """Both ends of a simultaneous open come from the LAN: the second knocks at any port of the device."""
    closed_by = {"clear": (), "direction": DIRECTION, "gate": REPLY_GATE}
    lab.nft(without(ruleset.table(lab.caps, (fileshare(),)), *(pattern for hole in holes for pattern in closed_by[hole])))
    lab.nft(without(ruleset.guard(lab.caps), *(CLEAR_RULES if "clear" in holes else ())))
    lab.admit("fileshare", lab.devices["laptop"])
    ear = lab.hear("laptop", "hear-syn", "5", "46"[family])
    lab.tool("lan", "packets", "forged", "syn", LAPTOP[family], HEARD, RESOURCE[family], "445")
    lab.tool("lan", "packets", "forged", "syn", RESOURCE[family], "445", LAPTOP[family], HEARD)
    arrives = 1 if len(holes) == 3 else 0
    assert ear.count(arrives) == arrives


@pytest.mark.parametrize(
    ("sender", "destination", "port", "arrives"),
    [
        ("laptop", RESOURCE[1], HEARD, 1),
        ("laptop", RESOURCE[1], "5354", 0),
        ("laptop", LAN[1], HEARD, 0),
        ("phone", RESOURCE[1], HEARD, 0),
        ("phone", LAN[1], HEARD, 0),
    ],
)
def test_destination_options_hide_nothing(lab, sender, destination, port, arrives):
    ear = lab.hear("lan", "hear-udp", "5", LAN[1], port)
    source = lab.devices[sender].addresses[1]
    lab.tool(sender, "packets", "forged", "udp", source, "40000", destination, port, "options")
    assert ear.count(arrives) == arrives


@pytest.mark.parametrize("guarded", [True, False])
def test_an_ipv4_address_spelt_as_ipv6_leads_nowhere(lab, guarded):
    if not guarded:
        lab.open_wide()
    routes = [("laptop", f"{MAPPED}/128 dev {lab.devices['laptop'].interface}"), ("pep", f"{MAPPED}/128 via {LAN[1]} dev lan0")]
    with contextlib.ExitStack() as stack:
        for host, route in routes:
            lab.ip(host, [f"route add {route}"])
            stack.callback(lab.ip, host, [f"route del {route}"])
        lab.ip("lan", [f"addr add {MAPPED}/128 dev lo nodad"])
        stack.callback(lab.ip, "lan", [f"addr del {MAPPED}/128 dev lo"])
        ear = lab.hear("lan", "hear-udp", "5", "::", HEARD)
        lab.tool("laptop", "packets", "forged", "udp", LAPTOP[1], "40000", MAPPED, HEARD)
        assert ear.count(int(not guarded)) == int(not guarded)


@pytest.mark.parametrize("planted", [False, True])
def test_two_admitted_devices_do_not_meet_in_the_gateway(lab, planted):
    """In by WireGuard and out by WireGuard: an admission is about a resource, not about being inside."""
    lab.admit("fileshare", lab.devices["phone"])
    if planted:
        way = f'iifname "{lab.interface}" oifname "{lab.interface}" meta mark set meta mark or 0x5a000000 accept'
        lab.nft(f"insert rule inet lychgate forward {way}")
    answers = lab.probe("laptop", *doors(*PHONE, kind="ping"), *doors(*PHONE), seconds=0.5)
    assert answers == (["connected"] * 2 + ["refused"] * 2 if planted else ["refused"] * 4)


def test_a_resources_host_does_not_reach_itself_through_the_gateway(lab):
    assert "connected" not in lab.probe("lan", *doors(*RESOURCE), *doors(*RESOURCE, kind="udp", port=137), seconds=0.3)


@pytest.fixture
def second_tunnel(lab):
    """Another WireGuard interface on the PEP, beside ours, with a device of our overlay behind it."""
    interface, keys, addresses = unique_interface(), make_keys(), ("10.89.0.9", "fd89::9")
    lab.add_wireguard("pep", interface, keys, [], port=51821)
    visitor = lab.add_device("visitor", 9, peer=False)
    lab.add_peer("pep", interface, Route(visitor.keys.public, addresses))
    lab.ip("pep", [f"route add {address} dev {interface}" for address in addresses])
    lab.run("visitor", ["wg", "set", visitor.interface, "peer", lab.keys.public, "remove"])
    lab.add_peer("visitor", visitor.interface, Route(keys.public, ("0.0.0.0/0", "::/0"), f"{UNDERLAY[0]}1:51821", keepalive=20))
    return interface


def test_a_second_wireguard_interface_passes_nothing_of_the_overlay(lab, second_tunnel):
    for script, answers in ((ruleset.guard(lab.caps), {"silent"}), (without(ruleset.guard(lab.caps), *OVERLAY_RULES), {"connected"})):
        lab.nft(script)
        assert set(lab.probe("visitor", *doors(*LAN), seconds=0.8)) == answers


@pytest.fixture
def full_table(lab, tmp_path):
    """Eight streams of the laptop in the PEP's connection table, and beside them as many flows as it takes, none of which gives way."""
    most = int(lab.run("pep", ["sysctl", "-n", "net.netfilter.nf_conntrack_max"]))
    if most > 2**19:
        pytest.skip(f"this machine's table takes {most} flows to fill")
    streams = lab.stream("laptop", *streams_to(RESOURCE), seconds=30)
    streams.wait_until_all_flow(8, seconds=10, arrivals=10)
    flow = "-I -p udp -s 203.0.113.1 -d 10.{}.{}.{} --sport 1 --dport 2 -t 600 -u SEEN_REPLY,ASSURED\n"
    flows = tmp_path / "flows"
    flows.write_text("".join(flow.format(100 + n // 2**16, n // 2**8 % 2**8, n % 2**8) for n in range(most)))
    with contextlib.suppress(LabError):  # the last ones find no room
        lab.run("pep", ["conntrack", "-R", str(flows)])
    yield streams
    lab.forget_flows()


def test_a_full_connection_table_opens_nothing_and_keeps_the_deadline(lab, full_table):
    """A packet that cannot be tracked is dropped, not passed on without an answer to whose it is."""
    tried = [*doors(*RESOURCE, *LAN), *doors(*RESOURCE, kind="udp", port=137)]
    assert [set(lab.probe(host, *tried, seconds=0.6)) for host in ("laptop", "phone")] == [{"silent"}, {"silent"}]
    deadline = lab.admit("fileshare", lab.devices["laptop"], seconds=0.5)
    assert len(full_table.flows_after(deadline - 0.7)) == 8
    time.sleep(1)
    assert full_table.flows_after(deadline + 0.25) == set()


def test_fifty_thousand_admissions_that_end_together_end_on_time(lab):
    streams = lab.stream("laptop", *streams_to(RESOURCE), seconds=10)
    streams.wait_until_all_flow(8)
    crowd = ", ".join(f"10.89.{8 + number // 250}.{number % 250} timeout 4s" for number in range(50_000))
    name = ruleset.set_name("fileshare", 4)
    began = time.monotonic()
    lab.nft(f"add element inet lychgate {name} {{ {crowd} }}\n" + admission("fileshare", lab.devices["laptop"], 4))
    done = time.monotonic()
    time.sleep(4.3)
    lasts = [streams.last(stream) for stream in streams.arrivals]
    assert began + 3.5 < min(lasts) <= max(lasts) <= done + 4.25
