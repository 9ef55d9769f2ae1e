"""What an auditor asks about the past: of which resource or person, and at which instant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enrollment import facts
from enrollment.models import Resource, User
from enrollment.moments import BadMomentError, in_words, insist_on_known, read
from enrollment.sentences import spoken


class MomentInput(forms.TextInput):
    """A date and a time to choose, to the second."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__({"step": 1})


class MomentField(forms.CharField):
    """An instant in UTC, or, in an address that somebody wrote, with its zone."""

    widget = MomentInput

    def prepare_value(self, value: object) -> object:
        """Show what browsers take; what is no instant, as it was typed."""
        try:
            at = value if isinstance(value, datetime) else read(str(value or ""), UTC)
        except BadMomentError:
            return value
        return f"{at:%Y-%m-%dT%H:%M:%S}"

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {}  # no `maxlength`, which such an input does not have

    def clean(self, value: object) -> datetime | None:
        text = super().clean(value)
        try:
            return read(text, UTC) if text else None
        except BadMomentError as bad:
            raise ValidationError(str(bad)) from bad


class ReachForm(forms.Form):
    """A resource, or somebody, or both; now where no instant is given. `people`: whom to choose from, where several are meant."""

    resource = forms.ModelChoiceField(Resource.objects.all(), to_field_name="slug", required=False, label=_("Resource"))
    user = forms.CharField(
        max_length=254, required=False, label=_("Person"), help_text=_("Part of a name or an e-mail address, or the number of the account.")
    )
    at = MomentField(required=False, label=_("When (UTC)"), max_length=40)

    def __init__(self, *arguments: Any, now: datetime, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.now, self.begins = now, facts.log_begins()
        self.people: list[User] = []
        if self.begins:
            said = gettext("Now, where it is empty. The audit log begins on %(begins)s.")
            self.fields["at"].help_text = said % {"begins": spoken(in_words(self.begins))}

    def clean_user(self) -> User | None:
        said = str(self.cleaned_data["user"]).strip()
        found = (facts.people_called(said) or facts.people_like(said)) if said else []
        if said and not found:
            raise ValidationError(_("There is nobody called that."))
        if len(found) > 1:
            self.people = found
            raise ValidationError(_("Several people match. Choose whom you mean, or write more."))
        return found[0] if found else None

    def clean_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["at"]
        if at is None:
            return None
        try:
            insist_on_known(at, begins=self.begins, now=self.now)
        except BadMomentError as bad:
            raise ValidationError(str(bad)) from bad
        return at

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not self.errors and not given.get("resource") and not given.get("user"):
            raise ValidationError(_("Choose a resource, or somebody."))
        return given
