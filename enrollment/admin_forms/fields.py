"""Fields for what admins type: durations with their unit, lists of ids, names that print."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from enrollment.durations import BadDuration, exact, parse
from enrollment.forms.fields import RowsField
from enrollment.texts import is_plain

MOST_IDS = 2000


class DurationField(forms.CharField):
    """A text such as "8 h" that means whole seconds; saving it unchanged changes nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 40, "help_text": _("Such as 8 h, 90 min or 1 d 12 h."), **kwargs})

    def prepare_value(self, value: object) -> object:
        return exact(value) if isinstance(value, int) else value

    def clean(self, value: object) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse(text)
        except BadDuration as bad:
            raise ValidationError(str(bad)) from bad

    def has_changed(self, initial: object, data: object) -> bool:
        return bool(super().has_changed(self.prepare_value(initial), data))


class Boxes(forms.BoundField):
    """Boxes that are described by what is wrong with them: the admin's own pages join the two for other fields alone."""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: forms.Widget | None = None) -> dict[str, Any]:
        joined = {"aria-describedby": f"{self.auto_id}_error"} if self.errors else {}
        return {**joined, **super().build_widget_attrs(attrs, widget)}


class GroupsField(RowsField):
    """Groups to tick."""

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> forms.BoundField:
        return Boxes(form, self, field_name)


class PortField(forms.IntegerField):
    """A port; whatever is none is answered with what one is."""

    def __init__(self, **kwargs: Any) -> None:
        size = {"inputmode": "numeric", "size": 6, "maxlength": 5}
        super().__init__(**{"widget": forms.TextInput(attrs=size), **kwargs})

    def to_python(self, value: object) -> int | None:
        text = str(value).strip() if value not in self.empty_values else ""
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= 65535):  # noqa: PLR2004 - what a port is
            raise ValidationError(_("A port is a whole number from 1 to 65535."))
        return int(text)


class IdsField(forms.CharField):
    """Row ids with commas between them: one field, so that a thousand rows are not a thousand fields."""

    widget = forms.HiddenInput

    def clean(self, value: object) -> list[int]:
        parts = [part for part in super().clean(value).split(",") if part]
        if len(parts) > MOST_IDS:
            raise ValidationError(_("Choose fewer rows."))
        if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):  # noqa: PLR2004 - what the column holds
            raise ValidationError(_("These are no rows."))
        return list(dict.fromkeys(map(int, parts)))


def prints(text: str) -> None:
    """Refuse a name that is invisible, breaks a line or reorders what stands around it."""
    if not is_plain(text):
        raise ValidationError(_("It has characters in it that do not print. Use letters, digits and blanks."))


def prints_or_breaks(text: str) -> None:
    """As `prints`, where lines may end."""
    if not is_plain(text, breaks=True):
        raise ValidationError(_("It has characters in it that do not print. Use letters, digits and blanks."))
