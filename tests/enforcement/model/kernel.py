"""What a PEP's kernel holds, read by nft and wg themselves: the agent's own reading is what is on trial."""

import re
import time
from dataclasses import dataclass

SET = re.compile(r"\tset device-access-to-(\S+) \{(.*?)\n\t\}", re.DOTALL)
MAP = re.compile(r"\tmap targets\S* \{(.*?)\n\t\}", re.DOTALL)
ELEMENT = re.compile(r"([0-9a-f.:]+)(?: timeout (\w+))?(?: expires (\w+))?\s*[,}]")
PAIR = re.compile(r"([0-9a-f.:]+) : ([0-9a-f.:]+)")
PART = re.compile(r"(\d+)(ms|[dhms])")
SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
FOREVER = float("inf")


@dataclass(frozen=True)
class Held:
    """Elements by (slug, address) with the seconds left, targets by overlay address, addresses by peer; and when it was read."""

    elements: dict[tuple[str, str], float]
    targets: dict[str, str]
    peers: dict[str, frozenset[str]]
    began: float
    ended: float

    def says(self):
        """Return all but the time that is left."""
        return set(self.elements), self.targets, self.peers


def read(gateway):
    """Read it; once more where an element seems to have no end: one that ends this very moment, after the set's own second, looks so."""
    held = _read(gateway)
    return held if FOREVER not in held.elements.values() else _read(gateway)


def _read(gateway):
    began = time.time()
    text = gateway.sh(f"nft list table inet lychgate 2>/dev/null; echo ---; wg show {gateway.interface} allowed-ips")
    ended = time.time()
    table, _, peers = text.partition("---\n")
    elements = {
        (name.removesuffix(".v6"), address): duration(left) if timeout or left else FOREVER
        for name, body in SET.findall(table)
        for address, timeout, left in ELEMENT.findall(body.partition("elements = {")[2])
    }
    targets = dict(PAIR.findall("".join(MAP.findall(table))))
    lines = (line.split("\t") for line in peers.splitlines())
    owners = {key: frozenset(each.partition("/")[0] for each in allowed.split() if each != "(none)") for key, allowed in lines}
    return Held(elements, targets, owners, began, ended)


def duration(text):
    return sum(int(number) * SECONDS[unit] for number, unit in PART.findall(text))
