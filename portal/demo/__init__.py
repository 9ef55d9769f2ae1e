"""The demo: everything on one machine, for one person. A portal that others can reach cannot import it."""

from django.conf import settings

if settings.configured:
    from portal.exposure import is_exposed

    if is_exposed():
        message = "portal.demo is not for a portal that other machines may reach."
        raise ImportError(message)
