"""Django's name for the part that people write."""

from django.apps import AppConfig
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from enrollment.names import translatable
from enrollment.sentences import Sentence


class EnrollmentConfig(AppConfig):
    """Devices, requests, reviews and grants."""

    name = "enrollment"
    verbose_name = _("Access")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let sentences be said in the language of whoever reads the page, and the admin call tables and columns by it."""
        Sentence.tongue = staticmethod(_in_the_readers_language)
        translatable(self.get_models())


def _in_the_readers_language(one: str, many: str, number: int) -> str:
    return ngettext(one, many, number) if many else gettext(one) if one else ""
