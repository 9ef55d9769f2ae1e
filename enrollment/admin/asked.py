"""What an address of the admin may ask of the database: what a filter of ours offers, and no more.

Django lets any lookup on a field of the list itself through; some end in an error of the
database, and some let a reader ask for what no column shows, letter by letter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin

ENDINGS = frozenset({"", "exact", "id__exact", "isnull", "isempty", "year", "month", "day"})  # as Django's filters write them
LONGEST_VALUE = 60
LONGEST_NUMBER = 18  # digits that every column of numbers holds
LONGEST_YEAR = 4
LONGEST_SEARCH = 100  # characters: every word is one more condition


def is_offered(lookup: str, value: object, *, filters: Iterable[Any], more: Iterable[str]) -> bool:
    """Tell whether one of these filters, or a field named in `more`, could have written this into an address."""
    if "\x00" in str(value):
        return False  # PostgreSQL takes none
    listed = list(filters)
    own = [each for each in listed if isinstance(each, type) and issubclass(each, admin.SimpleListFilter)]
    if lookup in {name for each in own for name in getattr(each, "parameters", (each.parameter_name,))}:
        return True
    name, _, ending = lookup.partition("__")
    fields = {each[0] if isinstance(each, tuple) else each for each in listed} | {*more}
    return name in fields and ending in ENDINGS and fits(str(value), LONGEST_YEAR if ending == "year" else LONGEST_NUMBER)


def fits(value: str, longest_number: int) -> bool:
    """Tell whether a column could hold this value."""
    return len(value) <= (longest_number if value.lstrip("-").isdigit() else LONGEST_VALUE)
