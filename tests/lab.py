"""A small real world for tests: a PEP, a LAN host with services, devices, and WireGuard between them.

Everything lives in network namespaces of this process's own prefix and is gone after
`close`, also after a failure; what a killed test run left behind is swept by the next.
Modules that use it start with `pytestmark = needs_namespaces` and share one lab.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from enforcement.pep import ruleset
from enforcement.pep.caps import Caps, parse_caps
from enforcement.pep.state import Address, Placement, Port
from portal.demo.netns import Keys, Lab, LabError, Route, make_keys, sweep, unique_interface, why_not
from tests.lab_streams import Heard, Streams

needs_namespaces = pytest.mark.skipif(bool(why_not()), reason=f"no lab here: {why_not()}")

TOOLS = Path(__file__).parent / "lab_tools"
PYTHON = (sys.executable, "-I", "-S")
UNDERLAY = ("198.51.100.", "2001:db8:51::")
LAN = ("192.168.89.10", "2001:db8:89::10")
OTHER_LAN = ("192.168.89.11", "2001:db8:89::11")
PEP_LAN = ("192.168.89.1", "2001:db8:89::1")
OWN = ("10.89.65.1", "fd89:0:0:1::1")
RESOURCE = ("10.89.65.2", "fd89:0:0:1::2")
PEP_RESOURCE = ("10.89.65.3", "fd89:0:0:1::3")
PORT = 51820
STREAMS = {"tcp": 445, "tcp-listen": 139, "udp": 137, "udp-listen": 138}  # what tests/lab_tools/services.py offers
UNLISTED = 2121
LAPTOP, PHONE = ("10.89.0.2", "fd89::2"), ("10.89.0.3", "fd89::3")  # the overlay addresses of the two devices there always are
FILESHARE_PORTS = (Port("tcp", 139, 139), Port("tcp", 445, 445), Port("udp", 137, 138))

# What closes an attack, as it stands in the ruleset's text: cut out by `without`, it lets the attack through.
REPLY_GATE = (r" ct reply ip6? saddr \S+", r" ct reply proto-src \S+")
DIRECTION = (r" ct direction (original|reply)",)
CLEAR_RULES = (r"^ +iifname != .* drop$",)
OVERLAY_RULES = (r"^ +(iifname != .*|ip6? [sd]addr \S+) drop$",)


@dataclass(frozen=True)
class Device:
    """A host with a tunnel to the PEP."""

    host: str
    interface: str
    keys: Keys
    addresses: tuple[str, str]


class PepLab(Lab):
    """`pep`, `lan` and devices. The PEP has WireGuard, addresses and routes, and no rules until somebody loads them."""

    def __init__(self, *, services: bool = True, suffix: str = "", **config: object) -> None:
        """Build it; `config` overrides fields of the agent's file (`masquerade=True`)."""
        _sweep_the_dead()
        super().__init__(f"lgt{os.getpid()}{suffix}")
        self.interface, self.keys = unique_interface(), make_keys()
        self.config = agent_config(self.interface) | config
        self.devices: dict[str, Device] = {}
        self.streams: list[Streams] = []
        try:
            self._build(services=services)
        except BaseException:
            self.close()
            raise

    @property
    def caps(self) -> Caps:
        return parse_caps(self.config)

    def write_config(self, path: Path) -> Path:
        """Write the agent's file as root would, its state beside it."""
        path.write_text(json.dumps(self.config | {"state_dir": str(path.parent / "state")}))
        path.chmod(0o600)
        return path

    def add_device(self, host: str, number: int, *, peer: bool = True) -> Device:
        """Add a host with a tunnel; `peer=False` leaves the PEP ignorant of it."""
        device = Device(host, unique_interface(), make_keys(), (f"10.89.0.{number}", f"fd89::{number:x}"))
        self.add_host(host)
        self.plug(host, "eth0", [f"{UNDERLAY[0]}{number + 8}/24", f"{UNDERLAY[1]}{number + 8:x}/64"], to="pep", bridge="wan0")
        self.add_wireguard(host, device.interface, device.keys, [f"{device.addresses[0]}/32", f"{device.addresses[1]}/128"])
        # A dishonest client: it sends everything into the tunnel that could lead behind the PEP.
        prefixes = ("10.89.0.0/16", "fd89::/48", "192.168.89.0/24", "2001:db8:89::/64")
        self.ip(host, [f"route add {prefix} dev {device.interface}" for prefix in prefixes])
        if peer:
            self.add_peer("pep", self.interface, Route(device.keys.public, device.addresses))
        # The keepalive shakes hands at once: until then the PEP does not know where the device is.
        self.add_peer(host, device.interface, Route(self.keys.public, ("0.0.0.0/0", "::/0"), f"{UNDERLAY[0]}1:{PORT}", keepalive=20))
        self.devices[host] = device
        return device

    def load_guards(self) -> None:
        """Load what a PEP loads at boot: kernel settings, the guard table and the routing guard."""
        self.set_sysctls("pep", ruleset.sysctls(self.caps))
        self.set_sysctls("pep", {"net.ipv4.conf.lan0.rp_filter": 2})  # as distributions have it
        self.nft(ruleset.guard(self.caps))
        for version in ("-4", "-6"):
            if "blackhole" not in self.run("pep", ["ip", version, "rule"]):
                rules = [" ".join(argv[2:]) for argv in ruleset.routing_guard(self.caps) if argv[1] == version]
                self.run("pep", ["ip", version, "-batch", "-"], "\n".join(rules) + "\n")

    def open_wide(self) -> None:
        """Take away all that closes, so that a probe shows the way itself to be there; `load_guards` puts it back."""
        self.nft("flush ruleset")
        for version in ("-4", "-6"):
            self.run("pep", ["ip", version, "rule", "flush"])
            self.run("pep", ["ip", version, "rule", "add", "pref", "32766", "lookup", "main"])

    def nft(self, script: str) -> None:
        self.run("pep", ["nft", "-f", "-"], script)

    def forget_flows(self) -> None:
        """Empty the PEP's connection table, so that one test's flows are not another's."""
        self.run("pep", ["conntrack", "-F"])

    def admit(self, slug: str, *devices: Device, seconds: float = 60) -> float:
        """Put devices into the resource's sets; return the deadline on the monotonic clock."""
        self.nft("".join(admission(slug, device, seconds) for device in devices))
        return time.monotonic() + seconds

    def expel(self, slug: str, device: Device) -> None:
        for address in (ipaddress.ip_address(a) for a in device.addresses):
            self.nft(f"delete element inet lychgate {ruleset.set_name(slug, address.version)} {{ {address} }}")

    def probe(self, host: str, *doors: dict[str, object], seconds: float = 3) -> list[str]:
        """Try several doors at once: connected, refused, reset or (after that many seconds) silent, in their order."""
        return json.loads(self.tool(host, "probe", str(seconds), json.dumps(doors)))

    def tool(self, host: str, name: str, *arguments: str) -> str:
        return self.run(host, [*PYTHON, str(TOOLS / f"{name}.py"), *arguments])

    def stream(self, host: str, *specs: dict[str, object], seconds: float = 20) -> Streams:
        """Start streams on a host; see tests/lab_tools/streams.py for a spec's fields."""
        streams = Streams(self.popen(host, [*PYTHON, str(TOOLS / "streams.py"), str(seconds), json.dumps(specs)]))
        self.streams.append(streams)
        return streams

    def stop_streams(self) -> None:
        """End what tests have started to stream, so that the next one has the machine to itself."""
        while self.streams:
            self.streams.pop().stop()

    def hear(self, host: str, *arguments: str) -> Heard:
        """Listen on a host (tests/lab_tools/packets.py hear-...)."""
        return Heard(self.popen(host, [*PYTHON, str(TOOLS / "packets.py"), *arguments]))

    def serve(self, host: str, addresses: tuple[str, ...], seconds: int = 600) -> None:
        process = self.popen(host, [*PYTHON, str(TOOLS / "services.py"), str(seconds), *addresses])
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise LabError(f"the services on {host} did not start")

    def _build(self, *, services: bool) -> None:
        self.add_host("pep", forwards=True)
        self.add_host("lan")
        self.add_bridge("pep", "wan0", [f"{UNDERLAY[0]}1/24", f"{UNDERLAY[1]}1/64"])
        lan = [f"{v4}/24" for v4 in (LAN[0], OTHER_LAN[0])] + [f"{v6}/64" for v6 in (LAN[1], OTHER_LAN[1])]
        self.wire("lan", "eth0", lan, to="pep", port="lan0")
        self.ip("lan", [f"route add default via {gateway}" for gateway in PEP_LAN])
        self.ip("pep", [f"addr add {PEP_LAN[0]}/24 dev lan0", f"addr add {PEP_LAN[1]}/64 dev lan0 nodad"])
        self.add_wireguard("pep", self.interface, self.keys, [f"{OWN[0]}/32", f"{OWN[1]}/128"], port=PORT)
        self.ip("pep", [f"route add {prefix} dev {self.interface}" for prefix in ("10.89.0.0/16", "fd89::/48")])
        self.add_device("laptop", 2)
        self.add_device("phone", 3)
        if services:
            self.serve("lan", (*LAN, *OTHER_LAN))
            self.serve("pep", (*OWN, *PEP_LAN, f"{UNDERLAY[0]}1"))


