"""The demo's lab: a gateway, a LAN host with real services, a laptop and a phone, each a network namespace.

The gateway (lg-pep) boots closed: guard table and routing guard first, then WireGuard
without peers. The portal reaches its agent by an argv, as it would over SSH.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from enforcement.pep import ruleset
from enforcement.pep.caps import parse_caps
from enforcement.zipapp import build
from portal.demo import traffic
from portal.demo.home import PEP
from portal.demo.netns import Keys, Lab, Route, make_keys, unique_interface

PYTHON = "/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable
PEP_PORT = 51820
PEP_V4, PEP_V6 = "198.51.100.1", "2001:db8:51::1"
PEP_LAN_V4, PEP_LAN_V6 = "192.168.89.1", "2001:db8:89::1"
LAN_V4, LAN_V6 = "192.168.89.10", "2001:db8:89::10"
OWN_V4, OWN_V6 = "10.89.65.1", "fd89:0:0:1::1"
PREFIX_V4, PREFIX_V6 = "10.89.65.0/24", "fd89:0:0:1::/64"
POOL_V4, POOL_V6 = "10.89.0.0/18", "fd89::/64"
HOSTS = {"laptop": 11, "phone": 12}


@dataclass(slots=True)
class Bench:
    """The lab as the demo uses it."""

    lab: Lab
    keys: Keys
    interface: str
    agent_argv: list[str]
    config: Path

    def connect(self, host: str, config: str) -> None:
        """Do on `host` what a WireGuard app does with a client's file."""
        interface, peer = read_client_file(config)
        name = unique_interface()
        addresses = [f"{address.strip().split('/')[0]}/{128 if ':' in address else 32}" for address in interface["Address"].split(",")]
        private = interface["PrivateKey"]
        self.lab.add_wireguard(host, name, Keys(private, ""), addresses)
        allowed = tuple(prefix.strip() for prefix in peer["AllowedIPs"].split(","))
        self.lab.add_peer(host, name, Route(peer["PublicKey"], allowed, peer["Endpoint"], int(peer.get("PersistentKeepalive", "0"))))
        self.lab.ip(host, [f"route add {prefix} dev {name}" for prefix in allowed])

    def kill_agents(self) -> bool:
        """Kill -9 every agent on the gateway; wireguard-go there is the kernel and stays. False: there was none."""
        agent = self.agent_argv[-3].encode()
        found = [
            pid for pid in self.lab.run("pep", ["ip", "netns", "pids", self.lab.namespace("pep")]).split() if agent in _command_line(pid)
        ]
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        return bool(found)

    def watch(
        self, host: str, kind: str, address: str, port: int, seconds: float, *, opening: float = traffic.OPENING
    ) -> subprocess.Popen[str]:
        """Open a stream from `host`; its story comes as JSON lines."""
        watched = [kind, address, str(port), str(seconds), "--opening", str(opening)]
        return self.lab.popen(host, [PYTHON, "-I", traffic.__file__, "watch", *watched])

    def holds(self, slug: str, address: str) -> bool:
        """Ask the gateway's kernel, past all of our software, whether the address is in the resource's set."""
        listing = self.lab.run("pep", ["nft", "list", "set", "inet", "lychgate", ruleset.set_name(slug, 6 if ":" in address else 4)])
        return f"{address} " in listing.replace(",", " ")


def read_client_file(text: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return [Interface] and the first [Peer] of a client's file."""
    sections: list[dict[str, str]] = []
    for line in text.splitlines():
        if line.startswith("["):
            sections.append({})
        elif "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            sections[-1][name.strip()] = value.strip()
    return sections[0], sections[1]


def build_lab(folder: Path, prefix: str) -> Bench:
    """Make the four hosts and boot the gateway closed; their names begin with the prefix. Raises LabError."""
    lab = Lab(prefix)
    try:
        return _build(lab, folder)
    except BaseException:
        lab.close()
        raise


def recording_agent(folder: Path) -> list[str]:
    """Return the argv of an agent that enforces nothing and says so in every receipt."""
    config = _write_agent_config(folder, "wg0")
    agent = folder / "agent.pyz"
    build(agent)
    return [sys.executable, "-I", str(agent), "--config", str(config), "--record"]


def _command_line(pid: str) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _build(lab: Lab, folder: Path) -> Bench:
    interface, keys = unique_interface(), make_keys()
    lab.add_host("pep", forwards=True)
    lab.add_host("lan")
    lab.add_bridge("pep", "wan0", [f"{PEP_V4}/24", f"{PEP_V6}/64"])
    lab.wire("lan", "eth0", [f"{LAN_V4}/24", f"{LAN_V6}/64"], to="pep", port="lan0")
    lab.ip("pep", [f"addr add {PEP_LAN_V4}/24 dev lan0", f"addr add {PEP_LAN_V6}/64 dev lan0 nodad"])
    for host, number in HOSTS.items():
        lab.add_host(host)
        lab.plug(host, "eth0", [f"198.51.100.{number}/24", f"2001:db8:51::{number:x}/64"], to="pep", bridge="wan0")
    config = _write_agent_config(folder, interface)
    caps = parse_caps(json.loads(config.read_text(encoding="utf-8")))
    lab.run("pep", ["nft", "-f", "-"], ruleset.guard(caps))
    for argv in ruleset.routing_guard(caps):
        lab.run("pep", argv)
    lab.add_wireguard("pep", interface, keys, [f"{OWN_V4}/32", f"{OWN_V6}/128"], port=PEP_PORT)
    lab.set_sysctls("pep", ruleset.sysctls(caps))
    lab.ip("pep", [f"route add {POOL_V4} dev {interface}", f"route add {POOL_V6} dev {interface}"])
    _start_services(lab, folder)
    agent = folder / "agent.pyz"
    build(agent)
    return Bench(lab, keys, interface, lab.argv("pep", [PYTHON, "-I", str(agent), "--config", str(config)]), config)


def _write_agent_config(folder: Path, interface: str) -> Path:
    """Write what a PEP's root writes: what the portal may open here at most."""
    state = folder / "agent"
    state.mkdir(exist_ok=True)
    lan = [["tcp", 1, 65535], ["udp", 1, 65535]]
    config = {
        "pep": PEP,
        "interface": interface,
        "lan_interfaces": ["lan0"],
        "masquerade": True,
        "log_group": 89,
        "listen_port": PEP_PORT,
        "own_addresses": [OWN_V4, OWN_V6],
        "overlay": ["10.89.0.0/16", "fd89::/48"],
        "device_pools": [POOL_V4, POOL_V6],
        "resource_prefixes": [PREFIX_V4, PREFIX_V6],
        "targets": [{"prefix": "192.168.89.0/24", "ports": lan}, {"prefix": "2001:db8:89::/64", "ports": lan}],
        "forbidden_targets": ["169.254.0.0/16", "fe80::/10", "127.0.0.0/8", "::1/128", f"{PEP_LAN_V4}/32", f"{PEP_LAN_V6}/128"],
        "longest_seconds": 86400,
        "most_peers": 1000,
        "most_new_peers_an_hour": 1000,
        "state_dir": str(state),
    }
    path = folder / "agent.json"
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")
    path.chmod(0o600)
    return path


def _start_services(lab: Lab, folder: Path) -> None:
    share = folder / "share"
    share.mkdir(exist_ok=True)
    (share / "welcome.txt").write_text("You reached the file share through the gate.\n", encoding="utf-8")
    process = lab.popen("lan", [PYTHON, "-I", traffic.__file__, "serve", str(share)])
    if process.stdout:
        process.stdout.readline()  # it says so once it serves
