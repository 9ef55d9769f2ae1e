"""Admissions as nft commands, and back.

Pure: only typed addresses, integers and checked slugs are written, and every element
gets a timeout in whole milliseconds, never 0, which would mean forever (FACTS R5).
Commands are harmless to repeat and never fail because the world moved on: nft 1.0.6
has no `destroy`, and deleting an absent element fails the whole transaction, so an
element is added before it is deleted (R6). What `parse` reads is what `render` wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from enforcement.pep.ruleset import set_name
from enforcement.pep.state import Address, Admission, parse_address

TABLE = "lychgate"
GUARD = "lychgate-guard"
PER_COMMAND = 5000
# a commit takes time, and its elements count from its end: give that much away, so that none outlives its deadline
MICROSECONDS_AN_ELEMENT = 20

Element = tuple[str, Address]


def element(resource: str, address: Address) -> Element:
    """Name an admission's element: its set, and the address."""
    return set_name(resource, address.version), address


def admit(admissions: Iterable[Admission], now: float) -> str:
    """Write, replace or shorten elements, so that each ends at its deadline. One that has passed is only removed."""
    items = list(admissions)
    allowance = len(items) * MICROSECONDS_AN_ELEMENT // 1000
    left = {element(a.resource, a.address): int((a.deadline - now) * 1000) - allowance for a in items}
    return render({key: milliseconds if milliseconds > 0 else None for key, milliseconds in left.items()})


def expel(admissions: Iterable[Admission]) -> str:
    """Remove elements, whether or not they are still there."""
    return render({element(a.resource, a.address): None for a in admissions})


def render(elements: Mapping[Element, int | None]) -> str:
    """Write each element with its milliseconds, None removing it. Refuses a timeout that would be forever."""
    by_set: dict[str, list[tuple[Address, int | None]]] = {}
    for (name, address), milliseconds in elements.items():
        if milliseconds is not None and milliseconds <= 0:
            raise ValueError("an element without time left is never written: 0 means forever")
        by_set.setdefault(name, []).append((address, milliseconds))
    return "".join(_commands(name, group) for name, items in by_set.items() for group in _groups(items))


def parse(commands: str) -> dict[Element, int | None]:
    """Read what `render` wrote: the milliseconds each element is left with, None where it is removed."""
    found: dict[Element, int | None] = {}
    for verb, name, inside in _COMMAND.findall(commands):
        for item in inside.split(", "):
            address, _, timeout = item.partition(" timeout ")
            key = (name, parse_address(address))
            if verb == "delete":
                found[key] = None
            elif timeout:
                found[key] = int(timeout.removesuffix("ms"))
            else:
                found.setdefault(key, None)
    return found


_COMMAND = re.compile(r"^(add|delete) element inet lychgate (device-access-to-\S+) \{ (.*) \}$", re.MULTILINE)


def _commands(name: str, group: list[tuple[Address, int | None]]) -> str:
    plain = ", ".join(str(address) for address, _ in group)
    timed = ", ".join(f"{address} timeout {milliseconds}ms" for address, milliseconds in group if milliseconds is not None)
    target = f"element inet {TABLE} {name}"
    again = f"add {target} {{ {timed} }}\n" if timed else ""
    return f"add {target} {{ {plain} }}\ndelete {target} {{ {plain} }}\n{again}"


def _groups(items: list[tuple[Address, int | None]]) -> Iterator[list[tuple[Address, int | None]]]:
    for start in range(0, len(items), PER_COMMAND):
        yield items[start : start + PER_COMMAND]
