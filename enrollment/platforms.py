"""Which platform somebody is likely to install a config on, by what their browser says of itself. Only for what is unfolded first."""

from __future__ import annotations

MARKS = (  # the first that is found decides: Android says Linux too
    ("Android", "android"),
    ("CrOS", "android"),
    ("iPhone", "ios"),
    ("iPad", "ios"),
    ("Windows", "windows"),
    ("Macintosh", "macos"),  # and an iPad that asks for pages as a desktop does
    ("Linux", "linux"),
)
ALL = ("windows", "macos", "linux", "ios", "android")
PHONES = ("ios", "android")


def likely(user_agent: str, *, is_phone: bool) -> tuple[str, ...]:
    """Return the platforms to unfold: this browser's; both of phones where a phone is enrolled at a computer; none for an unknown one."""
    here = _named(user_agent)
    if is_phone and here not in PHONES:
        return PHONES
    return (here,) if here else ()


def is_phone(user_agent: str) -> bool:
    """Tell whether this browser surely runs on a phone or tablet."""
    return _named(user_agent) in PHONES


def _named(user_agent: str) -> str:
    return next((platform for mark, platform in MARKS if mark in user_agent), "")


def in_order(unfolded: tuple[str, ...]) -> list[tuple[str, bool]]:
    """Return every platform, with whether to unfold it: those first."""
    return [(each, each in unfolded) for each in sorted(ALL, key=lambda platform: platform not in unfolded)]
