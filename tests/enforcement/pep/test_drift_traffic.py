"""Somebody is root on the PEP and changes things by hand, while devices stream and knock at every door.

For each tampering: what passes until it is healed is stated and held against every packet that came through; the next
pass heals it, says in words what it was, and the laptop's streams, which every document grants, go on or come back.
"""

import time
from dataclasses import dataclass, field

import pytest

from tests.enforcement.pep.agents import SET, Agent, check_in_force, kinds
from tests.enforcement.pep.gate import FILESHARE_AT, SHUT, STREAMS, WIKI_AT, Watched
from tests.lab import LAN, LAPTOP, OTHER_LAN, PHONE, UNLISTED, doors
from tests.lab_ledger import SLACK, Knocker, Ledger, Way, excess, late, ways

pytestmark = pytest.mark.lab

TAMPERED_SECONDS = 0.7
MARKED = "meta mark set meta mark and 0x80ffffff or 0x5a000000 accept"  # as our own table marks what it accepts
AGAIN = f"nft 'delete element inet lychgate {SET} {{ 10.89.0.2 }}; add element inet lychgate {SET} {{ 10.89.0.2 timeout %s }}'"
FILESHARE_PORTS = (("tcp", 139), ("tcp", 445), ("udp", 137), ("udp", 138), ("icmp", 0))
TO_FILESHARE = frozenset(Way(PHONE[0], LAN[0], *port) for port in FILESHARE_PORTS)
V4, V6 = {"tcp 10.89.65.7", "udp 10.89.65.7"}, {"tcp fd89:0:0:1::7", "udp fd89:0:0:1::7"}


@dataclass(frozen=True)
class Tampering:
    """A line for root's shell, the kinds of drift it is, and a part of the words that name it.

    `opens` may pass besides what is granted until it is healed; `cuts` are streams of the laptop that rest meanwhile, and
    those of them in `ends` do not come back by themselves. `closes_all`: not a single packet may come through.
    """

    command: str
    kinds: tuple[str, ...]
    words: str = ""
    opens: frozenset[Way] = field(default_factory=frozenset)
    cuts: frozenset[str] = frozenset()
    ends: frozenset[str] = frozenset()
    closes_all: bool = False


def all_of_them():
    """Return every way that a packet without a rule in its way would take."""
    ports = (("tcp", 445), ("udp", 137), ("tcp", UNLISTED), ("icmp", 0))
    families = [(PHONE[0], LAPTOP[0], (LAN[0], OTHER_LAN[0])), (PHONE[1], LAPTOP[1], (LAN[1], OTHER_LAN[1]))]
    return frozenset(Way(source, to, *port) for *sources, targets in families for source in sources for to in targets for port in ports)


