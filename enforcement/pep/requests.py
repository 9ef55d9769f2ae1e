"""What the portal may say to the agent, and nothing else.

A line is one JSON object of a closed vocabulary. Whatever does not fit is refused with a
sentence, before anything is looked at.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from enforcement.pep.plan import Scope
from enforcement.pep.state import MAX_ID, State, StateError, canonical, from_json, parse_address, parse_slug
from enforcement.pep.witnesses import Witness

VERSION = 1
LONGEST_LEASE = 90 * 86400
NONCE = re.compile(r"[0-9a-f]{32}|", re.ASCII)
SEAL = re.compile(r"[0-9a-f]{64}", re.ASCII)


class RequestError(ValueError):
    """The line is no request to this PEP; the message says why."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Asks for a nonce, and how far this PEP is."""


@dataclass(frozen=True, slots=True)
class Read:
    """Asks what the kernel holds; changes nothing."""


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Asks which ends of the audit log were seen here."""


@dataclass(frozen=True, slots=True)
class Lock:
    """Asks for a trial of lock-down, or, with the token of one, for it to last."""

    token: str


@dataclass(frozen=True, slots=True)
class Apply:
    """Says what the kernel must hold. `document` names the state; `order` also covers the scope.

    The witness is no part of either: the log may grow while what is wanted stays the same.
    """

    generation: int
    nonce: str
    sent_at: float
    lease: int
    scope: Scope | None
    state: State
    document: str
    order: str
    witness: Witness | None = None


Request = Hello | Read | Witnesses | Lock | Apply


def parse(line: bytes, pep: str) -> Request:
    """Read one line. Raises RequestError."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise RequestError("the line is not JSON") from None
    if not isinstance(value, dict):
        raise RequestError("a request is a JSON object")
    verb = value.get("verb")
    if not isinstance(verb, str) or verb not in _FIELDS:
        raise RequestError("the verb is hello, apply, read, witnesses or lock")
    fields = _FIELDS[verb]
    if not fields <= set(value) <= fields | _MAY.get(verb, set()):
        raise RequestError(f"a request to {verb} has exactly the fields {', '.join(sorted(fields))}")
    if type(value["version"]) is not int or value["version"] != VERSION:
        raise RequestError(f"this agent speaks version {VERSION} of the protocol")
    if value["pep"] != pep:
        raise RequestError(f"this is the PEP {pep}; the request is for another")
    if verb in _PLAIN:
        return _PLAIN[verb]()
    return Lock(_hexadecimal(value["token"], "token")) if verb == "lock" else _apply(value)


def _apply(value: dict[str, object]) -> Apply:
    try:
        state, scope = from_json(value["state"]), _scope(value["scope"])
    except StateError as error:
        raise RequestError(str(error)) from None
    nonce = _hexadecimal(value["nonce"], "nonce")
    sent_at = value["sent_at"]
    if type(sent_at) not in {int, float} or not 0 <= sent_at <= MAX_ID:  # type: ignore[operator]
        raise RequestError("sent_at is the portal's time in seconds since 1970")
    return Apply(
        _integer(value["generation"], 1, MAX_ID, "generation"),
        nonce,
        float(sent_at),  # type: ignore[arg-type]
        _integer(value["lease"], 0, LONGEST_LEASE, "lease"),
        scope,
        state,
        _digest(value["state"]),
        _digest([value["state"], value["scope"]]),
        _witness(value.get("witness")),
    )


def _scope(value: object) -> Scope | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) != {"devices", "resources"} or not all(isinstance(part, list) for part in value.values()):
        raise RequestError("a scope is null, or has exactly the lists devices, resources")
    return Scope(frozenset(map(parse_address, value["devices"])), frozenset(map(parse_slug, value["resources"])))


def _witness(value: object) -> Witness | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != len(("number", "seal")):
        raise RequestError("a witness is null, or the number of an event and its seal")
    if not isinstance(value[1], str) or not SEAL.fullmatch(value[1]):
        raise RequestError("the seal of a witness is 64 hexadecimal digits")
    return _integer(value[0], 0, MAX_ID, "number of a witness"), value[1]


def _integer(value: object, low: int, high: int, what: str) -> int:
    if type(value) is not int or not low <= value <= high:
        raise RequestError(f"the {what} is a whole number from {low} to {high}; got {value!r:.40}")
    return value


def _hexadecimal(value: object, what: str) -> str:
    if not isinstance(value, str) or not NONCE.fullmatch(value):
        raise RequestError(f"a {what} is 32 hexadecimal digits, or empty")
    return value


def _digest(value: object) -> str:
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


_FIELDS = {
    "hello": {"verb", "version", "pep"},
    "read": {"verb", "version", "pep"},
    "witnesses": {"verb", "version", "pep"},
    "lock": {"verb", "version", "pep", "token"},
    "apply": {"verb", "version", "pep", "generation", "nonce", "sent_at", "lease", "scope", "state"},
}
_MAY = {"apply": {"witness"}}  # an older portal sends none
_PLAIN: dict[str, type[Hello | Read | Witnesses]] = {"hello": Hello, "read": Read, "witnesses": Witnesses}
