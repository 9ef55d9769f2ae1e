"""PEPs and resources: what a new admin fills in first. Each save is written down and told to the PEPs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db import IntegrityError, models
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from enrollment import clock, lifecycle, step_up
from enrollment.admin.filters import RetiredFilter
from enrollment.admin.mixins import Inline, Kept, RowAdmin, keeps, viewer
from enrollment.admin.verbs import Answers, Verb, VerbAdmin, stopping
from enrollment.admin_forms.answers import NothingForm
from enrollment.admin_forms.estate import PepForm, PlacementForm, PortForm, ResourceForm
from enrollment.admin_forms.formsets import PlacementFormSet, PortFormSet
from enrollment.lifecycle import Refused
from enrollment.models import Pep, Placement, Resource, ResourcePort, User
from enrollment.moments import in_words
from enrollment.sentences import recalled, say


def retire(resource: Resource, actor: User, given: Answers, now: datetime) -> str:
    lifecycle.retire_resource(resource, actor=actor, now=now)
    return gettext("Retired. Nobody reaches it from now on; its history stays.")


class RefusedForm:
    """Before a form whose verb has refused what it let through: it is not valid, and says why."""

    reasons: tuple[str, ...]

    def clean(self) -> Any:  # noqa: ANN401 - as the form's
        cleaned = super().clean()  # type: ignore[misc] # the form's, which comes after this class
        self.add_error(None, list(self.reasons))  # type: ignore[attr-defined]
        return cleaned


class EstateAdmin(Kept, RowAdmin):
    """Saves what an admin keeps, with an audit event for each row, in one transaction."""

    fixed: tuple[str, ...] = ()  # once saved

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ANN401 - as Django's
        return [*super().get_readonly_fields(request, obj), *(self.fixed if obj else ())]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say it in words when somebody else was faster, or a verb refuses what the form let through; what was typed stays.

        Saving asks for a recent sign-in. Looking at what there is does not, and says so above the form.
        """
        may_save = self.has_add_permission(request) if object_id is None else self.has_change_permission(request)
        looks = object_id is not None and request.method != "POST"
        if may_save and not looks and (asked := step_up.ask(request)):
            return asked
        if may_save and looks and not step_up.is_recent(request):
            extra_context = {"step_up": step_up.in_words(request), **(extra_context or {})}
        if typed := step_up.kept(request, says_so=False):
            request.method, request.POST = "POST", typed  # type: ignore[assignment] # shown as it was sent, which saves nothing:
            request.refused = (gettext("You have signed in again, and nothing is saved yet: look at it, and save."),)  # type: ignore[attr-defined]
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            reasons: tuple[str, ...] = (
                gettext("Somebody else took the same name or address a moment ago. Nothing was saved: look, and try again."),
            )
        except Refused as refused:
            reasons = refused.reasons
        request.refused = reasons  # type: ignore[attr-defined] # for get_form: the page once more, as it was sent, and why
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: ANN401, FBT001, FBT002 - as Django's
        form = super().get_form(request, obj, change, **kwargs)
        reasons = getattr(request, "refused", ())
        return type(form.__name__, (RefusedForm, form), {"reasons": reasons}) if reasons else form

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: ANN401, FBT001 - as Django's
        super().save_related(request, form, formsets, change)
        self.save_more(request, form)
        now = clock.of(request)
        if self.row_changed(form) or not change:
            self.tell(request, form.instance, "changed" if change else "added", now)
        for formset in formsets:
            self._tell_rows(request, formset, now)

    def save_more(self, request: HttpRequest, form: Any) -> None:  # noqa: ANN401 - as Django's
        """Save what else the form holds: before the events, because everybody waits for the end of the log, and it waits for nobody."""

    def row_changed(self, form: Any) -> bool:  # noqa: ANN401 - as Django's
        return bool(form.has_changed())

    def tell(self, request: HttpRequest, obj: models.Model, verb: str, now: datetime) -> None:
        lifecycle.estate_changed(obj, actor=viewer(request), verb=verb, now=now)

    def _tell_rows(self, request: HttpRequest, formset: BaseInlineFormSet[Any, Any, Any], now: datetime) -> None:
        for obj in formset.new_objects:
            self.tell(request, obj, "added", now)
        for obj, _fields in formset.changed_objects:
            self.tell(request, obj, "changed", now)
        for obj in formset.deleted_objects:
            self.tell(request, obj, "removed", now)