def agent_config(interface: str) -> dict[str, object]:
    """Return the agent's file for the lab's PEP, as JSON values."""
    every = [["tcp", 1, 65535], ["udp", 1, 65535]]
    return {
        "pep": "pep-1",
        "interface": interface,
        "lan_interfaces": ["lan0"],
        "masquerade": False,
        "log_group": 5,
        "listen_port": PORT,
        "own_addresses": list(OWN),
        "overlay": ["10.89.0.0/16", "fd89::/48"],
        "device_pools": ["10.89.0.0/18", "fd89::/64"],
        "resource_prefixes": ["10.89.65.0/24", "fd89:0:0:1::/64"],
        "targets": [{"prefix": "192.168.89.0/24", "ports": every}, {"prefix": "2001:db8:89::/64", "ports": every}],
        "forbidden_targets": ["169.254.0.0/16"],
        "longest_seconds": 86400,
        "most_peers": 10000,
        "most_new_peers_an_hour": 1000,
        "state_dir": "/var/lib/lychgate",
    }


def fileshare(**changes: object) -> Placement:
    """Make the lab's usual resource, on the LAN host."""
    addresses = [ipaddress.ip_address(text) for text in (RESOURCE[0], LAN[0], RESOURCE[1], LAN[1])]
    return replace(Placement(7, "fileshare", FILESHARE_PORTS, *addresses), **changes)


