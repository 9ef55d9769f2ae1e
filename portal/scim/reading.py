"""What SCIM clients send, as they really send it, made into values: bodies, filters, pages, PATCH operations.

Names are read in any case (RFC 7643), and with or without their schema before them.
Whatever cannot be read is a 400 with words, never a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest

from portal.scim.answers import CORE, ScimError, insist

LARGEST_BODY = 2**20  # bytes: some ten thousand members
MOST_OPERATIONS = 5000
MOST_IN_A_PAGE = 200
OPERATIONS = ("add", "remove", "replace")
TERM = re.compile(r'\s*([A-Za-z][\w.:$-]{0,120})\s+eq\s+("(?:[^"\\]|\\.){0,1000}"|true|false)\s*', re.IGNORECASE)
OF_A_MEMBER = re.compile(r'members\[\s*value\s+eq\s+("(?:[^"\\]|\\.){1,300}")\s*\](?:\.value)?', re.IGNORECASE)
TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True)
class Operation:
    """One step of a PATCH: `op` in small letters; `path` bare and in small letters, but for what a filter in it names; "" is none."""

    op: str
    path: str
    value: Any
    member: str | None = None


def body_of(request: HttpRequest) -> dict[str, Any]:
    """Return the object that was sent."""
    try:
        raw = request.body
    except RequestDataTooBig:
        raise ScimError(413, f"Send no more than {LARGEST_BODY} bytes at a time.") from None
    if len(raw) > LARGEST_BODY:
        raise ScimError(413, f"Send no more than {LARGEST_BODY} bytes at a time.")
    try:
        found = json.loads(raw.decode())
    except (ValueError, RecursionError):
        raise ScimError(400, "The body is no JSON.", "invalidSyntax") from None
    insist(isinstance(found, dict), "The body must be a JSON object.", "invalidSyntax")
    return dict(found)


def attributes_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with its names in small letters and without schema."""
    return {bare(name): value for name, value in body.items()}


def bare(name: str) -> str:
    """Return an attribute's name in small letters, without the core schema that may stand before it."""
    for kind in ("User:", "Group:"):
        if name.lower().startswith((CORE + kind).lower()):
            name = name[len(CORE + kind) :]
    return name.lower()


def text(value: object, what: str) -> str:
    """Return text that prints; "" for none."""
    if value is None:
        return ""
    insist(isinstance(value, str) and value.isprintable(), f"{what} must be text that prints.")
    return str(value)


def truth(value: object) -> bool:
    """Return what `active` says: true, "True" as one client sends it, or either within a list of one value."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping):
        value = attributes_of(value).get("value")
    if isinstance(value, str):
        value = TRUTHS.get(value.strip().lower())
    insist(isinstance(value, bool), "active must be true or false.")
    return bool(value)


def operations(body: Mapping[str, Any]) -> list[Operation]:
    """Return the steps of a PATCH. A value without a path is one step for each name in it."""
    found = attributes_of(body).get("operations")
    insist(isinstance(found, list) and found, "A PATCH has a list of Operations.", "invalidSyntax")
    listed = list(found or ())
    insist(len(listed) <= MOST_OPERATIONS, f"Send no more than {MOST_OPERATIONS} operations at a time.")
    return [step for each in listed for step in _steps(each)]


def _steps(each: object) -> Iterator[Operation]:
    insist(isinstance(each, Mapping), "An operation is an object.", "invalidSyntax")
    said = attributes_of(dict(each))  # type: ignore[call-overload] # a mapping, as just insisted
    op, path, value = str(said.get("op")).lower(), said.get("path"), said.get("value")
    insist(op in OPERATIONS, f"op must be one of {', '.join(OPERATIONS)}.", "invalidSyntax")
    insist(path is None or isinstance(path, str), "path must be text.", "invalidPath")
    if path:
        one = OF_A_MEMBER.fullmatch(path.strip())
        yield Operation(op, "members", value, _quoted(one[1])) if one else Operation(op, bare(path.strip()), value)
        return
    insist(op != "remove", "remove needs a path.", "noTarget")
    insist(isinstance(value, Mapping), "Without a path, the value is an object.")
    for name, inner in dict(value or {}).items():
        yield Operation(op, bare(str(name)), inner)


def terms(request: HttpRequest, allowed: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return what a filter asks for: (name, value) pairs that must all hold. Only `eq` and `and` are read."""
    asked = request.GET.get("filter", "")
    if not asked.strip():
        return []
    found, at = [], 0
    while True:
        term = TERM.match(asked, at)
        insist(term, 'This filter is not supported: only eq and and, as in userName eq "x".', "invalidFilter")
        if term is None:
            return []
        name = bare(term[1])
        insist(name in allowed, f"Filter by {', '.join(allowed)} only.", "invalidFilter")
        found.append((name, _quoted(term[2]) if term[2].startswith('"') else term[2].lower()))
        at = term.end()
        if at == len(asked):
            return found
        also = re.compile(r"and\b", re.IGNORECASE).match(asked, at)
        insist(also and len(found) < 5, "This filter is not supported: only eq and and.", "invalidFilter")  # noqa: PLR2004 - nobody sends more
        at = also.end() if also else at


def page(request: HttpRequest) -> tuple[int, int]:
    """Return which page is asked for: the number of its first thing, from 1, and how many at most."""
    return max(1, _whole(request, "startIndex", 1)), max(0, min(MOST_IN_A_PAGE, _whole(request, "count", MOST_IN_A_PAGE)))


def _whole(request: HttpRequest, name: str, default: int) -> int:
    raw = request.GET.get(name, str(default))
    insist(re.fullmatch(r"-?[0-9]{1,9}", raw), f"{name} must be a whole number.")
    return int(raw)


def _quoted(raw: str) -> str:
    try:
        found = json.loads(raw)
    except ValueError:
        raise ScimError(400, "The text in a filter is no JSON text.", "invalidFilter") from None
    insist(found.isprintable(), "The text in a filter must print.", "invalidFilter")
    return str(found)
