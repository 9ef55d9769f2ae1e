"""Where uses are counted: in Redis, for all processes together, or in each process for itself where no Redis was named.

Whoever holds Redis can change the counts and nothing else. Values are JSON, never pickled: unpickling runs what a value says.
"""

import json
from typing import Any

from redis.backoff import NoBackoff
from redis.retry import Retry

PATIENCE_SECONDS = 0.25  # a page must not wait for its limits
SCHEMES = ("redis://", "rediss://", "unix://")
IN_THIS_PROCESS = {
    "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
    "LOCATION": "limits",
    "OPTIONS": {"MAX_ENTRIES": 50_000},
}


def counting_in(url: str) -> dict[str, Any]:
    """Return Django's settings of the cache for limits, for the broker's URL as Celery writes it."""
    url = url.replace("redis+socket://", "unix://", 1)
    if not url.startswith(SCHEMES):
        return IN_THIS_PROCESS
    options = {
        "serializer": json,  # a module has what Django asks of a serializer
        "socket_timeout": PATIENCE_SECONDS,
        "socket_connect_timeout": PATIENCE_SECONDS,
        "retry": Retry(NoBackoff(), 1),  # once, at once: a connection that Redis closed meanwhile
    }
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": [url], "KEY_PREFIX": "limits", "OPTIONS": options}
