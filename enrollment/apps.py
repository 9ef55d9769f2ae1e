"""Django's name for the part that people write."""

from django.apps import AppConfig


class EnrollmentConfig(AppConfig):
    """Devices, requests, reviews and grants."""

    name = "enrollment"
    verbose_name = "Access"
    default_auto_field = "django.db.models.BigAutoField"