EVERY = frozenset(V4 | V6)
TAMPERINGS = {
    "an element added": Tampering(
        f"nft 'add element inet lychgate {SET} {{ 10.89.0.3 timeout 1h }}'",
        ("element added",),
        "10.89.0.3 was added to device-access-to-fileshare by hand; removed",
        opens=TO_FILESHARE,
    ),
    "an element lengthened": Tampering(AGAIN % "5h", ("element lengthened",), "10.89.0.2 in device-access-to-fileshare was lengthened by"),
    "an element shortened": Tampering(AGAIN % "60s", ("element shortened",), "10.89.0.2 in device-access-to-fileshare was shortened by"),
    "an element deleted": Tampering(
        f"nft 'delete element inet lychgate {SET} {{ 10.89.0.2 }}'",
        ("element missing",),
        "10.89.0.2 was removed from device-access-to-fileshare by hand; put back",
        cuts=frozenset(V4),
        ends=frozenset(V4),  # the device is told no: a reset, or "prohibited"
    ),
    "a peer added": Tampering(
        "wg set $WG peer $VISITOR allowed-ips 10.89.0.4/32,fd89::4/128", ("peer added",), "the peer $VISITOR was added by hand; removed"
    ),
    "a peer removed": Tampering(
        "wg set $WG peer $LAPTOP remove", ("peer removed",), "the peer $LAPTOP was removed by hand; put back", cuts=EVERY
    ),
    "a peer that may send from anywhere": Tampering(
        "wg set $WG peer $PHONE allowed-ips 10.89.0.3/32,fd89::3/128,0.0.0.0/0,::/0",
        ("addresses moved",),
        "the addresses of the peer $PHONE were changed by hand; put back",
    ),
    "our table deleted": Tampering(
        "nft delete table inet lychgate", ("table missing",), "the table inet lychgate was deleted by hand", cuts=EVERY, closes_all=True
    ),
    "the guard table deleted": Tampering(
        "nft delete table inet lychgate-guard", ("guard missing",), "the guard table was deleted by hand; put back"
    ),
    "rules of the routing guard deleted": Tampering(
        "for pref in 100 101 102 103 104; do ip rule del pref $pref; ip -6 rule del pref $pref; done",
        ("routing guard changed",),
        "the routing rules down to the guard's were changed by hand",
    ),
    "everything flushed": Tampering(
        "nft flush ruleset", ("guard missing", "table missing"), "the guard table was deleted by hand", cuts=EVERY, closes_all=True
    ),
    "a rule that accepts everything": Tampering(  # without our mark the guard table drops it, granted or not
        "nft insert rule inet lychgate forward accept",
        ("table changed",),
        "the table inet lychgate was changed by hand; it was loaded again",
        cuts=EVERY,
        closes_all=True,
    ),
    "a rule that marks and accepts everything": Tampering(  # root said so, and until it is healed it is so
        f"nft 'insert rule inet lychgate forward {MARKED}'",
        ("table changed",),
        "the table inet lychgate was changed by hand; it was loaded again",
        opens=all_of_them(),
    ),
    "a resource retargeted": Tampering(  # the real target must answer: nothing new passes, old flows go on
        f"nft 'delete element inet lychgate targets {{ 10.89.65.7 }}; add element inet lychgate targets {{ 10.89.65.7 : {OTHER_LAN[0]} }}'",
        ("table changed",),
        "the table inet lychgate was changed by hand; it was loaded again",
    ),
    "a table of somebody else's": Tampering("nft 'add table inet theirs; add chain inet theirs c'", ()),
}


class Scene:
    """One PEP for the whole file: the agent's stream, knocks from both devices and from a visitor without any grant."""

    def __init__(self, gate, ledger, directory, pyz):
        self.gate, self.ledger, self.wanted = gate, ledger, gate.document(seconds=3600)
        self.visitor = gate.devices.get("visitor") or gate.add_device("visitor", 4, peer=False)
        self.agent = Agent(gate, directory, pyz)
        self.pep = Watched(lambda: self.agent, ledger)
        check_in_force(self.pep.apply(self.wanted), self.wanted)
        shut = [*SHUT, *doors(*FILESHARE_AT), *doors(*LAPTOP)]
        self.knockers = [Knocker(gate, host, shut) for host in ("phone", "visitor")]
        self.knockers += [Knocker(gate, "laptop", [*SHUT, *doors(*WIKI_AT)])]

    def named(self, text):
        keys = {"VISITOR": self.visitor.keys.public, "LAPTOP": self.key("laptop"), "PHONE": self.key("phone")}
        for name, value in {"WG": self.gate.interface, **keys}.items():
            text = text.replace(f"${name}", value)
        return text

    def key(self, host):
        return self.gate.devices[host].keys.public

    def heal(self):
        return self.pep.apply(self.wanted)

    def close(self):
        counts = [knocker.stop() for knocker in self.knockers]
        self.agent.close()
        packets = self.ledger.close()
        assert min(map(min, counts)) > 10, counts
        return packets


@pytest.fixture(scope="module")
def scene(gate, tmp_path_factory, pyz):
    gate.sh("nft flush ruleset; conntrack -F")
    gate.load_guards()
    scene = Scene(gate, Ledger(gate), tmp_path_factory.mktemp("scene"), pyz)
    yield scene
    scene.close()
    gate.sh("nft 'add table inet theirs; delete table inet theirs'")


@pytest.fixture
def streams(gate, scene):
    """The laptop's streams from the fileshare, and the agent having looked once while they flow."""
    streams = gate.stream("laptop", *STREAMS, seconds=60)
    streams.wait_until_all_flow(len(STREAMS), seconds=20)
    assert scene.heal()["drift"] == []
    yield streams
    gate.stop_streams()


