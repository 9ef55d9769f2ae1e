"""What an admin types about groups: the name that the identity provider uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.conf import settings
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
        help_texts = {
            "name": _("Exactly as the identity provider writes it. Fixed once saved. It gets the prefix that marks the provider's groups.")
        }

    def clean_name(self) -> str:
        name, mark = str(self.cleaned_data["name"]), str(settings.OIDC_GROUP_PREFIX)
        prints(name)
        return name if name.startswith(mark) else mark + name
