"""The language that somebody reads: chosen below a page, kept in this browser, and once we know who chose it, with the person.

Mails are written in a person's language, and where they chose it, every browser that they sign in
with is set to it. Of somebody who never chose, it is what their browser said at their first sign-in:
good enough for mails, but no reason to change what another browser of theirs asks for.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language, get_supported_language_variant
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from enrollment.models import User

NAME = settings.LANGUAGE_COOKIE_NAME


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Read in another language from now on, and lead back."""
    response: HttpResponse = set_language(request)
    if NAME in response.cookies and request.user.is_authenticated:
        language = get_supported_language_variant(response.cookies[NAME].value)  # Django takes "de-AT" for one, too
        User.objects.filter(pk=request.user.pk).update(language=language, chose_language=True)
    return response


def arrive(user: User, response: HttpResponse) -> None:
    """Let the browser that somebody signs in with speak as they chose; of whoever did not, note what it speaks."""
    if user.chose_language:
        _keep(user.speaks, response)
    elif not user.language:
        User.objects.filter(pk=user.pk, language="").update(language=get_language() or "")


def _keep(language: str, response: HttpResponse) -> None:
    """Do as Django does for a choice."""
    age, secure = settings.LANGUAGE_COOKIE_AGE, settings.LANGUAGE_COOKIE_SECURE
    response.set_cookie(NAME, language, age, secure=secure, httponly=True, samesite="Lax")
