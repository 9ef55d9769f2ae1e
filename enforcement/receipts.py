"""What a PEP answered, typed. It comes from a machine that may lie: read strictly, never evaluated.

A missing field, a wrong type or another PEP's name is a ReceiptError with a sentence.
Fields we do not know are left alone, so that a newer agent can speak with an older portal.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from enforcement.pep.state import LAST_SECOND, State, StateError, from_json
from enrollment.sentences import SEVERAL, kept, say

T = TypeVar("T")
SEAL = re.compile(r"[0-9a-f]{64}", re.ASCII)
ALARM = "alarm: "  # what a sentence begins with that somebody must look at
Outcome = Literal["applied", "unchanged", "removals only", "refused"]
OUTCOMES: Mapping[str, Outcome] = {"applied": "applied", "unchanged": "unchanged", "removals only": "removals only", "refused": "refused"}
AGENT_REFUSED, ANOTHER_PEP = kept("the agent refused the request: {why}"), kept("another PEP answered: {words}")
LONGEST_TEXT = 500
MOST_ITEMS = 1_000_000
MOST_SENTENCES = 100
LARGEST = 2**63 - 1
LARGEST_COUNT = 2**31 - 1  # what PostgreSQL keeps of a count
UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


class ReceiptError(ValueError):
    """The answer is not one; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Who answers, how far it is, and the nonce that the next document must echo."""

    agent: str
    generation: int
    nonce: str
    now: float
    public_key: str | None


@dataclass(frozen=True, slots=True)
class DriftFound:
    """The kernel held something that the agent had not put there, or lacked something that it had."""

    kind: str
    what: Mapping[str, object]
    words: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the kernel held after one request."""

    agent: str
    generation: int
    document: str
    digest: str
    outcome: Outcome
    why: tuple[str, ...]
    missing_peers: frozenset[str]
    missing_admissions: frozenset[tuple[str, str]]
    missing_placements: frozenset[str]
    extra_peers: frozenset[str]
    extra_admissions: frozenset[tuple[str, str]]
    peers: int
    admissions: int
    lease_until: int | None
    drift: tuple[DriftFound, ...]
    handshakes: Mapping[str, int]
    now: float
    took_ms: float
    held: State | None
    lock: str = ""  # "open", "trial", "locked"; an older agent does not say
    is_recorded: bool = False  # the agent has no kernel to work on (no root, no Linux) and only notes what it is told

    @property
    def is_whole(self) -> bool:
        """Everything that was wanted is held, and nothing else."""
        lacking = self.missing_peers or self.missing_admissions or self.missing_placements
        return (
            self.outcome in ("applied", "unchanged") and not self.is_recorded and not (lacking or self.extra_peers or self.extra_admissions)
        )


def printable(value: bytes | str) -> str:
    """Return text that is safe to keep and to show: ASCII, one line, bounded."""
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    return UNPRINTABLE.sub(" ", text)[:LONGEST_TEXT]


def parse_hello(value: object, pep: str) -> Hello:
    fields = _answer(value, "hello", pep)
    key = fields.get("public_key")
    return Hello(
        agent=_text(fields, "agent")[:20],
        generation=_whole(fields, "generation"),
        nonce=_text(fields, "nonce"),
        now=_number(fields, "now"),
        public_key=None if key is None else _text(fields, "public_key"),
    )


def parse_receipt(value: object, pep: str) -> Receipt:
    fields = _answer(value, "receipt", pep)
    missing, extra, counts = (_object(fields, name) for name in ("missing", "extra", "counts"))
    outcome = OUTCOMES.get(_text(fields, "outcome"))
    if outcome is None:
        raise ReceiptError("its outcome is none that we know")
    return Receipt(
        agent=_text(fields, "agent")[:20],
        generation=_whole(fields, "generation"),
        document=_text(fields, "document"),
        digest=_text(fields, "digest")[:80],
        outcome=outcome,
        why=tuple(_items(fields, "why", _sentence)[:MOST_SENTENCES]),
        missing_peers=frozenset(_items(missing, "peers", _sentence)),
        missing_admissions=frozenset(_items(missing, "admissions", _pair)),
        missing_placements=frozenset(_items(missing, "placements", _sentence)),
        extra_peers=frozenset(_items(extra, "peers", _sentence)),
        extra_admissions=frozenset(_items(extra, "admissions", _pair)),
        peers=_whole(counts, "peers", LARGEST_COUNT),
        admissions=_whole(counts, "admissions", LARGEST_COUNT),
        lease_until=None if fields.get("lease_until") is None else _whole(fields, "lease_until", LAST_SECOND),
        drift=tuple(_items(fields, "drift", _drift)),
        handshakes=_handshakes(_object(fields, "handshakes")),
        now=_number(fields, "now"),
        took_ms=_number(fields, "took_ms"),
        held=_held(fields["held"]) if "held" in fields else None,
        lock=_text(fields, "lock")[:10] if "lock" in fields else "",
        is_recorded=bool(fields.get("recorded")),
    )


