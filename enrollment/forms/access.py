"""Asking for access, ending it, and looking for a resource."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from enrollment import tickets
from enrollment.durations import offered
from enrollment.forms.fields import NOT_OFFERED, PlainField, RowsField, offer_rows, plain_text, plain_ticket
from enrollment.lifecycle import words
from enrollment.models import Device, Resource
from enrollment.policy import FURTHEST_START
from enrollment.templatetags.times import duration
from enrollment.values import MINUTE

CUSTOM = "custom"
NOW, LATER = "now", "later"
USUAL = 3600  # seconds
NOT_YOURS = _("Choose from your own devices.")
NOT_NOW = _("Choose from what can be asked for now.")


class RequestForm(forms.Form):
    """Which of my devices, how long, and why. The limits are the policy's; the verb checks them again."""

    devices = RowsField(
        label=_("Devices"),
        queryset=Device.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one device."), "invalid_choice": NOT_YOURS, "invalid_pk_value": NOT_YOURS},
    )
    duration = forms.ChoiceField(label=_("How long?"), widget=forms.RadioSelect, error_messages={"required": _("Say for how long.")})
    minutes = forms.IntegerField(
        label=_("Minutes"),
        required=False,
        min_value=1,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    begins = forms.ChoiceField(
        label=_("From when?"),
        required=False,
        choices=[(NOW, _("As soon as it is approved")), (LATER, _("Later"))],
        initial=NOW,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": NOT_OFFERED},
    )
    starts_at = forms.DateTimeField(
        label=_("Not before"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("It begins then, or with the approval if that comes later."),
    )
    reason = PlainField(
        label=_("Reason"),
        max_length=words.TEXT_LENGTH,
        validators=[plain_text],
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Whoever answers reads this. It is kept in the history."),
        error_messages={"required": _("Say why you need it: somebody has to decide on it.")},
    )
    ticket = PlainField(
        label=_("Ticket (optional)"),
        required=False,
        max_length=words.TICKET_LENGTH,
        validators=[plain_ticket],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    ticket_shapes: Sequence[str] = ()
    offered_first = 0  # seconds: the length that is chosen beforehand

    def __init__(
        self,
        *args: Any,
        devices: QuerySet[Device],
        longest: int,
        now: datetime,
        begins_by_itself: datetime | None = None,
        usual: int = USUAL,
        **kwargs: Any,
    ) -> None:
        """`usual`: the seconds to offer first, where they may be asked for."""
        super().__init__(*args, **kwargs)
        self.longest, self.now, self.begins_at = longest, now, begins_by_itself or now
        if begins_by_itself:
            del self.fields["begins"], self.fields["starts_at"]  # it begins where the access ends
        offer_rows(self.fields["devices"], devices)
        lengths = offered(longest)
        choices: list[tuple[str, Any]] = [(str(seconds), duration(seconds)) for seconds in lengths]
        if longest >= MINUTE:
            choices.append((CUSTOM, _("Another length of time")))
        length = self.fields["duration"]
        if isinstance(length, forms.ChoiceField):
            length.choices = choices
            self.offered_first = usual if usual % MINUTE == 0 and usual <= longest else min(lengths, key=lambda each: abs(each - usual))
            length.initial = str(self.offered_first) if self.offered_first in lengths else CUSTOM
            self.fields["minutes"].initial = None if self.offered_first in lengths else self.offered_first // MINUTE
            length.error_messages["invalid_choice"] = _("Choose one of these lengths: at most %(longest)s.") % {
                "longest": duration(longest)
            }
        most = {"most": longest // MINUTE, "longest": duration(longest)}
        self.fields["minutes"].help_text = _("From 1 to %(most)d, which is %(longest)s.") % most

    @property
    def would_end(self) -> datetime:
        """Return when it would end if it were approved now: with the length chosen, or the one that is offered first."""
        given = getattr(self, "cleaned_data", {})
        seconds = given.get("seconds") or self.offered_first
        return (given.get("starts_at") or self.begins_at) + timedelta(seconds=seconds)

    @property
    def question(self) -> dict[str, Any]:
        """Return what a valid form says, as `lifecycle` takes it."""
        given = self.cleaned_data
        return {
            "devices": list(given["devices"]),
            "starts_at": given.get("starts_at"),
            **{name: given[name] for name in ("seconds", "reason", "ticket")},
        }

    def ask_for_ticket(self, shapes: Sequence[str]) -> None:
        """Say what a ticket must look like, and refuse any other, as the verb does."""
        self.ticket_shapes = shapes
        if shapes:
            self.fields["ticket"].label = _("Ticket")
            self.fields["ticket"].help_text = _("Such as %(example)s.") % {"example": ", ".join(map(tickets.example, shapes))}

    def clean_ticket(self) -> str:
        ticket: str = self.cleaned_data["ticket"]
        unmet = [tickets.demand(shapes) for shapes in self.ticket_shapes if not tickets.fits(shapes, ticket)]
        if unmet:
            raise ValidationError(unmet)
        return ticket

    def clean_starts_at(self) -> datetime | None:
        start: datetime | None = self.cleaned_data["starts_at"]
        if start and start <= self.now:
            raise ValidationError(_("The start has passed. Choose a later one, or none."))
        if start and start - self.now > FURTHEST_START:
            raise ValidationError(_("The start is too far away: %(days)d days at most."), params={"days": FURTHEST_START.days})
        return start

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        length = cleaned.get("duration", "")
        if length == CUSTOM and "minutes" in cleaned:
            self._check_minutes(cleaned)
        elif length and length != CUSTOM:
            self._leave_out("minutes")
            cleaned["seconds"] = int(length)
        if cleaned.get("begins") == NOW:
            self._leave_out("starts_at")
        elif cleaned.get("begins") == LATER and not cleaned.get("starts_at", True):
            self.add_error("starts_at", _("Say when it begins."))
        return cleaned

    def _leave_out(self, name: str) -> None:
        """Forget what stands in a field that the choice above it hides, and what was wrong with it."""
        self.errors.pop(name, None)
        self.cleaned_data[name] = None

    def _check_minutes(self, cleaned: dict[str, Any]) -> None:
        if cleaned["minutes"] is None:
            self.add_error("minutes", _("Say how many minutes."))
        elif cleaned["minutes"] * MINUTE > self.longest:
            self.add_error("minutes", _("At most %(longest)s.") % {"longest": duration(self.longest)})
        else:
            cleaned["seconds"] = cleaned["minutes"] * MINUTE


class BundleForm(RequestForm):
    """The same for several resources: those that are still ticked."""

    resource = RowsField(
        queryset=Resource.objects.none(),
        error_messages={"required": _("Choose at least one resource."), "invalid_choice": NOT_NOW, "invalid_pk_value": NOT_NOW},
    )

    def __init__(self, *args: Any, resources: QuerySet[Resource], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_rows(self.fields["resource"], resources)


class EmergencyForm(RequestForm):
    """The same for access before anybody answers, and a box to tick so that nobody comes by it by mistake."""

    sure = forms.BooleanField(
        label=_("This is an emergency. I need it before anybody can answer, and I will explain it."),
        error_messages={"required": _("Confirm that this is an emergency, or ask for access.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, begins_by_itself=kwargs["now"], **kwargs)  # it begins at once, and takes no start of its own
        self.fields["reason"].label = _("What is the emergency?")
        self.fields["reason"].help_text = _("It is mailed to everybody who would have answered, and kept in the history.")
        self.fields["reason"].error_messages["required"] = _("Say what the emergency is: a second person reviews it.")


class EndForm(forms.Form):
    """Why somebody ends what they have."""

    reason = forms.CharField(required=False, max_length=200)


class SearchForm(forms.Form):
    """Words to look for in the catalogue."""

    q = forms.CharField(label=_("Search"), required=False, max_length=100, widget=forms.TextInput(attrs={"type": "search"}))
