"""A PEP of its own for tests of the agent: a namespace with WireGuard, and the shipped zipapp talked to line by line."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from enforcement.pep.state import digest, from_json
from portal.demo.netns import Lab, make_keys, unique_interface
from tests.lab import PORT, agent_config

ROOT = Path(__file__).parents[3]
PYTHON = "/usr/bin/python3"
MEASURED = os.environ.get("COVERAGE_PROCESS_CONFIG", "")
FILESHARE, WIKI = "fileshare", "wiki"
ALICE, ERIN = ("10.89.0.2", "fd89::2"), ("10.89.0.3", "fd89::3")
SET, SET_V6 = "device-access-to-fileshare", "device-access-to-fileshare.v6"


def key(number: int) -> str:
    return base64.b64encode(bytes([number % 251 + 1, number // 251 + 1]) + bytes(30)).decode()


def placement(slug=FILESHARE, number=7, **changes):
    """Make a resource as the protocol writes it."""
    return {
        "id": number,
        "slug": slug,
        "ports": [["tcp", 445, 445]],
        "overlay_v4": f"10.89.65.{number}",
        "target_v4": "192.168.89.10",
        "overlay_v6": f"fd89:0:0:1::{number}",
        "target_v6": "2001:db8:89::10",
    } | changes


def state(admissions=None, *, placements=None, peers=None, seconds=600):
    """Make a state: `admissions` maps devices to the resources they may reach, each until `seconds` from now."""
    admissions = {} if admissions is None else admissions
    deadline = int(time.time()) + seconds
    devices = {device: key(int(device[0].rsplit(".", 1)[1])) for device in admissions}
    return {
        "placements": [placement(), placement(WIKI, 8)] if placements is None else placements,
        "peers": [[name, list(device)] for device, name in devices.items()] if peers is None else peers,
        "admissions": [[slug, a, deadline] for device, slugs in admissions.items() for slug in slugs for a in device],
    }


EMPTY = state(placements=[])


class ByHand:
    """What an administrator of the PEP could do and see there, whatever lab it stands in."""

    def clean(self):
        """Empty the kernel, as after a restart."""
        drop = f"for key in $(wg show {self.interface} peers); do wg set {self.interface} peer $key remove; done"
        self.sh(f"nft flush ruleset; conntrack -F; {drop}")

    def sh(self, line):
        """Do something by hand, as an administrator of the PEP would."""
        return self.run("pep", ["sh", "-c", line])

    def elements(self, name=SET):
        """Return the set's elements as nft prints them: address and milliseconds left."""
        listed = json.loads(self.run("pep", ["nft", "-j", "list", "set", "inet", "lychgate", name]))
        elements = listed["nftables"][1]["set"].get("elem", [])
        return {e["elem"]["val"]: e["elem"]["expires"] for e in elements}

    def admitted(self, slug=FILESHARE):
        """Return the addresses in the resource's sets, both families; none where there are no such sets."""
        known = self.sh("nft list sets").splitlines()
        names = [name for name in (f"device-access-to-{slug}", f"device-access-to-{slug}.v6") if f"\tset {name} {{" in known]
        return {address for name in names for address in self.elements(name)}

    def peers(self):
        lines = self.run("pep", ["wg", "show", self.interface, "allowed-ips"]).splitlines()
        return {line.split("\t")[0]: set(line.split("\t")[1].split()) for line in lines}


class Machine(ByHand, Lab):
    """A namespace `pep` with WireGuard up."""

    def __init__(self):
        super().__init__(f"lgt{os.getpid()}g")
        self.add_host("pep")
        self.interface, self.keys = unique_interface(), make_keys()
        self.add_wireguard("pep", self.interface, self.keys, ["10.89.65.1/24"], port=PORT)


def agent_argv(pyz: Path, config: Path) -> list[str]:
    """Return what starts the shipped agent; where coverage is measured (`make coverage`), its source under the same eye as ours."""
    return [*python(), "-m", "enforcement.pep", "--config", str(config)] if MEASURED else shipped_argv(pyz, config)


