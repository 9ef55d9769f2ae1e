"""Which days an auditor asks about, and which resource."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from enrollment.models import AccessRequest, Resource
from enrollment.models.access import ReviewQuerySet

LAST_DAY = date(9998, 12, 31)  # the calendar of computers has one more year
DAYS = 30


class DayField(forms.DateField):
    """A day of UTC, written as ISO 8601 has it."""

    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(input_formats=["%Y-%m-%d"], required=False, validators=[MaxValueValidator(LAST_DAY)], **kwargs)


class DaysForm(forms.Form):
    """From one day up to and with another; without a bound where a day is left empty."""

    first = DayField(label=_("From"), help_text=_("Days begin and end in UTC."))
    last = DayField(label=_("Up to and with"))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("first") and given.get("last") and given["first"] > given["last"]:
            raise ValidationError({"last": _("This is before the first day.")})
        return given

    def within(self, column: str) -> Q:
        """Return the condition that a column of instants is within these days."""
        first, last = self.cleaned_data["first"], self.cleaned_data["last"]
        begun = Q(**{f"{column}__gte": _midnight(first)}) if first else Q()
        return begun & Q(**{f"{column}__lt": _midnight(last + timedelta(days=1))}) if last else begun


class PeriodForm(DaysForm):
    """Of these days, and of one resource or all."""

    resource = forms.ModelChoiceField(Resource.objects.all(), to_field_name="slug", required=False, label=_("Resource"))

    def of(self, reviews: ReviewQuerySet) -> ReviewQuerySet:
        """Keep the answers of these days, about this resource."""
        return reviews.filter(self._about("created_at", "request__resource"))

    def closed(self, requests: QuerySet[AccessRequest]) -> QuerySet[AccessRequest]:
        """Keep the requests that came to their end on these days."""
        return requests.filter(self._about("closed_at", "resource"))

    def _about(self, column: str, resource: str) -> Q:
        chosen = self.cleaned_data["resource"]
        return self.within(column) & (Q(**{resource: chosen}) if chosen else Q())


def last_days(now: datetime) -> dict[str, date]:
    """Return what a form begins with."""
    return {"first": (now - timedelta(days=DAYS - 1)).date(), "last": now.date()}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
