"""What an admin types about PEPs, resources and where resources stand; each refusal is a sentence at its field.

Addresses are checked by `enrollment/targets.py`; what only the database knows (who has an
address already) is asked here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from enrollment import keys, ssh_keys, targets
from enrollment.admin_forms.fields import DurationField, PortField, prints, prints_or_breaks
from enrollment.lifecycle.device_keys import is_private_half
from enrollment.lifecycle.sound import ENDPOINT, is_an_endpoint, is_taken, leading_to, leads_there
from enrollment.models import DeviceKey, Pep, Placement, Resource, ResourcePort
from enrollment.texts import tidied

if TYPE_CHECKING:
    PepModelForm = forms.ModelForm[Pep]
    ResourceModelForm = forms.ModelForm[Resource]
    PortModelForm = forms.ModelForm[ResourcePort]
    PlacementModelForm = forms.ModelForm[Placement]
else:
    PepModelForm = ResourceModelForm = PortModelForm = PlacementModelForm = forms.ModelForm

V4, V6 = 4, 6
LONGEST_LABEL = 63


def or_sentence(check: Callable[[], targets.Address | targets.Network]) -> str:
    """Return what the check returns, as text, or raise its sentence as a form's error."""
    try:
        return str(check())
    except targets.BadAddress as bad:
        raise ValidationError(str(bad)) from bad


