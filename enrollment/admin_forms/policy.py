"""The terms of an access policy as an admin types them; saving makes a new version, never changes an old one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from enrollment import tickets
from enrollment.admin_forms.fields import DurationField, GroupsField, prints
from enrollment.lifecycle.sound import is_taken
from enrollment.models import AccessPolicy
from enrollment.texts import tidied

if TYPE_CHECKING:
    PolicyModelForm = forms.ModelForm[AccessPolicy]
else:
    PolicyModelForm = forms.ModelForm

STAGES = (1, 2, 3)
DURATIONS = ("time_to_answer", "longest_grant", "rolling_total", "rolling_window", "session_length")
PROOFS = ("needs_mfa", "ends_at_logout")
EMERGENCIES = ("break_glass_longest", "break_glass_by")
WRITTEN = ("break_glass_longest", "ticket_shapes")  # besides those above, as they stand in a version
TERMS = (
    *(f"{what}_{number}" for number in STAGES for what in ("group", "need")),
    "requesters",
    "ticket_shapes",
    *DURATIONS,
    *PROOFS,
    *EMERGENCIES,
)


class PolicyForm(PolicyModelForm):
    """Who must agree, who may ask, and for how long."""

    group_1 = forms.ModelChoiceField(
        label=_("Who must agree"),
        queryset=Group.objects.order_by("name"),
        help_text=_("A group of the identity provider. Nobody answers for themselves, so it needs two members to serve its own."),
        error_messages={"required": _("Choose a group: without one, nobody could approve.")},
    )
    need_1 = forms.IntegerField(label=_("How many of them"), min_value=1, max_value=20, initial=1)
    group_2 = forms.ModelChoiceField(label=_("And then"), queryset=Group.objects.order_by("name"), required=False)
    need_2 = forms.IntegerField(label=_("How many of them"), min_value=1, max_value=20, required=False)
    group_3 = forms.ModelChoiceField(label=_("And last"), queryset=Group.objects.order_by("name"), required=False)
    need_3 = forms.IntegerField(label=_("How many of them"), min_value=1, max_value=20, required=False)
    requesters = GroupsField(
        label=_("Who may ask"),
        queryset=Group.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("None chosen: everybody who can sign in."),
    )
    ticket_shapes = forms.CharField(
        label=_("Shape of a ticket"),
        required=False,
        max_length=tickets.LONGEST,
        help_text=_(
            "Such as OPS-# or OPS-# INC#, where # stands for the number: asking then takes a ticket like that. Empty: it is optional."
        ),
    )
    time_to_answer = DurationField(label=_("Time to answer"), initial=86400)
    longest_grant = DurationField(label=_("Longest grant"), initial=28800)
    rolling_total = DurationField(label=_("Rolling total"), initial=144000, help_text=_("The most that one person gets of one resource …"))
    rolling_window = DurationField(label=_("Rolling window"), initial=604800, help_text=_("… within this time."))
    session_length = DurationField(
        label=_("Session length"),
        required=False,
        help_text=_("Access pauses when the sign-in is older than this, until they sign in again. Empty: it never pauses for that."),
    )
    needs_mfa = forms.BooleanField(
        label=_("Only a sign-in with a second factor counts"),
        required=False,
        help_text=_("As the identity provider says in amr or acr. Needs a session length."),
    )
    ends_at_logout = forms.BooleanField(
        label=_("Access pauses with signing out"),
        required=False,
        initial=True,
        help_text=_("Here, or at the identity provider where it tells us. Matters where there is a session length."),
    )

    break_glass_longest = DurationField(
        label=_("Longest emergency access"),
        required=False,
        help_text=_(
            "Break-glass: access at once that nobody approves. Everybody who would have answered is told, and one of them must review it."
            " Such as 30 min. Empty: there is none."
        ),
    )
    break_glass_by = GroupsField(
        label=_("Who may take emergency access"),
        queryset=Group.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Of those who may ask. None chosen: all of them."),
    )

    class Meta:
        model = AccessPolicy
        fields = ["name"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        instance = kwargs.get("instance")
        if instance is not None and instance.pk:
            kwargs["initial"] = {**_terms_of(instance), **(kwargs.get("initial") or {})}
        super().__init__(*args, **kwargs)

    @property
    def terms_changed(self) -> bool:
        return not self.instance.versions.exists() if self.instance.pk and not set(self.changed_data) & set(TERMS) else True

    @property
    def terms(self) -> dict[str, Any]:
        """Return what `lifecycle.new_policy_version` takes."""
        given = self.cleaned_data
        stages = [(given[f"group_{number}"], given[f"need_{number}"] or 1) for number in STAGES if given[f"group_{number}"]]
        groups = {name: list(given[name]) for name in ("requesters", "break_glass_by")}
        return {"stages": stages, **groups, **{name: given[name] for name in (*DURATIONS, *PROOFS, *WRITTEN)}}

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        prints(name)
        if is_taken(AccessPolicy(pk=self.instance.pk, name=name)):
            raise ValidationError(_("There is a policy of this name already."))
        return tidied(name)

    def clean_ticket_shapes(self) -> str:
        try:
            return tickets.tidied(self.cleaned_data["ticket_shapes"])
        except tickets.BadShapes as bad:
            raise ValidationError(bad.args[0]) from bad

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        groups = [given.get(f"group_{number}") for number in STAGES]
        for number in STAGES[1:]:
            group = groups[number - 1]
            if group and group in groups[: number - 1]:
                self.add_error(f"group_{number}", _("This group is named twice: ask more of it above instead."))
            if given.get(f"need_{number}") and not group:
                self.add_error(f"group_{number}", _("Choose a group, or leave the number empty too."))
        longest, total, window = (given.get(name) for name in ("longest_grant", "rolling_total", "rolling_window"))
        if longest and total and total < longest:
            self.add_error("rolling_total", _("The rolling total must cover the longest grant."))
        if total and window and window < total:
            self.add_error("rolling_window", _("The window must be at least as long as the total in it."))
        if given.get("needs_mfa") and not given.get("session_length") and "session_length" not in self.errors:
            self.add_error("session_length", _("Say how old the sign-in with a second factor may be."))
        emergency = given.get("break_glass_longest")
        if emergency and longest and emergency > longest:
            self.add_error("break_glass_longest", _("Emergency access must not last longer than the longest grant."))
        if given.get("break_glass_by") and not emergency and "break_glass_longest" not in self.errors:
            self.add_error("break_glass_longest", _("Say how long it may last, or choose nobody who may take it."))
        return given


def _terms_of(policy: AccessPolicy) -> dict[str, Any]:
    version = policy.current
    if version is None:
        return {}
    found: dict[str, Any] = {name: getattr(version, name) for name in (*DURATIONS, *PROOFS, *WRITTEN)}
    found |= {"requesters": list(version.requesters.all()), "break_glass_by": list(version.break_glass_by.all())}
    for number, stage in zip(STAGES, version.stages.all(), strict=False):
        found |= {f"group_{number}": stage.group_id, f"need_{number}": stage.need}
    return found
