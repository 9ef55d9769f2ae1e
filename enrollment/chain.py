"""How the audit log hangs together: what seals an event, and what is wrong with a row of them.

Pure, so that an exported file can be checked on any machine: events come in as mappings,
problems go out in words. A witness is an end of the log that somebody outside saw: it
shows what the chain alone cannot, a tail cut off with its head or a chain made anew.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from enrollment.sentences import kept, say

GENESIS = "0" * 64
COLUMNS = ("seq", "at", "verb", "actor_id", "actor", "subject_type", "subject_id", "subject", "data", "previous")
WITNESS = re.compile(r"(?<![0-9a-f])([0-9]{1,19})[: ]([0-9a-f]{64})(?![0-9a-f])", re.ASCII)
MOST_NAMED = 5
ANOTHER = kept("Event {seq} is not the one that {by} saw.")
MISSING = kept("Events {first} to {last} are missing.")
OUT_OF_ORDER = kept("Event {seq} stands after event {before}.")
NO_FOLLOWER = kept("Event {seq} does not follow the event before it.")
CHANGED = kept("Event {seq} was changed after it was written.")
DISAGREE = kept("Witnesses disagree about event {number}: at most one is right.")
LOST = kept("Event {seq}, which {by} saw, is missing.")
MORE_LOST = kept("So are {more} more that were seen, event {seq} the first of them.")

Row = Mapping[str, Any]


class Witness(NamedTuple):
    """An event's number and seal as somebody saw them, and who."""

    seq: int
    seal: str
    by: str = say("a witness")


class BadFileError(ValueError):
    """The file is no export; the message says where."""


def seal(row: Row) -> str:
    """Return the SHA-256 over the canonical JSON of all columns but the hash; `previous` among them chains."""
    sealed = {column: row[column] for column in COLUMNS}
    return hashlib.sha256(
        json.dumps(sealed, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()
    ).hexdigest()


def find_witnesses(text: str, by: str) -> Iterator[Witness]:
    """Yield each NUMBER:SEAL, or NUMBER SEAL, in lines of whatever kind: a list, a system log, a PEP's own file."""
    for number, found in WITNESS.findall(text):
        yield Witness(int(number), found, by)


def read_export(lines: Iterable[str]) -> Iterator[Row]:
    """Yield the events of an export. Raises BadFileError."""
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line, object_pairs_hook=_once, parse_constant=_none)
        except (ValueError, RecursionError):
            raise BadFileError(f"Line {number} is not one object of JSON.") from None
        if not isinstance(row, dict) or set(row) != {*COLUMNS, "hash"} or type(row["seq"]) is not int:
            raise BadFileError(f"Line {number} is no event.")
        yield row


@dataclass(slots=True)
class Checked:
    """What came of reading a log from one end to the other."""

    problems: list[str] = field(default_factory=list)
    seq: int = 0
    hash: str = GENESIS
    began: int = 0  # with this event; what came before it is not judged


def check(rows: Iterable[Row], witnesses: Iterable[Witness] = (), *, from_start: bool = True) -> Checked:
    """Read events in order, and name every problem. `from_start` False: an export may begin later than with the first."""
    told = sorted(set(witnesses))
    seen: dict[int, Witness] = {each.seq: each for each in told}
    done = Checked(_disagreements(told))
    for row in rows:
        if not done.began and not from_start and row["seq"] > 1:
            done.seq, done.hash = row["seq"] - 1, row["previous"]
        done.began = done.began or row["seq"]
        done.problems += _problems(row, done.seq, done.hash)
        witness = seen.pop(row["seq"], None)
        if witness and witness.seal != row["hash"]:
            done.problems.append(say(ANOTHER, seq=row["seq"], by=witness.by))
        done.seq, done.hash = row["seq"], row["hash"]
    done.problems += _missing([each for number, each in sorted(seen.items()) if number > done.seq])
    return done


def _problems(row: Row, seq: int, last: str) -> Iterator[str]:
    if row["seq"] != seq + 1:
        yield (say(MISSING, first=seq + 1, last=row["seq"] - 1) if row["seq"] > seq else say(OUT_OF_ORDER, seq=row["seq"], before=seq))
    if row["previous"] != last:
        yield say(NO_FOLLOWER, seq=row["seq"])
    if row["hash"] != seal(row):
        yield say(CHANGED, seq=row["seq"])


def _disagreements(told: list[Witness]) -> list[str]:
    seals: dict[int, set[str]] = {}
    for each in told:
        seals.setdefault(each.seq, set()).add(each.seal)
    return [say(DISAGREE, number=number) for number, those in seals.items() if len(those) > 1]


def _missing(gone: list[Witness]) -> list[str]:
    """Name what was cut off at the end; where it is much, from where to where."""
    found: list[str] = [say(LOST, seq=each.seq, by=each.by) for each in gone[-MOST_NAMED:]]
    if len(gone) > MOST_NAMED:
        found.append(say(MORE_LOST, more=len(gone) - MOST_NAMED, seq=gone[0].seq))
    return found


def _none(name: str) -> None:
    message = f"{name} is no number"
    raise ValueError(message)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a name stands twice"
        raise ValueError(message)
    return found