class PepForm(PepModelForm):
    """A gateway: how devices reach it, and which overlay addresses its resources get."""

    lease_seconds = DurationField(
        label=_("Lease"),
        required=False,
        initial=28800,
        help_text=_("How long the PEP keeps access while the portal cannot reach it, such as 8 h. Empty: until each deadline."),
    )

    ssh_host_key = forms.CharField(
        label=_("SSH host key"),
        required=False,
        max_length=ssh_keys.LONGEST,
        help_text=_("The line that the script prints, ssh-ed25519 AAAA... Copy it from the gateway's own screen."),
    )

    is_public = forms.BooleanField(
        label=_("I have checked: it is the public key"), required=False, help_text=_("Only for a key that looks like a private one.")
    )

    class Meta:
        model = Pep
        fields = [
            *("name", "endpoint_host", "endpoint_port", "public_key", "prefix_v4", "prefix_v6", "lease_seconds"),
            *("ssh_host", "ssh_port", "ssh_host_key", "is_enabled"),
        ]
        field_classes = {"endpoint_port": PortField, "ssh_port": PortField}
        help_texts = {
            "name": _("Fixed once saved: the gateway knows itself by it. a-z, 0-9 and -."),
            "public_key": _("What the script of bootstrap_pep prints on the gateway. Empty until then."),
            "prefix_v4": _("A part of the overlay that belongs to this PEP alone, such as 10.89.65.0/24."),
            "prefix_v6": _("Likewise, such as fd89:0:0:1::/64."),
            "ssh_host": _("Where the workers reach it. Empty where they have another way: LYCHGATE_PEP_ARGV."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Show the fingerprint of the confirmed host key, as the gateway's own screen does."""
        super().__init__(*args, **kwargs)
        if self.instance.ssh_host_key and "ssh_host_key" in self.fields:
            with suppress(keys.BadKey):  # written past us: the workers refuse it
                confirmed = {"fingerprint": ssh_keys.fingerprint(self.instance.ssh_host_key)}
                self.fields["ssh_host_key"].help_text = _("Confirmed: %(fingerprint)s. Any other is refused.") % confirmed

    def clean_endpoint_host(self) -> str:
        return _host(self.cleaned_data["endpoint_host"])

    def clean_ssh_host(self) -> str:
        return _host(self.cleaned_data["ssh_host"]) if self.cleaned_data["ssh_host"] else ""

    def clean_ssh_host_key(self) -> str:
        try:
            return ssh_keys.check(self.cleaned_data["ssh_host_key"]) if self.cleaned_data["ssh_host_key"] else ""
        except keys.BadKey as bad:
            raise ValidationError(str(bad)) from bad

    def clean_public_key(self) -> str | None:
        if not self.cleaned_data["public_key"]:
            return None
        try:
            key = keys.check(self.cleaned_data["public_key"])
        except keys.BadKey as bad:
            raise ValidationError(str(bad)) from bad
        if DeviceKey.objects.filter(public_key=key).exists() or Pep.objects.exclude(pk=self.instance.pk).filter(public_key=key).exists():
            raise ValidationError(keys.KNOWN_ALREADY)
        if is_private_half(key):
            raise ValidationError(keys.PRIVATE)
        if keys.looks_private(key) and "public_key" in self.changed_data and not self.data.get("is_public"):
            raise ValidationError(keys.LOOKS_PRIVATE)
        return key

    def clean(self) -> dict[str, Any]:
        """Send no refused key back: it may be a private one."""
        if "public_key" in self.errors:
            self.data = {**dict(self.data.items()), "public_key": ""}  # the last of each, as a QueryDict answers
        return super().clean() or self.cleaned_data

    def clean_prefix_v4(self) -> str:
        return self._prefix("prefix_v4", V4)

    def clean_prefix_v6(self) -> str:
        return self._prefix("prefix_v6", V6)

    def clean_lease_seconds(self) -> int:
        return self.cleaned_data["lease_seconds"] or 0

    def _prefix(self, field: str, version: int) -> str:
        others = Pep.objects.exclude(pk=self.instance.pk).values_list("name", field)
        text = self.cleaned_data[field]
        found = or_sentence(lambda: targets.prefix(text, version, overlay=settings.OVERLAY, pools=settings.DEVICE_POOLS, taken=others))
        if self.instance.pk and found != getattr(self.instance, field) and self.instance.placements.exists():
            raise ValidationError(_("Resources have addresses of this prefix already: it stays as it is."))
        return found


class ResourceForm(ResourceModelForm):
    """What people see when they ask."""

    class Meta:
        model = Resource
        fields = ["name", "slug", "description", "policy"]
        help_texts = {"slug": _("Fixed once saved: it becomes the name of a set in the firewall. a-z, 0-9 and -, at most 31.")}

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        prints(name)
        if is_taken(Resource(pk=self.instance.pk, name=name)):
            raise ValidationError(_("There is a resource of this name already."))
        return tidied(name)

    def clean_description(self) -> str:
        prints_or_breaks(self.cleaned_data["description"])
        return str(self.cleaned_data["description"])


class PortForm(PortModelForm):
    """One port, or a range of them."""

    first = PortField(label=_("Port"))
    last = PortField(label=_("To port"), required=False)

    class Meta:
        model = ResourcePort
        fields = ["protocol", "first", "last"]
        error_messages = {"protocol": {"invalid_choice": _("Choose TCP or UDP.")}}

    def clean_last(self) -> int | None:
        last: int | None = self.cleaned_data["last"] or self.cleaned_data.get("first")
        if last and last < self.cleaned_data.get("first", 0):
            raise ValidationError(_("The range runs backwards."))
        return last


class PlacementForm(PlacementModelForm):
    """Where a resource stands. An overlay address left empty is the next free one of the PEP."""

    target_v4 = forms.CharField(label=_("Target IPv4"), required=False, max_length=45)
    target_v6 = forms.CharField(label=_("Target IPv6"), required=False, max_length=45)
    overlay_v4 = forms.CharField(label=_("Overlay IPv4"), required=False, max_length=45)
    overlay_v6 = forms.CharField(label=_("Overlay IPv6"), required=False, max_length=45)

    class Meta:
        model = Placement
        fields = ["pep", "is_on_pep", "target_v4", "target_v6", "overlay_v4", "overlay_v6"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        pep = cleaned.get("pep")
        if pep is not None:
            for version in (V4, V6):
                self._clean_family(pep, version)
            if not self.errors and not (cleaned.get("target_v4") or cleaned.get("target_v6")):
                self.add_error("target_v4", _("Say where it leads: an IPv4 address, an IPv6 address, or both."))
        return cleaned

    def _clean_family(self, pep: Pep, version: int) -> None:
        target, overlay = f"target_v{version}", f"overlay_v{version}"
        try:
            self.cleaned_data[target] = self._target(pep, target, version)
        except ValidationError as error:
            self.add_error(target, error)
            return
        try:
            self.cleaned_data[overlay] = self._overlay(pep, overlay, version) if self.cleaned_data[target] else None
        except ValidationError as error:
            self.add_error(overlay, error)

    def _target(self, pep: Pep, field: str, version: int) -> str | None:
        text, own = self.cleaned_data.get(field) or "", str(targets.own_address(getattr(pep, f"prefix_v{version}")))
        if self.cleaned_data.get("is_on_pep"):
            if text not in {"", own}:
                raise ValidationError(_("Leave it empty: on the PEP itself it is %(own)s.") % {"own": own})
            return own
        if not text:
            return None
        found = or_sentence(lambda: targets.target(text, version, overlay=settings.OVERLAY))
        if is_an_endpoint(found):
            raise ValidationError(ENDPOINT)
        return found

    def _overlay(self, pep: Pep, field: str, version: int) -> str:
        text, prefix = self.cleaned_data.get(field) or "", getattr(pep, f"prefix_v{version}")
        others = Placement.objects.exclude(pk=self.instance.pk).exclude(**{field: None})
        if not text or (self.instance.pk and "pep" in self.changed_data and field not in self.changed_data):
            taken = others.filter(pep=pep).values_list(field, flat=True)
            return or_sentence(lambda: targets.next_free(prefix, taken))
        found = or_sentence(lambda: targets.overlay_address(text, version, pep_prefix=prefix))
        if others.filter(**{field: found}).exists():
            raise ValidationError(_("Another resource has this address. Leave it empty to get the next free one."))
        return found

    def _get_validation_exclusions(self) -> set[str]:
        """Keep the database's constraints silent about rows that our sentences refused already."""
        mine = {f"{kind}_v{version}" for kind in ("target", "overlay") for version in (V4, V6)}
        known: set[str] = super()._get_validation_exclusions()  # type: ignore[misc] # Django has it, its stubs do not
        return known | mine if self.errors else known


def _host(host: str) -> str:
    """Return where a PEP is reached, a name or an address to which no resource leads."""
    if ":" in host or host.replace(".", "").isdigit():
        found = or_sentence(lambda: targets.address(host, V6 if ":" in host else V4))
        resource = leading_to(found)
        if resource:
            raise ValidationError(leads_there(resource))
        return found
    if not all(0 < len(label) <= LONGEST_LABEL and label.strip("-") == label for label in host.split(".")):
        raise ValidationError(_("This is not a host name."))
    return host.lower()
