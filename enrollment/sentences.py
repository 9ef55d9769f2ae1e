"""Sentences for people, from code that knows no language: English as they stand, and in the reader's language on a page.

`say` returns a text, which is what logs, mails, the audit log and commands take. It remembers how it was made,
so where a page shows it, it is translated and made again; so are the sentences among its values. Joined by other
means it is plain English: put a sentence into another as a value, and several in a row by `joined`.
Rows, and gateways, keep the English alone: what is known by `kept` is found again by `recalled`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache, lru_cache
from html import escape
from typing import ClassVar, Self

SEVERAL = "; "  # between sentences that are kept in one text
VALUE = re.compile(r"\{(\w+)\}")
OF_WORDS = {"by", "error", "since", "when", "why", "words"}  # values with blanks, which may be sentences; no other in what is kept has one
DEEPEST = 3  # sentences within each other; a gateway that lies sends more
Tongue = Callable[[str, str, int], str]  # a text, its plural or nothing, and how many


_KEPT: dict[str, re.Pattern[str]] = {}


def english(one: str, many: str, number: int) -> str:
    return many if many and number != 1 else one


class Sentence(str):
    """A text that can be said again in another language. Equal to its English in everything."""

    __slots__ = ("many", "number", "template", "values")
    template: str
    values: Mapping[str, object] | None
    many: str
    number: int
    tongue: ClassVar[Tongue] = staticmethod(english)  # the reader's; enrollment/apps.py sets it

    def __new__(cls, template: str, values: Mapping[str, object] | None = None, many: str = "", number: int = 1) -> Self:
        """Make it. Without values, nothing in the text stands for one."""
        words = english(template, many, number)
        made = super().__new__(cls, words if values is None else words.format_map(values))
        made.template, made.values, made.many, made.number = template, values, many, number
        return made

    def __getnewargs__(self) -> tuple[object, ...]:  # type: ignore[override] # a copy is made as this was
        return self.template, self.values, self.many, self.number

    def __str__(self) -> Self:
        """Stay a sentence: forms and exceptions ask for this of what they show."""
        return self

    def __html__(self) -> str:
        """Be what a template shows, in the reader's language."""
        return escape(self.spoken())

    def spoken(self) -> str:
        """Return it in the reader's language."""
        words = type(self).tongue(self.template, self.many, self.number)
        if self.values is None:
            return words
        return words.format_map({name: spoken(value) if isinstance(value, str) else value for name, value in self.values.items()})


def say(template: str, **values: object) -> Sentence:
    """Return the sentence. A translator finds every template that stands in a call of this."""
    return Sentence(template, _fixed(values)) if values else _plain(template)


def counted(one: str, many: str, *, count: int, **values: object) -> Sentence:
    """Return the sentence that fits the number, which it may name as {count}."""
    return Sentence(one, _fixed({"count": count, **values}), many, count)


def joined(parts: Iterable[str], by: str = " ") -> Sentence:
    """Return sentences in a row as one."""
    values = {f"part{number}": part for number, part in enumerate(parts)}
    return Sentence(by.join(f"{{{name}}}" for name in values), values)


def kept(template: str) -> str:
    """Return it as it is, and know it from now on: rows keep this sentence with its values in it, or a gateway sends it."""
    pattern = "".join(_pattern(part, at % 2 == 1) for at, part in enumerate(VALUE.split(template)))
    _KEPT[template] = re.compile(pattern, re.DOTALL)
    _with_values.cache_clear()
    recalled.cache_clear()
    return template


@lru_cache(maxsize=256)
def recalled(text: str) -> Sentence:
    """Return a text that was kept in English, such as in a row: where it was a sentence of ours, it is one again."""
    return joined(map(_recalled, text.split(SEVERAL)), SEVERAL) if SEVERAL in text else _recalled(text)


def spoken(text: str) -> str:
    """Return a text in the reader's language, where it can be said in another: for what is kept until a later page shows it."""
    return text.spoken() if isinstance(text, Sentence) else text


def _recalled(text: str, depth: int = 0) -> Sentence:
    for template, pattern in _with_values() if depth < DEEPEST else ():
        found = pattern.fullmatch(text)
        values = found.groupdict() if found else {}
        inner = {name: _recalled(values[name], depth + 1) for name in OF_WORDS & values.keys()}
        says_something = VALUE.sub("", template).strip(": ")  # else it is one of ours only if what is in it is
        if values and (says_something or any(value.template in _KEPT for value in inner.values())):
            return Sentence(template, values | inner)
    return Sentence(text)


@cache
def _with_values() -> list[tuple[str, re.Pattern[str]]]:
    """Return what is kept with values in it, the longest first: where two fit, that says more."""
    return [(template, _KEPT[template]) for template in sorted(_KEPT, key=len, reverse=True) if VALUE.search(template)]


def _pattern(part: str, is_value: bool) -> str:  # noqa: FBT001 - which of two things the part is
    return (rf"(?P<{part}>.+)" if part in OF_WORDS else rf"(?P<{part}>\S+)") if is_value else re.escape(part)


@cache
def _plain(template: str) -> Sentence:
    return Sentence(template)


def _fixed(values: Mapping[str, object]) -> dict[str, object]:
    """Return the values as they are now: a thing that has a name stands for that name."""
    return {name: value if isinstance(value, str | int | float | datetime) else str(value) for name, value in values.items()}
