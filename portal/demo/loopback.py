"""Turns every other machine away: the provider lets anybody be anybody."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden

from portal.exposure import is_this_machine


def only_this_machine(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Answer requests from loopback addresses, and refuse the rest."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not is_this_machine(request.META.get("REMOTE_ADDR", "")):
            return HttpResponseForbidden("This demo answers its own machine only.\n", content_type="text/plain")
        return get_response(request)

    return answer
