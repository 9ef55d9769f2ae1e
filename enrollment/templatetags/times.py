"""Instants and durations, as people read them.

Instants are written in UTC and marked, so that `local-time.js` may show the viewer's own
zone; durations use units that every language shares.
"""

import re
from datetime import UTC, datetime

from django import template
from django.utils.formats import date_format
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from enrollment.sentences import spoken

register = template.Library()

INSTANT = re.compile(r"(\d{4}-\d\d-\d\d) \w{2} (\d\d:\d\d:\d\d) UTC")  # of enrollment/moments.py, in each language
UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@register.filter
def duration(seconds: float) -> str:
    """Return the two largest units that say it: 90000 is "1 d 1 h", 59 is "59 s"."""
    rest = max(0, int(seconds))
    parts = []
    for size, unit in UNITS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


@register.filter
def in_own_zone(sentence: str) -> SafeString:
    """Return a sentence whose instants the viewer reads in their own zone, each with its day: they stand in UTC there."""
    marked = r'<time datetime="\1T\2Z" data-local="whole">\g<0></time>'
    return SafeString(INSTANT.sub(marked, escape(spoken(sentence))))


@register.simple_tag
def when(instant: datetime | None, how: str = "") -> SafeString:
    """Return an instant as a <time>, in UTC and saying so; nothing for one that has not come. `how`: "seconds", where minutes do not do."""
    if not instant:
        return SafeString("")
    utc = instant.astimezone(UTC)
    words = date_format(utc, "SHORT_DATETIME_FORMAT") + (f"{utc::%S}" if how == "seconds" else "")
    return format_html('<time datetime="{}" data-local="{}">{} UTC</time>', f"{utc:%Y-%m-%dT%H:%M:%SZ}", how, words)


@register.simple_tag
def moment(instant: datetime | None) -> SafeString:
    """Return an instant to the second, where minutes do not do: a report of what held when."""
    if not instant:
        return SafeString("")
    utc = instant.astimezone(UTC)
    return format_html('<time datetime="{}">{} UTC</time>', f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S}")


@register.simple_tag
def left(instant: datetime | None, now: datetime) -> SafeString:
    """Return how long it is until then, as a <time> that `countdown.js` keeps true."""
    if not instant:
        return SafeString("")
    return format_html(
        '<time datetime="{}" data-countdown>{}</time>',
        f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        duration((instant - now).total_seconds()),
    )
