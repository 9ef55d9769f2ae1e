"""Fields for what admins type: durations with their unit, lists of ids, names that print."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from enrollment.durations import BadDuration, exact, parse
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
