"""Network namespaces, the wires between them, and WireGuard inside them.

A `Lab` owns what it makes: every namespace begins with its prefix, every process is
known by its pid, and `close` (or leaving the `with`) takes all of it away, also after a
failure. Leftovers of the same prefix are swept at the start; nothing else is touched.
Needs root on Linux: ask `why_not` first. Kernel WireGuard is used where there is one,
wireguard-go elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

PREFIX = re.compile(r"[a-z][a-z0-9]{0,11}", re.ASCII)
SOCKETS = Path("/var/run/wireguard")  # shared by all namespaces, so interface names are unique on the machine
PATIENCE = 10.0  # seconds until a part that should have started counts as broken
SYSCTLS = {
    "net.ipv6.conf.all.accept_dad": 0,  # addresses are usable at once
    "net.ipv6.conf.default.accept_dad": 0,
    "net.ipv6.conf.default.router_solicitations": 0,
    "net.ipv4.icmp_ratelimit": 0,  # or probes that follow each other closely hear nothing
    "net.ipv6.icmp.ratelimit": 0,
}
FORWARDING = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.default.send_redirects": 0,
    "net.ipv4.conf.all.accept_redirects": 0,
    "net.ipv6.conf.all.accept_redirects": 0,
    "net.ipv4.conf.all.accept_source_route": 0,
}


class LabError(RuntimeError):
    """A command of the lab failed; the message holds its words."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A WireGuard pair. The private half stays inside the lab."""

    private: str = field(repr=False)
    public: str


@dataclass(frozen=True, slots=True)
class Route:
    """A peer as a WireGuard interface knows it."""

    public_key: str
    allowed: tuple[str, ...]
    endpoint: str | None = None
    keepalive: int = 0


