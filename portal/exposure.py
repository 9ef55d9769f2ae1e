"""Who may reach this portal: this machine alone, or others too."""

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings


def is_this_machine(host: str) -> bool:
    """Whether a host name can only mean the machine one sits at."""
    name = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def is_exposed() -> bool:
    """Whether the public URL or a host of this portal is more than a loopback name."""
    hosts = [urlsplit(settings.PUBLIC_URL).hostname or "", *settings.ALLOWED_HOSTS]
    return not all(is_this_machine(host) for host in hosts if host != "testserver")  # Django's test client, not a name of the DNS