def parse_lock(value: object, pep: str) -> tuple[str, str]:
    """Return how it is locked down ("trial" or "locked"), and the token that a trial is confirmed with."""
    fields = _answer(value, "lock", pep)
    return _text(fields, "state")[:10], _text(fields, "token") if "token" in fields else ""


def parse_witnesses(value: object, pep: str) -> tuple[tuple[int, str], ...]:
    """Return the ends of the audit log that the PEP has seen, as (number, seal)."""
    return tuple(_items(_answer(value, "witnesses", pep), "witnesses", _witness))


def _witness(value: object) -> tuple[int, str]:
    if not isinstance(value, list) or len(value) != len(("at", "number", "seal")):
        raise ReceiptError("a witness is an instant, a number and a seal")
    if not isinstance(value[2], str) or not SEAL.fullmatch(value[2]):
        raise ReceiptError("the seal of a witness is no seal")
    return _whole({"number": value[1]}, "number"), value[2]


def _answer(value: object, kind: str, pep: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ReceiptError("the answer is not a JSON object")
    if value.get("kind") == "error":
        raise ReceiptError(say(AGENT_REFUSED, why=SEVERAL.join(_items(value, "why", _sentence)[:MOST_SENTENCES])))
    if value.get("version") != 1 or value.get("kind") != kind:
        raise ReceiptError(f"the answer is not a {kind} of version 1")
    if value.get("pep") != pep:
        raise ReceiptError(say(ANOTHER_PEP, words=printable(str(value.get("pep")))[:40]))
    return value


def _held(value: object) -> State:
    try:
        return from_json(value)
    except StateError as error:
        raise ReceiptError(f"what it holds: {error}") from None


def _object(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = fields.get(name)
    if not isinstance(value, dict) or len(value) > MOST_ITEMS:
        raise ReceiptError(f"its field {name} is not an object")
    return value


def _items(fields: Mapping[str, object], name: str, read: Callable[[object], T]) -> list[T]:
    value = fields.get(name)
    if not isinstance(value, list) or len(value) > MOST_ITEMS:
        raise ReceiptError(f"its field {name} is not a list")
    return [read(item) for item in value]


def _sentence(value: object) -> str:
    if not isinstance(value, str):
        raise ReceiptError("a text is missing where one must be")
    return printable(value)


def _pair(value: object) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != len(("slug", "address")):
        raise ReceiptError("an admission is named by slug and address")
    return _sentence(value[0]), _sentence(value[1])


def _drift(value: object) -> DriftFound:
    if not isinstance(value, dict):
        raise ReceiptError("a drift is not an object")
    what = {printable(str(name)): printable(str(item)) for name, item in list(_object(value, "what").items())[:20]}
    return DriftFound(_text(value, "kind")[:40], what, _text(value, "words"))


def _handshakes(value: Mapping[str, object]) -> Mapping[str, int]:
    return {printable(key): _whole(value, key, LAST_SECOND) for key in value}


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise ReceiptError(f"its field {name} is not text")
    return printable(value)


def _whole(fields: Mapping[str, object], name: str, most: int = LARGEST) -> int:
    value = fields.get(name)
    if type(value) is not int or not 0 <= value <= most:
        raise ReceiptError(f"its field {name} is not a whole number")
    return value


def _number(fields: Mapping[str, object], name: str) -> float:
    value = fields.get(name)
    if type(value) not in (int, float) or not 0 <= value <= LAST_SECOND:  # type: ignore[operator]
        raise ReceiptError(f"its field {name} is not a number")
    return float(value)  # type: ignore[arg-type]
