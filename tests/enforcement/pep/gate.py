"""A PEP with the agent on it, real devices in front and a LAN host behind, and an eye on every packet that comes through.

The laptop may use the fileshare and streams from it; the phone may use the wiki, so that its
tunnel lives, and knocks everywhere else; a guest without a device comes and goes as a peer.
"""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager

from tests.enforcement.pep.agents import ALICE, ERIN, FILESHARE, PYTHON, WIKI, Agent, ByHand, key, placement, state
from tests.lab import LAN, OTHER_LAN, OWN, TOOLS, UNLISTED, PepLab, doors
from tests.lab_ledger import Ledger, Way, excess, late, ways

GUEST = ("10.89.0.9", "fd89::9")
PORTS = [["tcp", 139, 139], ["tcp", 445, 445], ["udp", 137, 138]]
FILESHARE_AT, WIKI_AT = ("10.89.65.7", "fd89:0:0:1::7"), ("10.89.65.8", "fd89:0:0:1::8")
WIKI_HOST = {"target_v4": OTHER_LAN[0], "target_v6": OTHER_LAN[1]}
# What nobody may reach but by a grant of its own: other ports, the hosts themselves, the PEP, the other device.
SHUT = [*doors(*LAN, *OTHER_LAN, *OWN), *doors(*FILESHARE_AT, *WIKI_AT, port=UNLISTED), *doors(*LAN, kind="udp", port=137)]
STREAMS = [
    {"name": f"{kind} {to}", "kind": kind, "to": to, "port": port} for kind, port in (("tcp", 445), ("udp", 137)) for to in FILESHARE_AT
]


class Gate(ByHand, PepLab):
    """The lab of the attacks, with the agent in charge of its PEP."""

    def document(self, *, phone=(WIKI,), guest=(), guest_key=9, laptop=(FILESHARE,), fileshare=None, wiki=None, more=(), seconds=600):
        """Make what the PEP must hold; the arguments say what is unusual about it."""
        usual = {"ports": PORTS}
        resources = [placement(**usual | (fileshare or {})), placement(WIKI, 8, **usual | WIKI_HOST | (wiki or {})), *more]
        devices = {ALICE: (self.devices["laptop"].keys.public, laptop), ERIN: (self.devices["phone"].keys.public, phone)}
        devices |= {GUEST: (key(guest_key), guest)} if guest else {}
        peers = [[name, list(addresses)] for addresses, (name, slugs) in devices.items() if slugs]
        return state({a: slugs for a, (_, slugs) in devices.items()}, placements=resources, peers=peers, seconds=seconds)

    @contextmanager
    def watched(self):
        """Keep a ledger; afterwards everything that arrived must have been allowed when it did."""
        ledger = Ledger(self)
        try:
            yield ledger
        finally:
            packets = ledger.close()
        assert packets, "nothing arrived at all: the ledger or the lab is broken"
        many = excess(packets, ledger.timeline)
        named = [(packet.way, round(late(packet, ledger.timeline), 3)) for packet in many[:9]]
        assert not many, f"{len(many)} of {len(packets)} packets too many (and how many seconds after the last change): {named}"


class Watched:
    """The streams with a PEP's agent, one after the other, and the ledger told of each document."""

    def __init__(self, make_agent, ledger):
        self._make, self.ledger, self.generation = make_agent, ledger, 0

    def apply(self, wanted, *, agent=None, **config):
        """Send the document to a fresh agent: what it allows may pass from now on, and nothing else once the receipt is here."""
        agent = agent or self._make(**config)
        self.ledger.allow_also(ways(wanted))
        self.generation += 1
        receipt = agent.apply(wanted, generation=self.generation)
        self.ledger.allow(ways(wanted))
        return receipt

    def rehearse(self, wanted, **config):
        """Send it to an agent that names the points it passes."""
        dying = self._make(kind=Dying, **config)
        self.ledger.allow_also(ways(wanted))
        self.generation += 1
        return dying.rehearse(wanted, self.generation)

    def die(self, point, wanted, **config):
        """Send it to an agent that dies at this point; return what it got to say."""
        dying = self._make(kind=Dying, **config)
        self.ledger.allow_also(ways(wanted))
        self.generation += 1
        return dying.die(point, wanted, self.generation)


class Dying(Agent):
    """The agent under tests/lab_tools/dying_agent.py."""

    point = ""

    def program(self):
        return [PYTHON, "-I", str(TOOLS / "dying_agent.py"), str(self.pyz), self.point, "--config", str(self.directory / "agent.json")]

    def rehearse(self, wanted, generation):
        """Return the names of the points on the way."""
        argv = self.machine.argv("pep", self.program())
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as self.process:
            self.hello()
            assert self.ask(self.request(wanted, generation=generation))["kind"] == "receipt"
            self.process.stdin.close()
            return self.process.stderr.read().decode().splitlines()

    def die(self, point, wanted, generation):
        self.point = point
        self.hello()
        self.process.stdin.write(json.dumps(self.request(wanted, generation=generation)).encode() + b"\n")
        self.process.stdin.flush()
        said = self.process.stdout.read()
        assert self.process.wait(timeout=5) == -9, f"it did not die at {point!r}"
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None
        return said


def only(source, *, to, ports=((445, "tcp"), (139, "tcp"), (137, "udp"), (138, "udp"))):
    """Name the ways of one address to some targets, as a test of tampering says them."""
    return {Way(source, target, protocol, port) for target in to for port, protocol in (*ports, (0, "icmp"))}
