"""Fields that take whatever is sent, and answer it in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _

from enrollment.lifecycle import Refused, words

if TYPE_CHECKING:
    MultipleField = forms.ModelMultipleChoiceField[Any]
else:
    MultipleField = forms.ModelMultipleChoiceField

NOT_OFFERED = _("Choose one of these.")
LONGEST_NUMBER = 18  # digits that a column of row numbers always holds


class PlainField(forms.CharField):
    """A text of which one thing at a time is said to be wrong, in the verb's own words where it has any."""

    def run_validators(self, value: Any) -> None:  # noqa: ANN401 - as Django's
        for check in self.validators if value not in self.empty_values else ():
            check(value)


class RowsField(MultipleField):
    """Rows by their number. A number that no row can have is an invalid choice: Django would hand it to the database."""

    def clean(self, value: Any) -> QuerySet[Model]:  # noqa: ANN401 - as Django's
        for each in value if isinstance(value, list | tuple) else ():
            if not is_number(str(each)):
                raise ValidationError(self.error_messages["invalid_pk_value"], code="invalid_pk_value", params={"pk": str(each)[:40]})
        found: QuerySet[Model] = super().clean(value)
        return found


def offer_rows(field: forms.Field, rows: QuerySet[Any]) -> None:
    """Say which rows can be chosen."""
    if isinstance(field, forms.ModelMultipleChoiceField):
        field.queryset = rows


def numbers(texts: Iterable[str]) -> list[int]:
    """Return those of these that are numbers which a row could have."""
    return [int(text) for text in texts if is_number(text)]


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER


def tidy_name(text: str) -> None:
    """Refuse what the verb would refuse, with its words, beside the field."""
    _as_the_verb(words.clean_name, text)


def plain_text(text: str) -> None:
    """Likewise a text."""
    _as_the_verb(words.clean_text, text, "text")


def plain_ticket(text: str) -> None:
    """Likewise a ticket."""
    _as_the_verb(words.clean_line, text, "ticket", longest=words.TICKET_LENGTH)


def _as_the_verb(check: Callable[..., str], *args: Any, **kwargs: Any) -> None:
    try:
        check(*args, **kwargs)
    except Refused as refused:
        raise ValidationError(list(refused.reasons)) from refused
