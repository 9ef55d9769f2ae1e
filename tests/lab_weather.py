"""How steady the machine itself was while a stream in a tunnel should not have been disturbed.

A busy machine lets any stream stand still by chance: one beside the tunnel says for how long.
"""

from __future__ import annotations

import time

from tests.lab import UNDERLAY

MOST_SECONDS = 0.1


class DisturbedError(AssertionError):
    """A stream that nobody should have touched had a gap."""


def watch_the_weather(lab):
    """Start the stream beside the tunnel, which `check_no_gap` asks."""
    lab.weather = lab.stream("phone", {"name": "underlay", "kind": "udp", "to": f"{UNDERLAY[0]}1", "port": 137}, seconds=60)


def check_no_gap(lab, streams, since, names=None):
    """100 ms at most on a machine that has time; return the longest gap in seconds. Raises DisturbedError.

    A packet in the tunnel waits for three turns of the processor (client, WireGuard, service) where that one waits for one.
    """
    stood_still = lab.weather.longest_gap("underlay", start=since) - 0.02
    gaps = {name: streams.longest_gap(name, start=since) for name in names or streams.arrivals}
    if max(gaps.values()) >= MOST_SECONDS + 3 * max(0.0, stood_still):
        raise DisturbedError(gaps)
    return max(gaps.values())


def in_good_weather(attempt, tries=3):
    """Try a few times to show that there is no gap: a busy machine makes one by chance, what we do makes one each time."""
    for _ in range(tries - 1):
        try:
            return attempt()
        except DisturbedError:
            time.sleep(1)
    return attempt()