def why_not() -> str:
    """Say why this machine can have no lab; an empty text means that it can."""
    if platform.system() != "Linux":
        return "network namespaces need Linux"
    if os.geteuid() != 0:
        return "making network namespaces needs root"
    missing = [name for name in ("ip", "nft", "wg", "conntrack") if not shutil.which(name)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if not shutil.which("wireguard-go") and not Path("/sys/module/wireguard").exists():
        return "neither wireguard-go nor the kernel's WireGuard is here"
    return ""


def make_keys() -> Keys:
    private = _sh(["wg", "genkey"]).strip()
    return Keys(private, _sh(["wg", "pubkey"], private).strip())


def unique_interface() -> str:
    return f"wg{secrets.token_hex(3)}"


class Lab:
    """Namespaces of one prefix. Hosts go by their short name: `pep` is the namespace `<prefix>-pep`."""

    def __init__(self, prefix: str) -> None:
        if not PREFIX.fullmatch(prefix):
            raise LabError(f"a lab's prefix is a few lower-case letters and digits; got {prefix!r}")
        self.prefix = prefix
        self.hosts: list[str] = []
        self.processes: list[subprocess.Popen[str]] = []
        sweep(prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def namespace(self, host: str) -> str:
        return f"{self.prefix}-{host}"

    def add_host(self, host: str, *, forwards: bool = False) -> None:
        """Make a namespace with its loopback up. A router forwards both families and sends no redirects."""
        _sh(["ip", "netns", "add", self.namespace(host)])
        self.hosts.append(host)
        self.set_sysctls(host, SYSCTLS | (FORWARDING if forwards else {}))
        self.ip(host, ["link set lo up"])

    def ip(self, host: str, lines: Iterable[str]) -> None:
        """Carry out lines of `ip -batch` inside the host, all or LabError at the first that fails."""
        _sh(["ip", "-n", self.namespace(host), "-batch", "-"], "\n".join(lines) + "\n")

    def set_sysctls(self, host: str, values: Mapping[str, int]) -> None:
        self.run(host, ["sysctl", "-q", "-w", *(f"{name}={value}" for name, value in values.items())])

    def add_bridge(self, host: str, interface: str, addresses: Iterable[str]) -> None:
        """Make a switch inside the host, so that many others can be wired to one network of its own."""
        self.ip(host, [f"link add name {interface} type bridge", *_up(interface, addresses)])
        # Frames between the ports are no business of the host's firewall.
        switch = Path("/proc/sys/net/bridge/bridge-nf-call-iptables").exists()
        if switch:
            self.set_sysctls(host, {"net.bridge.bridge-nf-call-iptables": 0, "net.bridge.bridge-nf-call-ip6tables": 0})

    def wire(self, host: str, interface: str, addresses: Iterable[str], *, to: str, port: str) -> None:
        """Lay a wire from the host's new interface to a new interface `port` of the host `to`."""
        self.ip(host, [f"link add name {interface} type veth peer name {port} netns {self.namespace(to)}", *_up(interface, addresses)])
        self.ip(to, [f"link set {port} up"])

    def plug(self, host: str, interface: str, addresses: Iterable[str], *, to: str, bridge: str) -> None:
        """Lay a wire from the host's new interface to a bridge of the host `to`."""
        port = f"p{secrets.token_hex(4)}"
        self.wire(host, interface, addresses, to=to, port=port)
        self.ip(to, [f"link set {port} master {bridge}"])

    def add_wireguard(self, host: str, interface: str, keys: Keys, addresses: Iterable[str], *, port: int | None = None) -> None:
        """Bring a WireGuard interface up without peers. Its name must be unique on the machine (`unique_interface`)."""
        try:
            self.ip(host, [f"link add name {interface} type wireguard"])
        except LabError:
            self._start_wireguard_go(host, interface)
        listen = ["listen-port", str(port)] if port else []
        self.run(host, ["wg", "set", interface, *listen, "private-key", "/dev/stdin"], keys.private)
        self.ip(host, [f"link set {interface} mtu 1420", *_up(interface, addresses)])

    def add_peer(self, host: str, interface: str, peer: Route) -> None:
        """Add or change one peer; the others' sessions are not touched."""
        argv = ["wg", "set", interface, "peer", peer.public_key, "allowed-ips", ",".join(peer.allowed)]
        argv += ["endpoint", peer.endpoint] if peer.endpoint else []
        argv += ["persistent-keepalive", str(peer.keepalive)] if peer.keepalive else []
        self.run(host, argv)

    def argv(self, host: str, argv: Sequence[str]) -> list[str]:
        """Return the argv that runs there: this is also a transport."""
        return ["ip", "netns", "exec", self.namespace(host), *argv]

    def run(self, host: str, argv: Sequence[str], text: str = "", *, seconds: float = 30) -> str:
        """Run to the end inside the host and return what it printed; LabError where it failed."""
        return _sh(self.argv(host, argv), text, seconds=seconds)

    def popen(
        self, host: str, argv: Sequence[str], *, stdout: int | IO[str] = subprocess.PIPE, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start inside the host; `close` ends it. Its stdin is closed, its stderr goes where ours goes."""
        whole = {**os.environ, **env} if env else None
        process = subprocess.Popen(self.argv(host, argv), stdin=subprocess.DEVNULL, stdout=stdout, text=True, env=whole)
        self.processes.append(process)
        return process

    def close(self) -> None:
        """End every process and namespace of this lab. Harmless to repeat."""
        _end(self.processes)
        self.processes.clear()
        self.hosts.clear()
        sweep(self.prefix)

    def _start_wireguard_go(self, host: str, interface: str) -> None:
        # With stdin or stdout open, whoever reads our output would wait for wireguard-go to end.
        argv, env, null = self.argv(host, ["wireguard-go", "-f", interface]), {**os.environ, "LOG_LEVEL": "silent"}, subprocess.DEVNULL
        self.processes.append(subprocess.Popen(argv, stdin=null, stdout=null, stderr=null, text=True, env=env))
        until = time.monotonic() + PATIENCE
        while not (SOCKETS / f"{interface}.sock").exists():
            if time.monotonic() > until:
                raise LabError(f"wireguard-go made no {interface} within {PATIENCE:.0f} s")
            time.sleep(0.01)


def sweep(prefix: str) -> None:
    """Remove the namespaces of this prefix, whoever left them, and end what runs inside them."""
    listed = [line.split()[0] for line in _sh(["ip", "netns", "list"]).splitlines() if line.strip()]
    for name in listed:
        if name.startswith(f"{prefix}-"):
            _remove(name)


def _remove(namespace: str) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):  # wireguard-go takes its socket away on SIGTERM only
        pids = [int(pid) for pid in _sh(["ip", "netns", "pids", namespace]).split()]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        _wait_until_gone(namespace, 1.0 if pids else 0.0)
    _sh(["ip", "netns", "del", namespace])


def _wait_until_gone(namespace: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and _sh(["ip", "netns", "pids", namespace]).split():
        time.sleep(0.01)


def _end(processes: Sequence[subprocess.Popen[str]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _up(interface: str, addresses: Iterable[str]) -> list[str]:
    added = [f"addr add {address} dev {interface}{' nodad' if ':' in address else ''}" for address in addresses]
    return [*added, f"link set {interface} up"]


def _sh(argv: Sequence[str], text: str = "", *, seconds: float = 30) -> str:
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(argv)} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout
