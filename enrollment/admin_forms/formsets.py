"""Rows inside a resource that only make sense together: its ports, and where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from enrollment.lifecycle.sound import ways_of_others
from enrollment.models import Placement, Resource, ResourcePort
from enrollment.targets import overlapping

if TYPE_CHECKING:
    Ports = forms.BaseInlineFormSet[ResourcePort, Resource, Any]
    Placements = forms.BaseInlineFormSet[Placement, Resource, Any]
else:
    Ports = Placements = forms.BaseInlineFormSet

MOST_PORTS = 64


class PortFormSet(Ports):
    """At least one port, and none twice. Hands its ports on to the placements, which are checked after it."""

    def clean(self) -> None:
        super().clean()
        if any(form.errors for form in self.forms):
            return
        ports: list[tuple[str, int, int]] = []
        for form in _kept(self):
            port = (form.cleaned_data["protocol"], form.cleaned_data["first"], form.cleaned_data["last"])
            twice = overlapping([port], ports)
            if twice:
                form.add_error("first", _("It is named twice: %(port)s.") % {"port": twice})
            ports.append(port)
        if not ports:
            raise ValidationError(_("Name at least one port: a resource without ports opens nothing."))
        if len(ports) > MOST_PORTS:
            raise ValidationError(_("Name at most %(most)d ports or ranges.") % {"most": MOST_PORTS})
        self.instance.asked_ports = ports  # type: ignore[attr-defined] # for PlacementFormSet, in the same POST


class PlacementFormSet(Placements):
    """No two resources lead to the same address and port on one PEP: nobody could say which of them let a packet through."""

    def clean(self) -> None:
        super().clean()
        ports = getattr(self.instance, "asked_ports", [])
        for form in _kept(self):
            for field in ("target_v4", "target_v6"):
                if form.cleaned_data.get(field) and not form.errors:
                    self._check_target(form, field, ports)

    def _check_target(self, form: forms.ModelForm[Any], field: str, ports: list[tuple[str, int, int]]) -> None:
        others = ways_of_others(form.cleaned_data["pep"], field, form.cleaned_data[field], self.instance)
        for resource, other in others:
            port = overlapping(ports, [other])
            if port:
                form.add_error(field, _("%(resource)s leads there already, on %(port)s.") % {"resource": resource, "port": port})
                return


def _kept(formset: Any) -> list[Any]:  # noqa: ANN401 - either of the two
    filled = [form for form in formset.forms if form.has_changed() or form.instance.pk]
    return [form for form in filled if getattr(form, "cleaned_data", None) and not formset._should_delete_form(form)]  # noqa: SLF001