@pytest.mark.parametrize("name", TAMPERINGS)
def test_no_packet_too_many_until_it_is_healed(gate, scene, streams, name):
    tampering, began = TAMPERINGS[name], time.time()
    scene.ledger.allow_also(tampering.opens)
    gate.sh(scene.named(tampering.command))
    tampered = time.monotonic()
    if tampering.closes_all:
        scene.ledger.allow(())
    time.sleep(TAMPERED_SECONDS)
    healing = time.monotonic()
    receipt = scene.heal()
    assert kinds(receipt) == list(tampering.kinds)
    assert scene.named(tampering.words) in " | ".join(drift["words"] for drift in receipt["drift"])
    check_in_force(receipt, scene.wanted)
    check_streams(streams, tampering, tampered + SLACK, healing)
    check_ledger(scene, began)
    after = scene.heal()
    assert (after["drift"], after["outcome"]) == ([], "unchanged")


def check_streams(streams, tampering, since, healing):
    """What is cut rests until it is healed and comes back within 3 s, but for what was reset; nothing else stops for a second."""
    until = time.monotonic() + 3
    alive = set(streams.arrivals) - tampering.ends
    while streams.flows_after(healing) < alive:
        assert time.monotonic() < until, streams.ends
        time.sleep(0.02)
    moment = streams.settle(0.1)
    until = time.monotonic() + 1  # a stream that was cut sends again when TCP finds it time to
    while streams.flows_after(moment) < alive and time.monotonic() < until:
        time.sleep(0.02)
    assert (streams.flows_after(moment), set(streams.ends)) == (alive, set(tampering.ends))
    for name, times in streams.arrivals.items():
        while_tampered = [t for t in times if since < t < healing]
        assert bool(while_tampered) is (name not in tampering.cuts), name
        if name not in tampering.cuts:
            assert streams.longest_gap(name, start=since - 1) < 1


def check_ledger(scene, began):
    time.sleep(0.1)
    packets = scene.ledger.packets(began)
    many = excess(packets, scene.ledger.timeline)
    assert not many, [(packet.way, round(late(packet, scene.ledger.timeline), 3)) for packet in many[:9]]
    assert any(packet.way in ways(scene.wanted) for packet in packets)


def test_an_element_made_permanent_ends_with_its_grant_again(gate, scene, streams):
    """A set of ours takes no permanent element: root must put another set in its place."""
    chain = gate.sh("nft -s list chain inet lychgate r7")
    other = f"add set inet lychgate {SET} {{ type ipv4_addr; }}\nadd element inet lychgate {SET} {{ 10.89.0.2, 10.89.0.66 }}\n"
    gate.nft(f"flush chain inet lychgate r7\ndelete set inet lychgate {SET}\n{other}{chain}")
    receipt = scene.heal()
    assert kinds(receipt) == ["element made permanent", "element made permanent", "table changed"]
    assert "10.89.0.2 was made permanent in device-access-to-fileshare by hand" in " | ".join(d["words"] for d in receipt["drift"])
    check_in_force(receipt, scene.wanted)
    assert gate.elements()["10.89.0.2"] <= 3600
    check_streams(streams, Tampering("", ()), time.monotonic() - 0.3, time.monotonic())


def test_an_address_moved_to_another_peer_speaks_for_it_until_healed_and_opens_nothing_else(gate, scene, streams):
    """WireGuard lets it (FACTS R15), and root said so: the phone is the laptop, at the laptop's doors and no others."""
    began, spoofed = time.time(), {"from": LAPTOP[0]}
    own, others = doors(FILESHARE_AT[0], kind="udp", port=138, **spoofed), doors(*LAN[:1], *OTHER_LAN[:1], WIKI_AT[0], **spoofed)
    knocker = Knocker(gate, "phone", [*own, *others])
    gate.sh(scene.named("wg set $WG peer $PHONE allowed-ips 10.89.0.2/32,10.89.0.3/32,fd89::3/128"))
    time.sleep(TAMPERED_SECONDS)
    receipt, healed = scene.heal(), time.time()
    assert kinds(receipt) == ["addresses moved", "addresses moved"]
    assert {scene.named(f"the addresses of the peer ${who} were changed by hand; put back") for who in ("LAPTOP", "PHONE")} == {
        drift["words"] for drift in receipt["drift"]
    }
    time.sleep(2 * SLACK)
    assert min(knocker.stop()) > 5
    check_ledger(scene, began)
    heard = [packet.at for packet in scene.ledger.packets(began) if packet.way == Way(LAPTOP[0], LAN[0], "udp", 138)]
    assert heard
    assert max(heard) < healed + SLACK
