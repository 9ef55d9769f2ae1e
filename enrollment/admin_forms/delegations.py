"""What an approver says to let somebody stand in: who, for how long, why. What may be, the verb says again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from enrollment.admin_forms.fields import DurationField, prints_or_breaks
from enrollment.forms.fields import PlainField
from enrollment.models import User
from enrollment.policy import FURTHEST_START, LONGEST_DELEGATION

NOBODY = _("Nobody with an active account here has this address. They must have signed in once.")
SEVERAL = _("Several accounts have this address, so it does not say whom you mean. Ask an admin.")


class PersonField(forms.EmailField):
    """Somebody, by the address that the provider gave them: names are chosen by people, and two may have the same."""

    def clean(self, value: object) -> User:
        found = list(User.objects.filter(email__iexact=super().clean(value), is_active=True)[:2])
        if len(found) != 1:
            raise ValidationError(SEVERAL if found else NOBODY)
        return found[0]


class DelegationForm(forms.Form):
    """Times are in UTC, as everywhere in the admin."""

    delegate = PersonField(
        label=_("Who stands in"),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=_("Their e-mail address. They can answer what you can, but nothing that you ask for yourself."),
        error_messages={"required": _("Say who stands in for you.")},
    )
    starts_at = forms.DateTimeField(
        label=_("Not before (optional, UTC)"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Leave it empty to begin at once."),
    )
    lasts = DurationField(label=_("For how long"), help_text=_("Such as 5 d or 2 w; 90 d at most. You can end it earlier."))
    reason = PlainField(
        label=_("Reason"),
        max_length=1000,
        validators=[prints_or_breaks],
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Whoever stands in reads this. It is kept in the history."),
        error_messages={"required": _("Say why: it is kept in the history.")},
    )

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now

    def clean_starts_at(self) -> datetime:
        start: datetime = self.cleaned_data["starts_at"] or self.now
        if start < self.now:
            raise ValidationError(_("The start has passed. Choose a later one, or none."))
        if start - self.now > FURTHEST_START:
            raise ValidationError(_("The start is too far away: %(days)d days at most."), params={"days": FURTHEST_START.days})
        return start

    def clean_lasts(self) -> int:
        seconds = int(self.cleaned_data["lasts"])
        if seconds > LONGEST_DELEGATION.total_seconds():
            raise ValidationError(_("A delegation lasts %(days)d days at most."), params={"days": LONGEST_DELEGATION.days})
        return seconds
