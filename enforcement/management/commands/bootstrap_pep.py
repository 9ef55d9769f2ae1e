"""`manage.py bootstrap_pep PEP [--out FILE]`: the script that makes a bare Debian or Ubuntu host this PEP.

What the PEP may do at most is written here once, from what the portal knows and the
options say, and belongs to root there afterwards.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from enforcement.bootstrap import Setup, script
from enforcement.pep.caps import Caps, CapsError, Network, parse_caps
from enforcement.zipapp import build
from enrollment import ssh_keys, targets
from enrollment.keys import BadKey
from enrollment.models import Pep, Placement

STATE_DIR = "/var/lib/lychgate"
FORBIDDEN = ("169.254.0.0/16", "fe80::/10", "127.0.0.0/8", "::1/128")
SINGLE = {4: 32, 6: 128}

T = TypeVar("T")


class Command(BaseCommand):
    """Changes nothing here: the script is printed, and says at its end what an admin confirms in the portal."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pep", help="the name of the PEP")
        parser.add_argument("--out", type=Path, help="write the script there instead of printing it")
        parser.add_argument("--worker-key", type=Path, help="the workers' public SSH key; LYCHGATE_SSH_KEY_FILE with .pub otherwise")
        parser.add_argument("--from", action="append", default=[], dest="workers", help="where workers come from, an address or network")
        parser.add_argument(
            "--keep-open",
            action="append",
            default=[],
            metavar="NETWORK=PORTS",
            help="what stays reachable in lock-down besides SSH for --from, as 192.0.2.0/24=tcp/9100 for who watches this host",
        )
        parser.add_argument("--interface", default="wg0", help="what WireGuard's interface is called there")
        parser.add_argument("--listen-port", type=int, help="where WireGuard listens; the port of the PEP's endpoint otherwise")
        parser.add_argument(
            "--target",
            action="append",
            default=[],
            metavar="NETWORK=PORTS",
            help="where resources may lead, as 192.168.89.0/24=tcp/445,udp/137-138; what the PEP's resources need today otherwise",
        )
        parser.add_argument(
            "--forbid", action="append", default=[], metavar="NETWORK", help="where no resource may lead, whatever else is said"
        )
        parser.add_argument(
            "--masquerade", action="append", default=[], metavar="INTERFACE", help="hide devices behind the PEP's address there"
        )
        parser.add_argument("--log-group", type=int, help="log to this NFLOG group instead of the kernel's log")
        parser.add_argument("--longest-seconds", type=int, default=86400, help="the longest that access may last at a time")
        parser.add_argument("--most-peers", type=int, default=1000, help="devices at a time")
        parser.add_argument("--most-new-peers-an-hour", type=int, default=200, help="new devices in an hour")

    def handle(self, *args: Any, **options: Any) -> None:
        pep = Pep.objects.filter(name=options["pep"]).first()
        if pep is None:
            raise CommandError(f"there is no PEP {options['pep']}: add it in the admin first, without its keys")
        setup = Setup(_caps(pep, options), _worker_key(options["worker_key"]), _agent(), tuple(map(_network, options["workers"])))
        if not setup.caps.targets:
            self.stderr.write("No target is allowed yet, so resources lead nowhere: say --target, or place resources first.")
        text = script(setup)
        if options["out"] is None:
            self.stdout.write(text, ending="")
            return
        options["out"].write_text(text, encoding="utf-8")
        options["out"].chmod(0o700)
        self.stdout.write(f"{options['out']}: copy it to {pep.name}, and run it there as root.")


def _caps(pep: Pep, options: dict[str, Any]) -> Caps:
    prefixes = [pep.prefix_v4, pep.prefix_v6]
    try:
        return parse_caps(
            {
                "pep": pep.name,
                "interface": options["interface"],
                "lan_interfaces": options["masquerade"],
                "masquerade": bool(options["masquerade"]),
                "log_group": options["log_group"],
                "listen_port": options["listen_port"] or pep.endpoint_port,
                "own_addresses": [str(targets.own_address(prefix)) for prefix in prefixes],
                "overlay": [str(prefix) for prefix in settings.OVERLAY],
                "device_pools": [str(prefix) for prefix in settings.DEVICE_POOLS],
                "resource_prefixes": prefixes,
                "targets": [_target(text) for text in options["target"]] or _targets_of(pep),
                "forbidden_targets": [*FORBIDDEN, *(str(_network(text)) for text in options["forbid"])],
                "longest_seconds": options["longest_seconds"],
                "most_peers": options["most_peers"],
                "most_new_peers_an_hour": options["most_new_peers_an_hour"],
                "state_dir": STATE_DIR,
                "kept_open": [*(_ssh(pep, text) for text in options["workers"]), *map(_target, options["keep_open"])],
            }
        )
    except CapsError as error:
        raise CommandError(str(error)) from error


def _target(text: str) -> dict[str, object]:
    network, _equals, ports = text.partition("=")
    return {"prefix": str(_network(network)), "ports": [_port(port) for port in ports.split(",")]}


def _ssh(pep: Pep, workers: str) -> dict[str, object]:
    return {"prefix": str(_network(workers)), "ports": [["tcp", pep.ssh_port, pep.ssh_port]]}


def _port(text: str) -> list[object]:
    protocol, _slash, numbers = text.partition("/")
    first, _dash, last = numbers.partition("-")
    return [protocol, _number(first), _number(last or first)]


def _targets_of(pep: Pep) -> list[dict[str, object]]:
    """Return exactly the hosts and ports that the resources placed there lead to."""
    placements = Placement.objects.filter(pep=pep, is_on_pep=False, resource__retired_at=None).prefetch_related("resource__ports")
    return [
        {
            "prefix": f"{target}/{SINGLE[ip_address(target).version]}",
            "ports": [[p.protocol, p.first, p.last] for p in each.resource.ports.all()],
        }
        for each in placements.order_by("pk")
        for target in (each.target_v4, each.target_v6)
        if target
    ]


def _network(text: str) -> Network:
    return _read(ip_network, text, "an address or a network such as 192.168.89.0/24")


def _number(text: str) -> int:
    return _read(int, text, "a port")


def _read(read: Callable[[str], T], text: str, what: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise CommandError(f"{text} is not {what}") from error


def _worker_key(path: Path | None) -> str:
    if path is None and not settings.SSH_KEY_FILE:
        raise CommandError("say --worker-key FILE, or set LYCHGATE_SSH_KEY_FILE (ssh-keygen -t ed25519 makes a pair)")
    path = path or Path(f"{settings.SSH_KEY_FILE}.pub")
    try:
        return ssh_keys.check(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, BadKey) as error:
        raise CommandError(f"{path}: {error}") from error


def _agent() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        return build(Path(directory) / "agent.pyz").read_bytes()