def python() -> list[str]:
    """Return the distribution's own Python as a PEP has it; where coverage is measured, the one that can."""
    return ["env", f"COVERAGE_PROCESS_CONFIG={MEASURED}", sys.executable] if MEASURED else [PYTHON, "-I"]


def code(pyz: Path) -> str:
    """Return where the agent's code is to be taken from."""
    return str(ROOT if MEASURED else pyz)


def shipped_argv(pyz: Path, config: Path) -> list[str]:
    return [PYTHON, "-I", str(pyz), "--config", str(config)]


class Agent:
    """One stream with the agent, as the portal holds it. `is_shipped`: the zipapp itself, also where coverage is measured."""

    is_shipped = False

    def __init__(self, machine, directory: Path, pyz: Path, *arguments: str, **config):
        self.machine, self.directory, self.pyz, self.arguments = machine, directory, pyz, arguments
        self.config = agent_config(machine.interface) | {"state_dir": str(directory / "state")} | config
        self.write_config()
        self.generation, self.nonce, self.process = 0, "", None
        self.answered, self.waited = 0.0, 0.0
        self.prefix: list[str] = []

    def write_config(self, **changes):
        self.config |= changes
        path = self.directory / "agent.json"
        path.write_text(json.dumps(self.config))
        path.chmod(0o600)

    def start(self):
        argv = [*self.prefix, *self.program(), *self.arguments]
        self.process = subprocess.Popen(self.machine.argv("pep", argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self.process

    def program(self):
        config = self.directory / "agent.json"
        return shipped_argv(self.pyz, config) if self.is_shipped else agent_argv(self.pyz, config)

    def send(self, line: bytes):
        """Send bytes, return the next line's JSON; None where the stream ended."""
        process = self.process or self.start()
        process.stdin.write(line)
        process.stdin.flush()
        answer = process.stdout.readline()
        return json.loads(answer) if answer else None

    def ask(self, request):
        """Send a request; `waited` is how old its nonce was at most when it came, which is time that it takes away."""
        answer = self.send(json.dumps(request).encode() + b"\n")
        self.nonce = (answer or {}).get("nonce", self.nonce)
        self.waited, self.answered = time.monotonic() - self.answered, time.monotonic()
        return answer

    def hello(self):
        return self.ask({"verb": "hello", "version": 1, "pep": "pep-1"})

    def read(self):
        return self.ask({"verb": "read", "version": 1, "pep": "pep-1"})

    def witnesses(self):
        """Return the ends of the audit log that the PEP has seen, without the times."""
        answer = self.ask({"verb": "witnesses", "version": 1, "pep": "pep-1"})
        return [(seq, seal) for _at, seq, seal in answer["witnesses"]]

    def apply(self, wanted, **changes):
        """Send the state as the next generation; `changes` override fields of the request."""
        if self.process is None:
            self.generation = max(self.generation, self.hello()["generation"])
        generation = changes.setdefault("generation", self.generation + 1)
        self.generation = max(self.generation, generation)
        return self.ask(self.request(wanted, **changes))

    def request(self, wanted, **changes):
        request = {"verb": "apply", "version": 1, "pep": "pep-1", "generation": self.generation, "nonce": self.nonce}
        return request | {"sent_at": time.time(), "lease": 0, "scope": None, "state": wanted} | changes

    def again(self, wanted, **changes):
        """Send the same generation once more."""
        return self.apply(wanted, generation=self.generation, **changes)

    def close(self):
        if self.process:
            self.process.stdin.close()
            self.process.wait(timeout=5)
            self.process.stdout.close()
        self.process = None


def check_in_force(receipt, wanted):
    """All that was wanted is held, nothing else, and the digest says so."""
    assert receipt["why"] == [], receipt["why"]
    assert receipt["missing"] == {"peers": [], "admissions": [], "placements": []}, receipt
    assert receipt["extra"] == {"peers": [], "admissions": []}
    assert receipt["digest"] == digest(from_json(wanted))


def check_closes_only(receipt, because):
    assert receipt["outcome"] == "removals only"
    assert because in " ".join(receipt["why"]), receipt["why"]


def kinds(receipt):
    return sorted(drift["kind"] for drift in receipt["drift"])
