"""The script that makes a bare Debian or Ubuntu host a PEP: everything it needs in one file, to be run by root there.

Nothing in it is secret: the PEP makes its own private keys. Only typed values get in
(addresses, ports, names that `parse_caps` checked, a checked key), each file behind a
quoted mark, so that the shell expands nothing. What is the same on every PEP stands as
plain files in `gateway/`, by their paths.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from enforcement.export import RSYSLOG
from enforcement.pep import ruleset
from enforcement.pep.caps import Caps, Network, Target
from enforcement.pep.lockdown import lockdown

GATEWAY = Path(__file__).parent / "gateway"
MARK = "LYCHGATE-END-OF-FILE"
AGENT = "/usr/local/lib/lychgate/agent.pyz"
COMMAND = f"/usr/bin/sudo -n /usr/bin/python3 -I {AGENT}"
MODES = {"/etc/lychgate/agent.json": 600, "/etc/sudoers.d/lychgate": 440, "/usr/local/lib/lychgate/boot": 755}
PLAIN = 644
COLUMNS = 120


@dataclass(frozen=True, slots=True)
class Setup:
    """What one PEP is made from. `workers` are the addresses that they come from; none: from anywhere."""

    caps: Caps
    worker_key: str  # ssh-keys.check has seen it
    agent: bytes  # the zipapp
    workers: tuple[Network, ...] = ()


def script(setup: Setup) -> str:
    """Return the whole script."""
    caps = setup.caps
    return "".join(
        (
            f"#!/bin/sh\n# Makes this host the PEP {caps.pep} of Lychgate. Run it as root; a second time it changes nothing.\n",
            f"set -eu\npep={_quoted(caps.pep)}\n\nwrite_files() {{\n",
            *(_put(path, text) for path, text in sorted(files(setup).items())),
            _agent(setup.agent),
            "}\n\n",
            (GATEWAY / "install.sh").read_text(encoding="utf-8"),
        )
    )


def files(setup: Setup) -> Mapping[str, str]:
    """Return the text of each file by its path, the agent itself apart."""
    caps = setup.caps
    fixed = (path for path in GATEWAY.rglob("*") if path.is_file() and path.parent != GATEWAY)
    return {
        **{f"/{path.relative_to(GATEWAY)}": path.read_text(encoding="utf-8") for path in fixed},
        "/etc/lychgate/agent.json": _caps(caps),
        "/etc/lychgate/authorized_keys": _authorized(setup),
        "/etc/lychgate/boot.conf": _boot(caps),
        "/etc/lychgate/guard.nft": ruleset.guard(caps),
        "/etc/lychgate/lock.nft": lockdown(caps),
        "/etc/lychgate/routing-guard": _lines(" ".join(argv[1:]) for argv in ruleset.routing_guard(caps)),
        "/etc/sysctl.d/90-lychgate.conf": _lines(f"{name} = {value}" for name, value in ruleset.sysctls(caps).items()),
        "/etc/rsyslog.d/20-nftables.conf": RSYSLOG,
    }


def _caps(caps: Caps) -> str:
    """Return the agent's file, as `parse_caps` reads it."""
    values = {field.name: getattr(caps, field.name) for field in fields(caps)}
    return json.dumps({**values, "targets": _targets(caps.targets), "kept_open": _targets(caps.kept_open)}, indent=1, default=str) + "\n"


def _targets(targets: Iterable[Target]) -> list[dict[str, object]]:
    return [{"prefix": t.prefix, "ports": [[p.protocol, p.first, p.last] for p in t.ports]} for t in targets]


def _authorized(setup: Setup) -> str:
    origin = f'from="{",".join(map(str, setup.workers))}",' if setup.workers else ""
    return f'restrict,{origin}command="{COMMAND}" {setup.worker_key}\n'


def _boot(caps: Caps) -> str:
    values: Mapping[str, Iterable[object]] = {
        "interface": [caps.interface],
        "port": [caps.listen_port],
        "addresses": (f"{address}/{address.max_prefixlen}" for address in caps.own_addresses),
        "routes": caps.overlay,
        "state": [caps.state_dir],
    }
    return _lines(f"{name}={_quoted(' '.join(map(str, words)))}" for name, words in values.items())


def _put(path: str, text: str) -> str:
    if f"\n{MARK}\n" in f"\n{text}":
        raise ValueError(path)
    return f"put {MODES.get(path, PLAIN)} {path} <<'{MARK}'\n{text}{MARK}\n"


def _agent(agent: bytes) -> str:
    text = base64.b64encode(agent).decode()
    return f'base64 -d >"$work/agent" <<\'{MARK}\'\n{_lines(_cut(text))}{MARK}\nput 755 {AGENT} <"$work/agent"\n'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _cut(text: str) -> Iterator[str]:
    return (text[start : start + COLUMNS] for start in range(0, len(text), COLUMNS))


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
