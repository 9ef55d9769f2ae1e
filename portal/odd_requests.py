"""What no browser of ours sends and no database takes, answered before anything reads it: with a 400, never a 500.

Fields of forms, and addresses, are judged where they are read, in words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_header_parameters

Answer = Callable[[HttpRequest], HttpResponse]


class Utf8Request(WSGIRequest):
    """Everything is UTF-8, whatever a header says: Python knows character sets that break while the request is being made."""

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        self.content_type, self.content_params = parse_header_parameters(meta.get("CONTENT_TYPE", ""))


def refuse_nul(get_response: Answer) -> Answer:
    """Refuse a cookie with a NUL in it: quoted, one can get there, and the session's goes into a query that PostgreSQL breaks off."""

    def answer(request: HttpRequest) -> HttpResponse:
        if any("\x00" in value for value in request.COOKIES.values()):
            raise BadRequest("There is a NUL in a cookie.")
        return get_response(request)

    return answer
