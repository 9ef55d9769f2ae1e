"""What a confirm page asks for before a verb is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.utils.translation import gettext_lazy as _

from enrollment.admin_forms.fields import DurationField, IdsField, prints_or_breaks
from enrollment.forms.fields import PlainField

if TYPE_CHECKING:
    from django_stubs_ext import StrPromise


def _words(label: StrPromise, help_text: StrPromise, *, required: StrPromise | None = None) -> PlainField:
    """Make a field for words about a decision; `required` is what to say where there are none."""
    return PlainField(
        label=label,
        help_text=help_text,
        required=required is not None,
        error_messages={"required": required} if required else None,
        max_length=1000,
        validators=[prints_or_breaks],
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class Ids(forms.Form):
    """The rows that the page named."""

    ids = IdsField()


class ReasonForm(forms.Form):
    """Why: it is kept in the history. What is in it stops no revoke; verbs that mind its letters take `PlainReasonForm`."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Kept in the history."),
        error_messages={"required": _("Say why: it is kept in the history.")},
    )


class PlainReasonForm(ReasonForm):
    """Why, in letters that print."""

    def clean_reason(self) -> str:
        prints_or_breaks(self.cleaned_data["reason"])
        return str(self.cleaned_data["reason"])


class NothingForm(forms.Form):
    """A verb that needs no words."""


class ApproveForm(forms.Form):
    """An approver may give less time than was asked for, never more."""

    at_most = DurationField(
        label=_("At most"),
        required=False,
        help_text=_(
            "Leave it empty to give the time that was asked for, or write less: 2 h, 30 min. Nobody gets more than they asked for."
        ),
    )
    comment = _words(_("Comment (optional)"), _("The person who asked reads this."))


class JustifiedForm(forms.Form):
    """Emergency access that was right; words are welcome."""

    comment = _words(_("Comment (optional)"), _("The person who took it reads this."))


class NotJustifiedForm(forms.Form):
    """Emergency access that should not have been taken."""

    comment = _words(
        _("Why it was not justified"),
        _("The person who took it reads this. What is left of it ends at once."),
        required=_("Say why: the person who took it reads it."),
    )


class DenyForm(forms.Form):
    """A refusal says why."""

    comment = _words(
        _("Why not"),
        _("The person who asked reads this."),
        required=_("Say why: the person who asked reads it."),
    )
