"""What SCIM clients are answered with: one thing, a list of things, or an error with words for the directory's admin (RFC 7644)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

from django.conf import settings
from django.http import HttpResponse, JsonResponse

CONTENT_TYPE = "application/scim+json"
MESSAGES = "urn:ietf:params:scim:api:messages:2.0:"
CORE = "urn:ietf:params:scim:schemas:core:2.0:"
BASE = "/scim/v2"


class ScimError(Exception):
    """An answer other than what was asked for. `kind` is one of RFC 7644's words for it, where there is one."""

    def __init__(self, status: int, detail: str, kind: str = "") -> None:
        self.status, self.detail, self.kind = status, detail, kind
        super().__init__(detail)


def insist(holds: object, detail: str, kind: str = "invalidValue") -> None:
    """Raise a 400 with these words where something does not hold."""
    if not holds:
        raise ScimError(400, detail, kind)


def not_there() -> NoReturn:
    """Answer for what is unknown, was deleted, or is no number of ours at all: the same each time."""
    raise ScimError(404, "There is nothing by this id.")


def error(status: int, detail: str, kind: str = "") -> HttpResponse:
    said = {"schemas": [f"{MESSAGES}Error"], "status": str(status), "detail": detail}
    return _json(said | ({"scimType": kind} if kind else {}), status)


def resource(body: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    answer = _json(dict(body), status)
    if status == 201:  # noqa: PLR2004 - created
        answer["Location"] = str(body["meta"]["location"])
    return answer


def many(found: Sequence[Mapping[str, Any]], *, total: int, start: int = 1) -> HttpResponse:
    body = {"schemas": [f"{MESSAGES}ListResponse"], "totalResults": total, "startIndex": start, "itemsPerPage": len(found)}
    return _json({**body, "Resources": list(found)}, 200)


def nothing() -> HttpResponse:
    return HttpResponse(status=204)


def meta(kind: str, identifier: str, created: datetime | None = None, changed: datetime | None = None) -> dict[str, str]:
    """Return what SCIM tells about a thing; `kind` in the singular, as User."""
    times = {name: at.isoformat() for name, at in (("created", created), ("lastModified", changed)) if at}
    return {"resourceType": kind, **times, "location": f"{settings.PUBLIC_URL}{BASE}/{kind}s/{identifier}"}


def _json(body: dict[str, Any], status: int) -> HttpResponse:
    return JsonResponse(body, status=status, content_type=CONTENT_TYPE)
