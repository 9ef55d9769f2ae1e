"""Enrolling a device, giving it a new key, and retiring it."""

from typing import Any
from uuid import uuid4

from django import forms
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from enrollment import keys
from enrollment.forms.fields import NOT_OFFERED, PlainField, tidy_name
from enrollment.lifecycle import words
from enrollment.models import Device


class Way(TextChoices):
    """Who makes the private key. It is never kept here, whichever way."""

    BROWSER = "browser", _("In this browser")
    PASTED = "pasted", _("I have made a key myself")
    SERVER = "server", _("On the server, for one page")


class NeverEchoed(forms.TextInput):
    """A text field that is sent back filled in only with what is much shorter than a key: somebody may have pasted the private one."""

    def format_value(self, value: object) -> str | None:
        return value if isinstance(value, str) and len(value) < keys.LENGTH // 2 else None


class KeyForm(forms.Form):
    """The way a key is made and, unless the server makes it, the public half."""

    way = forms.ChoiceField(
        label=_("Where is the key made?"),
        choices=Way,
        widget=forms.RadioSelect,
        initial=Way.BROWSER,
        error_messages={"invalid_choice": NOT_OFFERED},
    )
    public_key = forms.CharField(
        label=_("Public key"),
        required=False,
        max_length=200,
        widget=NeverEchoed(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "data-public-key": True}),
        help_text=_(
            "44 characters that end with =. The public key only: if you paste the private one, throw that key away and make a new one."
        ),
    )
    is_public = forms.BooleanField(label=_("I have checked: it is the public key."), required=False)
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    asks_whether_public = False  # until a key looks private

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if "way" in cleaned and "public_key" in cleaned and cleaned["way"] != Way.SERVER:
            self._check_key(cleaned)
        return cleaned

    def _check_key(self, cleaned: dict[str, Any]) -> None:
        if not cleaned["public_key"] and cleaned["way"] == Way.BROWSER:
            self.add_error("way", _("This browser could not make a key: JavaScript is off, or the browser is too old. Choose another way."))
            return
        try:
            key = cleaned["public_key"] = keys.check(cleaned["public_key"])
        except keys.BadKey as bad:
            self.add_error("public_key", str(bad))
            return
        if cleaned["way"] == Way.PASTED and keys.looks_private(key) and not cleaned.get("is_public"):
            self.add_error("public_key", keys.LOOKS_PRIVATE)
            self.asks_whether_public = True


class NameForm(forms.Form):
    """What a device is called."""

    name = PlainField(
        label=_("Name"),
        max_length=words.NAME_LENGTH,
        validators=[tidy_name],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("So that you recognise it later, for example: Work laptop, or My phone."),
    )


class EnrolForm(NameForm, KeyForm):
    """A new device. Whose it is, its addresses and its state are not asked: the verb decides them."""

    kind = forms.ChoiceField(
        label=_("What is it?"), choices=Device.Kind, initial=Device.Kind.LAPTOP, error_messages={"invalid_choice": NOT_OFFERED}
    )
    field_order = ("name", "kind", "way", "public_key", "is_public", "once")
