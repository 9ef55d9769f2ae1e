"""How often one address or one person may do something within a minute: far more often than anybody who works does it.

All processes count together where Redis is there. Where it does not answer, or holds nonsense, nothing is counted and
nobody is held up. Nothing that lies there decides more than that: no value is unpickled, and what is trusted is kept elsewhere.
A new limit is a setting in `LIMITS` and a line where it is spent.
"""

import ipaddress
import logging
import time
from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest
from redis.exceptions import RedisError

MINUTE = 60
LEFT_ALONE_SECONDS = 10.0  # how long a cache that did not answer is not asked again
SAID_EVERY_SECONDS = 60.0

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Absence:
    """Since when this process has not reached the cache, by a clock that nobody sets."""

    until: float = 0.0
    said_at: float | None = None

    def begin(self, error: Exception) -> None:
        at = time.monotonic()
        self.until = at + LEFT_ALONE_SECONDS
        if self.said_at is None or at - self.said_at >= SAID_EVERY_SECONDS:
            self.said_at = at
            log.warning("Limits are not counted: their cache does not answer as it should (%s).", type(error).__name__)


AWAY = Absence()


def spend(limit: str, who: str, *, now: float) -> bool:
    """Count one use more, and tell whether that is too many in this minute."""
    most = settings.LIMITS[limit]
    uses = _count(limit, who, now, 1) if most else 0
    if uses == most + 1:
        log.warning("Too many in a minute: %s, by %s.", limit, who)
    return uses > most


def is_spent(limit: str, who: str, *, now: float) -> bool:
    """Tell whether the next use in this minute would be too many, without counting one."""
    most = settings.LIMITS[limit]
    return bool(most) and _count(limit, who, now, 0) >= most


def seconds_left(now: float) -> int:
    """Return how long it is until all may begin anew."""
    return MINUTE - int(now) % MINUTE


def address_of(request: HttpRequest) -> str:
    """Return where a request came from, as the operator's own proxies say; of IPv6 the network, which one household has whole."""
    address = str(get_adapter(request).get_client_ip(request))
    if ":" not in address:
        return address
    # A server that listens for both families at once writes ::ffff:192.0.2.1 for IPv4: all of that would be one network.
    return str(ipaddress.IPv6Address(address).ipv4_mapped or ipaddress.ip_network(f"{address}/64", strict=False))


def person(pk: int) -> str:
    return f"person {pk}"


def _count(limit: str, who: str, now: float, more: int) -> int:
    """Return the uses in this minute, `more` of them new; 0 where nothing can be known."""
    if time.monotonic() < AWAY.until:
        return 0
    # With the minute in its name, a count that Redis keeps for too long holds nobody up.
    cache, key = caches["limits"], f"{limit}:{who.replace(' ', '-')}:{int(now) // MINUTE}"
    try:
        if more:
            cache.add(key, 0, 2 * MINUTE)
        return cache.incr(key, more)
    except ValueError:  # nobody has used it yet
        return 0
    except (RedisError, OSError) as error:
        AWAY.begin(error)
        return 0
