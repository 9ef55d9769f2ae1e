"""Which days an auditor asks about, and which resource."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.utils.translation import gettext_lazy as _

from enrollment.models import Resource
from enrollment.models.access import ReviewQuerySet

LAST_DAY = date(9998, 12, 31)  # the calendar of computers has one more year
DAYS = 30


class DayField(forms.DateField):
    """A day of UTC, written as ISO 8601 has it."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], required=False, validators=[MaxValueValidator(LAST_DAY)], **kwargs)


class PeriodForm(forms.Form):
    """From one day up to and with another; without a bound where a day is left empty."""

    first = DayField(label=_("From"), help_text=_("Days begin and end in UTC."))
    last = DayField(label=_("Up to and with"))
    resource = forms.ModelChoiceField(Resource.objects.all(), to_field_name="slug", required=False, label=_("Resource"))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("first") and given.get("last") and given["first"] > given["last"]:
            raise ValidationError({"last": _("This is before the first day.")})
        return given

    def of(self, reviews: ReviewQuerySet) -> ReviewQuerySet:
        """Keep the answers of these days, about this resource."""
        given = self.cleaned_data
        if given["first"]:
            reviews = reviews.filter(created_at__gte=_midnight(given["first"]))
        if given["last"]:
            reviews = reviews.filter(created_at__lt=_midnight(given["last"] + timedelta(days=1)))
        return reviews.filter(request__resource=given["resource"]) if given["resource"] else reviews


def last_days(now: datetime) -> dict[str, date]:
    """Return what a form begins with."""
    return {"first": (now - timedelta(days=DAYS - 1)).date(), "last": now.date()}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
