"""What an admin types about groups: the name that the identity provider uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.contrib.auth.models import Group
from django.utils.translation import gettext_lazy as _

from enrollment.admin_forms.fields import prints

if TYPE_CHECKING:
    GroupModelForm = forms.ModelForm[Group]
else:
    GroupModelForm = forms.ModelForm


class GroupForm(GroupModelForm):
    """A group that a policy may name."""

    class Meta:
        model = Group
        fields = ["name"]
        help_texts = {"name": _("Exactly as the identity provider writes it. Fixed once saved.")}

    def clean_name(self) -> str:
        prints(self.cleaned_data["name"])
        return str(self.cleaned_data["name"])
