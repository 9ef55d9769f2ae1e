"""Verbs on rows of the admin: a confirm page first, then the verb for each row, each outcome in words.

An action only collects ids (an admin action never asks about single objects), and the page
that it leads to changes nothing until it is posted. What may happen is decided by the verb
of `lifecycle`; here its answer is shown. To offer one more, name a `Verb` in `verbs`. It asks
for a recent sign-in (`step_up`), unless it `only_ends` access.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Prefetch, QuerySet, prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext as _

from enrollment import clock, step_up
from enrollment.admin.mixins import RowAdmin, viewer
from enrollment.admin_forms.answers import Ids, PlainReasonForm
from enrollment.lifecycle import Conflict, Refused
from enrollment.models import Grant, User
from enrollment.sentences import joined, say, spoken

Answers = Mapping[str, Any]
NO_RIGHT = say("You may not do this, or not any more: what counts is the moment at which you press the button. Nothing was changed.")
OUT_OF_SIGHT = say("You may not see this, or not any more: what counts is the moment at which you press the button. Nothing was changed.")
MOST_IN_AN_ADDRESS = 100  # rows: servers take no address of any length
Run = Callable[[Any, User, Answers, datetime], str]


@dataclass(frozen=True)
class Verb:
    """One thing to do to chosen rows: `run` calls the verb of `lifecycle` and returns what happened, in words."""

    name: str
    label: str | Promise  # in the list of actions
    question: str | Promise  # above the confirm page
    button: str | Promise
    run: Run
    allowed: Callable[[HttpRequest], bool]
    form: type[forms.Form] = PlainReasonForm
    template: str = "admin/enrollment/confirm.html"
    is_grave: bool = False
    only_ends: bool = False  # takes away and gives nothing: never held up
    stops_access: bool = False  # of whoever has a grant of the row: the page names it
    leads_on: bool = False  # done for one row, it goes back to the list, where the next one waits


ending = partial(Verb, is_grave=True, only_ends=True)
stopping = partial(ending, stops_access=True)


@dataclass(frozen=True)
class Outcome:
    """What a verb answered for one row."""

    words: str
    level: int
    status: int


class VerbAdmin(RowAdmin):
    """An admin whose rows can be acted on only by verbs."""

    verbs: Sequence[Verb] = ()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer our verbs alone: no deleting, nothing that others register."""
        return {verb.name: (partial(_open_page, verb), verb.name, verb.label) for verb in self.verbs if verb.allowed(request)}

    def get_urls(self) -> list[URLPattern]:
        mine = []
        for verb in self.verbs:
            name = f"{self.opts.app_label}_{self.opts.model_name}_{verb.name}"
            mine += [
                path(f"{verb.name}/", self.admin_site.admin_view(partial(self.many_view, verb)), name=f"{name}_many"),
                path(f"<int:pk>/{verb.name}/", self.admin_site.admin_view(partial(self.one_view, verb)), name=name),
            ]
        return [*mine, *super().get_urls()]

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any) -> HttpResponse | None:
        """Read the chosen rows as we do everywhere: Django puts whatever was sent into its query."""
        chosen = Ids({"ids": ",".join(request.POST.getlist(ACTION_CHECKBOX_NAME))})
        if request.POST.getlist(ACTION_CHECKBOX_NAME) and not chosen.is_valid():
            return self._no_rows(request)
        return super().response_action(request, queryset, *args, **kwargs)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "verbs": self._offered(request, object_id)})

    def rows(self, verb: Verb, request: HttpRequest, chosen: QuerySet[Any], now: datetime) -> list[Any]:
        """Return what the confirm page shows for each row."""
        found = list(chosen)
        if verb.stops_access:
            unfinished = Grant.objects.unfinished(now).select_related("user", "resource").order_by("ends_at", "pk")
            prefetch_related_objects(found, Prefetch("grants", unfinished, to_attr="stopping"))
        return found

    def _offered(self, request: HttpRequest, object_id: str) -> list[dict[str, Any]]:
        obj = self.get_object(request, object_id)
        if obj is None:
            return []
        base = f"admin:{self.opts.app_label}_{self.opts.model_name}_"
        return [
            {"url": reverse(base + verb.name, args=[obj.pk]), "label": verb.button, "is_grave": verb.is_grave}
            for verb in self.verbs
            if verb.allowed(request) and self.offers(verb, obj, request)
        ]

    def offers(self, verb: Verb, obj: Any, request: HttpRequest) -> bool:  # noqa: ANN401 - any model
        """Tell whether a row's own page shows the verb: where it could only be refused, it would be noise."""
        return True

    def one_view(self, verb: Verb, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Ask, and on POST do it, for one row."""
        self._check(verb, request)
        chosen = self.get_queryset(request).filter(pk=pk)
        if not chosen.exists() and request.method == "POST":
            return self.page(verb, request, chosen, verb.form(), Outcome(OUT_OF_SIGHT, messages.ERROR, 404))
        if not chosen.exists():
            raise Http404
        if asked := self.ask(verb, request):
            return asked
        if request.method != "POST":
            return self.page(verb, request, chosen, verb.form(step_up.kept(request)))
        form = verb.form(request.POST)
        if not form.is_valid():
            return self.page(verb, request, chosen, form)
        outcome = self._do(verb, chosen.get(), form.cleaned_data, request, clock.of(request))
        if outcome.status != HttpResponse.status_code:
            return self.page(verb, request, chosen, form, outcome)
        return self._done(verb, request, pk, outcome)

    def many_view(self, verb: Verb, request: HttpRequest) -> HttpResponseBase:
        """Do it for each of the rows that the confirm page named, and say what came of each. With `?ids=`, be that page."""
        self._check(verb, request)
        ids = Ids(request.POST if request.method == "POST" else request.GET)
        if not ids.is_valid():
            return self._no_rows(request)
        chosen = self.get_queryset(request).filter(pk__in=ids.cleaned_data["ids"])
        if asked := self.ask(verb, request, ids.cleaned_data["ids"]):
            return asked
        if request.method != "POST":
            return self.page(verb, request, chosen, verb.form(step_up.kept(request)))
        form = verb.form(request.POST)
        if not form.is_valid():
            return self.page(verb, request, chosen, form)
        now, found = clock.of(request), list(chosen)
        for obj in found:
            outcome = self._do(verb, obj, form.cleaned_data, request, now)
            self.message_user(request, spoken(outcome.words), outcome.level)
        missing = len(ids.cleaned_data["ids"]) - len(found)
        if missing:
            self.message_user(request, _("Left out, because you may not see them: %d.") % missing, messages.ERROR)
        return HttpResponseRedirect(self._list_url())

    def ask(self, verb: Verb, request: HttpRequest, ids: Sequence[int] = (), *, keeps: bool = True) -> HttpResponse | None:
        """Return the page that asks for a recent sign-in, if that is needed; it leads back to the confirm page of the same rows."""
        if verb.only_ends:
            return None
        back = f"{self._many_url(verb)}?ids={','.join(map(str, ids))}" if 0 < len(ids) <= MOST_IN_AN_ADDRESS else ""
        return step_up.ask(request, back=back or (self._list_url() if ids else ""), keeps=keeps)

    def page(
        self, verb: Verb, request: HttpRequest, chosen: QuerySet[Any], form: forms.Form, outcome: Outcome | None = None
    ) -> TemplateResponse:
        """Show what would happen, and to what; nothing happens by showing it."""
        rows = self.rows(verb, request, chosen, clock.of(request))
        could = [row for row in rows if not getattr(row, "obstacles", ())]  # where all could only be refused, nothing is asked
        context = {
            **self.admin_site.each_context(request),
            "title": verb.question,
            "verb": verb,
            "rows": rows,
            "ids": ",".join(str(pk) for pk in chosen.values_list("pk", flat=True)),
            "form": form,
            "outcome": outcome,
            "is_open": could and (not outcome or outcome.status != HTTPStatus.CONFLICT),
            "opts": self.opts,
            "media": self.media,
            "many_url": self._many_url(verb),
            "one": request.resolver_match is not None and "pk" in request.resolver_match.kwargs,
            "list_url": self._list_url(),
        }
        return TemplateResponse(request, verb.template, context, status=outcome.status if outcome else 200)

    def _check(self, verb: Verb, request: HttpRequest) -> None:
        if not (self.has_view_permission(request) and verb.allowed(request)):
            raise PermissionDenied(NO_RIGHT if request.method == "POST" else "")

    def _no_rows(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST":
            self.message_user(request, _("Nothing was done: what was chosen are no rows of this list."), messages.ERROR)
        return HttpResponseRedirect(self._list_url())

    def _do(self, verb: Verb, obj: Model, given: Answers, request: HttpRequest, now: datetime) -> Outcome:
        try:
            return Outcome(joined([str(obj), verb.run(obj, viewer(request), given, now)], by=": "), messages.SUCCESS, 200)
        except Conflict as conflict:
            return Outcome(joined([str(obj), str(conflict)], by=": "), messages.WARNING, 409)
        except Refused as refused:
            return Outcome(joined([str(obj), joined(refused.reasons)], by=": "), messages.ERROR, 422)

    def _done(self, verb: Verb, request: HttpRequest, pk: int, outcome: Outcome) -> HttpResponse:
        there, words = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[pk]), spoken(outcome.words)
        if not verb.leads_on:
            self.message_user(request, words, outcome.level)
            return HttpResponseRedirect(there)
        self.message_user(request, format_html('{} <a href="{}">{}</a>', words, there, _("Look at it")), outcome.level)
        return HttpResponseRedirect(self._list_url())

    def _many_url(self, verb: Verb) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{verb.name}_many")

    def _list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def _open_page(verb: Verb, rows: VerbAdmin, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponseBase:
    ids = [] if verb.only_ends else list(chosen.values_list("pk", flat=True))
    return rows.ask(verb, request, ids, keeps=False) or rows.page(verb, request, chosen, verb.form())
