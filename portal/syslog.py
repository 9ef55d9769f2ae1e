"""Where the end of the audit log goes at every event, when LYCHGATE_SYSLOG says so: a witness outside the database."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from portal.environment import HOST_AND_PORT


def logging_to(address: str) -> dict[str, Any]:
    """Return what `logging` is to do: /dev/log, another socket's path, or host:port over UDP; nothing without an address."""
    quiet: dict[str, Any] = {"version": 1, "disable_existing_loggers": False, "loggers": {"lychgate.audit": {"level": "INFO"}}}
    if not address:
        return quiet
    host, _colon, port = address.rpartition(":")
    if not address.startswith("/") and not (port.isdigit() and re.fullmatch(HOST_AND_PORT, address)):
        message = f"LYCHGATE_SYSLOG must be the path of a socket, such as /dev/log, or host:port; it is {address!r}."
        raise ImproperlyConfigured(message)
    handler = {
        "class": "logging.handlers.SysLogHandler",
        "address": address if address.startswith("/") else (host.strip("[]"), int(port)),
        "facility": "authpriv",
        "formatter": "line",
    }
    return {
        **quiet,
        "formatters": {"line": {"format": "lychgate.audit: %(message)s"}},
        "handlers": {"syslog": handler},
        "loggers": {"lychgate.audit": {"level": "INFO", "handlers": ["syslog"]}},
    }
