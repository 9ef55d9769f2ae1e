"""How long a PEP takes to open and to close for one device, while it already holds others.

The agent is asked as a worker asks it: over its stream, scoped to the device, and its receipt
counts only if it says that the kernel holds what was wanted. The floor is measured in the
same run, on the same kernel objects.
"""

import base64
import ipaddress
import json
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from enforcement.pep.ruleset import set_name
from enforcement.pep.state import Admission, Peer, make_state, to_json
from tests.lab import PepLab, fileshare

SLUG = "fileshare"


class Pep:
    """The agent of a lab, over one long stream."""

    def __init__(self, lab, config, generation=0):
        command = lab.argv("pep", [sys.executable, "-m", "enforcement.pep", "--config", str(config)])
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.generation = generation
        self._nonce = self._ask({"verb": "hello"})["nonce"]

    def apply(self, state, scope=None):
        """Apply a state and return how many milliseconds it took until the receipt."""
        self.generation += 1
        began = time.perf_counter()
        request = {"verb": "apply", "generation": self.generation, "nonce": self._nonce, "sent_at": time.time(), "lease": 0}
        receipt = self._ask(request | {"scope": scope, "state": to_json(state)})
        took = (time.perf_counter() - began) * 1000
        if receipt["outcome"] != "applied" or any(receipt["missing"].values()) or any(receipt["extra"].values()):
            raise RuntimeError(f"the PEP does not hold what was wanted: {receipt['outcome']}, {receipt['why']}")
        self._nonce = receipt["nonce"]
        return took

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def _ask(self, request):
        self._process.stdin.write(json.dumps({"version": 1, "pep": "pep-1"} | request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if answer["kind"] == "error":
            raise RuntimeError(f"the agent refused: {answer['why']}")
        return answer


def a_device(number):
    addresses = (ipaddress.ip_address("10.89.1.0") + number, ipaddress.ip_address("fd89::1:0") + number)
    return Peer(base64.b64encode(secrets.token_bytes(32)).decode(), addresses)


def a_state(devices, deadline):
    return make_state([fileshare()], devices, [Admission(SLUG, address, deadline) for device in devices for address in device.addresses])


def measure(devices, rounds):
    """Return the milliseconds of the agent and of the floor, opening and closing, beside `devices` others."""
    with tempfile.TemporaryDirectory() as directory, PepLab(services=False, most_peers=100_000, most_new_peers_an_hour=1_000_000) as lab:
        lab.load_guards()
        pep = Pep(lab, lab.write_config(Path(directory) / "agent.json"))
        try:
            deadline = int(time.time()) + 3600
            pep.apply(a_state([a_device(number) for number in range(devices)], deadline))
            one = a_device(devices)
            scope = {"devices": [str(address) for address in one.addresses], "resources": []}
            times = {"open": [], "close": []}
            for _ in range(rounds):
                times["open"].append(pep.apply(a_state([one], deadline), scope))
                times["close"].append(pep.apply(a_state([], deadline), scope))
        finally:
            pep.close()
        return times, floor(lab, one, rounds)


def floor(lab, device, rounds):
    return json.loads(
        lab.run("pep", [sys.executable, str(Path(__file__).parent / "floor.py")], json.dumps(orders_for(lab, device, rounds)), seconds=600)
    )


def orders_for(lab, device, rounds):
    """Say to floor.py what opening and closing for one device comes to."""
    elements = [(set_name(SLUG, address.version), address) for address in device.addresses]
    argv = ["wg", "set", lab.interface, "peer", device.key]
    lines = f"set=1\npublic_key={base64.b64decode(device.key).hex()}\n"
    allowed = [f"{address}/{address.max_prefixlen}" for address in device.addresses]
    return {
        "rounds": rounds,
        "socket": f"/var/run/wireguard/{lab.interface}.sock",
        "open": [
            {
                "argv": [*argv, "allowed-ips", ",".join(allowed)],
                "lines": lines + "replace_allowed_ips=true\n" + "".join(f"allowed_ip={prefix}\n" for prefix in allowed) + "\n",
            },
            {"nft": "".join(f"add element inet lychgate {name} {{ {address} timeout 3600s }}\n" for name, address in elements)},
        ],
        "close": [
            {"nft": "".join(f"delete element inet lychgate {name} {{ {address} }}\n" for name, address in elements)},
            {"argv": [*argv, "remove"], "lines": lines + "remove=true\n\n"},
        ],
    }


def row(what, devices, times, bare):
    """Return a step's row: the median, the 99th percentile, and their ratios to the floor's median."""
    p50, p99, low = statistics.median(times), statistics.quantiles(times, n=100, method="inclusive")[98], statistics.median(bare)
    figures = {"p50_ms": p50, "p99_ms": p99, "floor_ms": low, "p50_ratio": p50 / low, "p99_ratio": p99 / low}
    return {"what": what, "devices": devices, "rounds": len(times)} | figures


def summary(devices, times, bare):
    return [row(f"the agent alone: {step} for one device", devices, times[step], bare[step]) for step in ("open", "close")]
