"""Durations as people type them and as they read them back, exactly: "8 h", "1 d 12 h", "90 min".

Whatever is printed reads back as the same number of seconds, so saving a form unchanged
changes nothing. A number without a unit is refused: nobody should get 8 s for 8 h.
"""

import re

from enrollment.sentences import counted, joined, say

UNITS = {"w": 604800, "d": 86400, "h": 3600, "min": 60, "s": 1}
PRINTED = ("d", "h", "min", "s")
LONGEST = 366 * 86400
USUAL = (900, 1800, 3600, 7200, 14400, 28800, 86400, 259200, 604800)
MOST = 6  # that somebody is offered to choose from
WORDS = {  # in English and in German, whatever the page speaks: no word means two things
    **dict.fromkeys(("w", "week", "weeks", "woche", "wochen"), "w"),
    **dict.fromkeys(("d", "day", "days", "tag", "tage"), "d"),
    **dict.fromkeys(("h", "hour", "hours", "std", "stunde", "stunden"), "h"),
    **dict.fromkeys(("m", "min", "minute", "minutes", "minuten"), "min"),
    **dict.fromkeys(("s", "sec", "second", "seconds", "sek", "sekunde", "sekunden"), "s"),
}
NO_TIME = say("It must last longer than no time.")
PART = re.compile(r"(\d{1,9})\s*([a-z]+)\.?\s*", re.ASCII)


class BadDuration(ValueError):  # noqa: N818 - it reads as what it is where it is caught
    """The text is no duration; the message is a sentence for the person who typed it."""


def parse(text: str) -> int:
    """Return the seconds that this text means, 1 at least, or raise BadDuration."""
    rest, total = text.strip().lower(), 0
    if rest.isascii() and rest.isdigit():
        raise BadDuration(say("Say the unit too: 8 h, 90 min, 2 d.") if int(rest) else NO_TIME)
    if not rest:
        raise BadDuration(say("Write how long, such as 8 h, 90 min or 1 d 12 h."))
    while rest:
        part = PART.match(rest)
        if not part or part[2] not in WORDS:
            raise BadDuration(say("Write how long as a whole number and a unit, such as 8 h, 90 min or 1 d 12 h."))
        total += int(part[1]) * UNITS[WORDS[part[2]]]
        rest = rest[part.end() :]
    if total < 1:
        raise BadDuration(NO_TIME)
    if total > LONGEST:
        raise BadDuration(say("This is longer than 366 days."))
    return total


def exact(seconds: int) -> str:
    """Print it so that `parse` gives the same number back."""
    parts = []
    for unit in PRINTED:
        count, seconds = divmod(seconds, UNITS[unit])
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts)


def offered(longest: int) -> tuple[int, ...]:
    """Return lengths to choose from, the longest that is allowed among them."""
    shorter = [seconds for seconds in USUAL if seconds < longest]
    return (*shorter[1 - MOST :], longest)


def seconds_in_words(seconds: int) -> str:
    """Print a duration in the largest units that say it exactly, two at most where it is long."""
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [
        counted("{count} day", "{count} days", count=days),
        counted("{count} hour", "{count} hours", count=hours),
        counted("{count} minute", "{count} minutes", count=minutes),
        counted("{count} second", "{count} seconds", count=rest),
    ]
    said = [part for part in parts if part.number]
    return joined(said) if said else say("no time")
