"""Django's name for the part that machines write."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from enrollment.names import translatable


class EnforcementConfig(AppConfig):
    """What the PEPs were told, and what their kernels held."""

    name = "enforcement"
    verbose_name = _("Enforcement")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let a committed change of access nudge the workers: the one signal, and its one listener. Name tables as `enrollment` does."""
        from enforcement import its_words  # noqa: F401, PLC0415 - so that whoever shows what was kept knows it; models must be ready first
        from enforcement.tasks import nudge_peps  # noqa: PLC0415 - models must be ready first
        from enrollment.signals import access_changed  # noqa: PLC0415 - as above

        translatable(self.get_models())
        access_changed.connect(nudge_peps, dispatch_uid="nudge_peps")
