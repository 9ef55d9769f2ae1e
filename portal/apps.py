"""Django's names for the portal, and for the admin that it shapes."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class PortalConfig(AppConfig):
    """Wiring: system checks and the demo's command."""

    name = "portal"
    verbose_name = "Portal"

    def ready(self) -> None:
        from portal import checks  # noqa: F401, PLC0415 - importing it registers the checks, which need the apps


class LychgateAdminConfig(admin_apps.AdminConfig):
    """Django's admin, with our site as the one that everything registers with."""

    default = False  # INSTALLED_APPS names it in full
    default_site = "portal.admin_site.Site"
