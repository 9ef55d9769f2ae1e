"""What an auditor asks about the past: of which resource or person, and at which instant."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from enrollment import facts
from enrollment.models import Resource, User
from enrollment.moments import EXAMPLE, BadMomentError, read


class MomentField(forms.CharField):
    """An instant with its zone."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 40, "help_text": _("With its zone, such as %(example)s.") % {"example": EXAMPLE}, **kwargs})

    def clean(self, value: object) -> datetime | None:
        text = super().clean(value)
        try:
            return read(text) if text else None
        except BadMomentError as bad:
            raise ValidationError(str(bad)) from bad


class ReachForm(forms.Form):
    """A resource, or somebody, or both; now where no instant is given."""

    resource = forms.ModelChoiceField(Resource.objects.all(), to_field_name="slug", required=False, label=_("Resource"))
    user = forms.CharField(max_length=254, required=False, label=_("Person"), help_text=_("Name, e-mail address or number of the account."))
    at = MomentField(required=False, label=_("When"))

    def clean_user(self) -> User | None:
        said = str(self.cleaned_data["user"])
        found = facts.people_called(said) if said else []
        if said and not found:
            raise ValidationError(_("There is nobody called that."))
        if len(found) > 1:
            named = ", ".join(f"{user.pk} ({user}, {user.email})" for user in found)
            raise ValidationError(_("Several people match: %(named)s. Write the number.") % {"named": named})
        return found[0] if found else None

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors and not given.get("resource") and not given.get("user"):
            raise ValidationError(_("Choose a resource, or somebody."))
        return given
