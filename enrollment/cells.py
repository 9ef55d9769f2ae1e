"""CSV that no spreadsheet runs: every cell is quoted, and what could begin a formula is marked as text.

Spreadsheets take a cell that begins with one of = + - @ for a formula, and which cell a
text begins depends on their language: some split at semicolons or tabs, inside of our
quotes too. So a mark goes before each such sign that follows a quote, a separator or a
line's end as well. What must be exact is in the JSON.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

BEGINNING = "\ufeff"  # spreadsheets read UTF-8 only where it says so
SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20\u2212"  # their wide forms too, and the minus of typesetters
FORMULA = re.compile(rf"(^|[\"',;|\t\r\n])(\s*)([{SIGNS}])")
BLANK_FIRST = re.compile(r"(^|[\"',;|\n\r])( *)(?=[\t\r])")  # some take these off, and look again


def cell(value: object) -> str:
    """Return one quoted cell; nothing for None."""
    text = "" if value is None else str(value)
    text = FORMULA.sub(r"\1\2'\3", BLANK_FIRST.sub(r"\1\2'", text))
    return '"' + text.replace('"', '""') + '"'


def line(values: Iterable[object]) -> str:
    """Return one row, as RFC 4180 ends it."""
    return ",".join(map(cell, values)) + "\r\n"
