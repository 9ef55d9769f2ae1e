"""What a verb may answer instead of doing it, as a person sees it."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlsplit

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from enrollment.lifecycle import Conflict, Refused
from enrollment.models import User

P = ParamSpec("P")


class SignedIn(HttpRequest):
    """A request that `login_required` has let through."""

    user: User


def answers_conflicts(view: Callable[Concatenate[SignedIn, P], HttpResponse]) -> Callable[Concatenate[SignedIn, P], HttpResponse]:
    """Show the loser of a race who decided and when (409), and what to do where a verb refuses outright (422)."""

    @wraps(view)
    def answer(request: SignedIn, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Conflict as conflict:
            return render(request, "409.html", {"sentence": str(conflict), "back": _back(request)}, status=409)
        except Refused as refused:
            return render(request, "422.html", {"reasons": refused.reasons, "back": _back(request)}, status=422)

    return answer


def _back(request: HttpRequest) -> str:
    """Return the page of ours that this was sent from; nothing where the browser does not say."""
    from_page = urlsplit(request.headers.get("Referer", ""))
    is_ours = from_page.netloc == request.get_host() and not from_page.path.startswith("//")
    return from_page.path if is_ours and from_page.path != request.path else ""


def show_reasons(form: forms.BaseForm, refused: Refused) -> None:
    """Put a verb's reasons at the field they are about, or above the form, word for word."""
    for reason in refused.reasons:
        form.add_error(refused.field if refused.field in form.fields else None, reason)
