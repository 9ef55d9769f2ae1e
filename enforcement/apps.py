"""Django's name for the part that machines write."""

from django.apps import AppConfig


class EnforcementConfig(AppConfig):
    """What the PEPs were told, and what their kernels held."""

    name = "enforcement"
    verbose_name = "Enforcement"
    default_auto_field = "django.db.models.BigAutoField"