class PlacedInline(Kept, Inline):
    model = Placement
    readonly_fields = ("resource", "overlay_v4", "target_v4", "overlay_v6", "target_v6", "is_on_pep")
    fields = (readonly_fields,)
    extra = 0
    verbose_name_plural = _("resources here")

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Pep)
class PepAdmin(EstateAdmin):
    """Gateways. One that is not needed any more is switched off, never deleted."""

    form = PepForm
    fixed = ("name",)
    list_display = ["name", "endpoint", "prefix_v4", "prefix_v6", "is_enabled", "health"]
    list_select_related = ["status"]
    search_fields = ["name", "endpoint_host"]
    inlines = [PlacedInline]

    def response_add(self, request: HttpRequest, obj: Pep, post_url_continue: str | None = None) -> HttpResponse:
        """Say what is left to do: a PEP that no worker can reach looks finished, and is not."""
        next_step = gettext(
            "Next, run on %(pep)s what manage.py bootstrap_pep writes, and enter here what it says. Its state is in this list."
        )
        self.message_user(request, next_step % {"pep": obj.name}, messages.WARNING)
        return super().response_add(request, obj, post_url_continue)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        state = reverse("admin:enforcement_pepstatus_change", args=[object_id])
        return super().change_view(request, object_id, form_url, {"state_url": state, **(extra_context or {})})

    @admin.display(description=_("state"))
    def health(self, pep: Pep) -> str:
        """Read through the relation, and lead to its page: machines write that table."""
        status = getattr(pep, "status", None)
        words: str = gettext("not reached yet")
        if status and (status.error or status.agreed_at):
            words = recalled(status.error) or say("held what is wanted on {when}", when=in_words(status.agreed_at))
        return format_html('<a href="{}">{}</a>', reverse("admin:enforcement_pepstatus_change", args=[pep.pk]), words) if status else words

    @admin.display(description=_("endpoint"))
    def endpoint(self, pep: Pep) -> str:
        host = f"[{pep.endpoint_host}]" if ":" in pep.endpoint_host else pep.endpoint_host
        return f"{host}:{pep.endpoint_port}"


class PortInline(Kept, Inline):
    model = ResourcePort
    form = PortForm
    formset = PortFormSet
    fields = (("protocol", "first", "last"),)
    extra = 1

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return keeps(request)  # a port that is closed is a change of the resource, and written down


class PlacementInline(Kept, Inline):
    model = Placement
    form = PlacementForm
    formset = PlacementFormSet
    fields = (("pep", "is_on_pep"), ("target_v4", "target_v6"), ("overlay_v4", "overlay_v6"))
    extra = 1
    verbose_name_plural = _("placements: leave an overlay address empty to get the next free one of the PEP")


@admin.register(Resource)
class ResourceAdmin(EstateAdmin, VerbAdmin):
    """Services that people ask for."""

    verbs = (stopping("retire", _("Retire …"), _("Retire for good?"), _("Retire"), retire, keeps, NothingForm),)
    form = ResourceForm
    fixed = ("slug",)
    list_display = ["name", "slug", "policy", "on_ports", "where", "retired_at"]
    list_filter = [RetiredFilter, "policy"]
    search_fields = ["name", "slug", "description"]
    inlines = [PortInline, PlacementInline]

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Resource]:
        return super().get_queryset(request).select_related("policy").prefetch_related("ports", "placements__pep")

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        retired = isinstance(obj, Resource) and obj.retired_at is not None
        return keeps(request) and not retired

    def also_about(self, obj: Any) -> models.Q:  # noqa: ANN401 - any model
        """Find what was said of its ports and places, of those that are gone too."""
        return models.Q(subject_type__in=["resourceport", "placement"], data__resource_id=obj.pk)

    def offers(self, verb: Verb, obj: Any, request: HttpRequest) -> bool:  # noqa: ANN401 - any model
        return obj.retired_at is None

    @admin.display(description=_("ports"))
    def on_ports(self, resource: Resource) -> str:
        return ", ".join(str(port) for port in resource.ports.all())

    @admin.display(description=_("on"))
    def where(self, resource: Resource) -> str:
        return ", ".join(str(placement.pep) for placement in resource.placements.all()) or gettext("no PEP yet")
