"""What this SCIM service can do, for clients that ask: little, and it says so."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from portal.scim import answers, reading
from portal.scim.answers import CORE

STRINGS = {"User": ("userName", "externalId", "displayName", "preferredLanguage"), "Group": ("displayName", "externalId")}
NOT = {"supported": False}


def config(request: HttpRequest) -> HttpResponse:
    bearer = {"type": "oauthbearertoken", "name": "Bearer token", "description": "The token that this portal was given.", "primary": True}
    body: dict[str, Any] = {
        "schemas": [f"{CORE}ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {**NOT, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": reading.MOST_IN_A_PAGE},
        "changePassword": NOT,
        "sort": NOT,
        "etag": NOT,
        "authenticationSchemes": [bearer],
        "meta": _meta("ServiceProviderConfig"),
    }
    return answers.resource(body)


def resource_types(request: HttpRequest) -> HttpResponse:
    found = [_resource_type(kind) for kind in STRINGS]
    return answers.many(found, total=len(found))


def resource_type(request: HttpRequest, kind: str) -> HttpResponse:
    return answers.resource(_resource_type(kind)) if kind in STRINGS else answers.not_there()


def schemas(request: HttpRequest) -> HttpResponse:
    found = [_schema(kind) for kind in STRINGS]
    return answers.many(found, total=len(found))


def schema(request: HttpRequest, urn: str) -> HttpResponse:
    kind = urn.removeprefix(CORE)
    return answers.resource(_schema(kind)) if kind in STRINGS and urn.startswith(CORE) else answers.not_there()


def _resource_type(kind: str) -> dict[str, Any]:
    body = {"schemas": [f"{CORE}ResourceType"], "id": kind, "name": kind, "endpoint": f"/{kind}s", "schema": f"{CORE}{kind}"}
    return {**body, "meta": _meta("ResourceType", f"s/{kind}")}


def _schema(kind: str) -> dict[str, Any]:
    attributes = [_attribute(name, required=name == STRINGS[kind][0]) for name in STRINGS[kind]]
    value = _attribute("value")
    if kind == "User":
        attributes += [_attribute("active", "boolean"), _attribute("name", "complex", of=[_attribute("formatted")])]
        attributes.append(_attribute("emails", "complex", is_many=True, of=[value, _attribute("type"), _attribute("primary", "boolean")]))
    else:
        attributes.append(_attribute("members", "complex", is_many=True, of=[value]))
    about = {"id": f"{CORE}{kind}", "name": kind, "attributes": attributes}
    return {"schemas": [f"{CORE}Schema"], **about, "meta": _meta("Schema", f"s/{CORE}{kind}")}


def _attribute(
    name: str, kind: str = "string", *, is_many: bool = False, required: bool = False, of: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    how = {"mutability": "readWrite", "returned": "default", "uniqueness": "server" if required else "none"}
    return {"name": name, "type": kind, "multiValued": is_many, "required": required, **how, **({"subAttributes": of} if of else {})}


def _meta(kind: str, rest: str = "") -> dict[str, str]:
    found = answers.meta(kind, "")
    return {**found, "location": found["location"].removesuffix("s/") + rest}