def address(text: str) -> Address:
    return ipaddress.ip_address(text)


def on_the_pep(**changes: object) -> Placement:
    """Make a resource on the PEP itself."""
    addresses = [ipaddress.ip_address(text) for text in (PEP_RESOURCE[0], OWN[0], PEP_RESOURCE[1], OWN[1])]
    return replace(Placement(8, "pep-admin", FILESHARE_PORTS, *addresses), **changes)


def admission(slug: str, device: Device, seconds: float) -> str:
    """Return the script that admits a device, or moves its deadline, in one transaction (FACTS R6)."""
    script = ""
    for address in (ipaddress.ip_address(text) for text in device.addresses):
        name = ruleset.set_name(slug, address.version)
        for verb, timeout in (("add", ""), ("delete", ""), ("add", f" timeout {int(seconds * 1000)}ms")):
            script += f"{verb} element inet lychgate {name} {{ {address}{timeout} }}\n"
    return script


def doors(*addresses: str, port: int = 445, kind: str = "tcp", **more: object) -> list[dict[str, object]]:
    """Name doors to try, one for each address."""
    return [{"kind": kind, "to": address, "port": port, **more} for address in addresses]


def streams_to(addresses: tuple[str, str], name: str = "") -> list[dict[str, object]]:
    """Name a stream of every kind in both families."""
    return [{"name": f"{name}{kind} {to}", "kind": kind, "to": to, "port": port} for kind, port in STREAMS.items() for to in addresses]


def without(script: str, *patterns: str) -> str:
    """Plant a hole: cut what matches out of a ruleset. A pattern that matches nothing is a broken test."""
    for pattern in patterns:
        script, count = re.subn(pattern, "", script, flags=re.MULTILINE)
        assert count, f"nothing in the ruleset matches {pattern}"
    return script


def _sweep_the_dead() -> None:
    """Remove what test runs left behind whose process is gone."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    for prefix, pid in set(re.findall(r"^(lgt(\d+)[a-z]?)-", listed, re.MULTILINE)):
        if not Path(f"/proc/{pid}").exists():
            sweep(prefix)
