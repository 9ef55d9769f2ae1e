"""People over SCIM. Who somebody is, one configured identifier says (LYCHGATE_SCIM_SUBJECT); an e-mail address never does.

`active: false` suspends at once, whatever else is wrong with the request, and `active: true`
lifts only what SCIM did. DELETE is for good.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

from enrollment import clock, lifecycle
from enrollment.lifecycle.members import DIRECTORY
from enrollment.models import User
from portal.scim import answers, reading
from portal.scim.answers import ScimError, insist
from portal.scim.reading import attributes_of

EXTERNAL_ID, USER_NAME = "externalId", "userName"
FILTERS = ("id", "username", "externalid")
KEPT = {"active", "username", "externalid", "displayname", "name", "emails", "preferredlanguage"}
HELD = {"username": "in_directory__user_name__iexact", "externalid": "in_directory__external_id"}


@dataclass(frozen=True)
class Said:
    """What a body says of somebody; "" and None: nothing."""

    user_name: str = ""
    external_id: str = ""
    name: str = ""
    email: str = ""
    language: str = ""
    active: bool | None = None

    @property
    def subject(self) -> str:
        return self.external_id if settings.SCIM_SUBJECT == EXTERNAL_ID else self.user_name


def listed(request: HttpRequest) -> HttpResponse:
    found = people()
    for name, value in reading.terms(request, FILTERS):
        found = found.filter(pk=number(value)) if name == "id" else found.filter(**{HELD[name]: value})
    start, count = reading.page(request)
    total = found.count()
    return answers.many([shown(user) for user in found[start - 1 : start - 1 + count]], total=total, start=start)


def one(request: HttpRequest, identifier: str) -> HttpResponse:
    return answers.resource(shown(find(identifier)))


def made(request: HttpRequest) -> HttpResponse:
    now, said = clock.of(request), _said(reading.body_of(request))
    insist(said.user_name, "userName is required.")
    insist(said.subject, f"{settings.SCIM_SUBJECT} is required: it must be what the OpenID provider sends as sub.")
    names = {"user_name": said.user_name, "external_id": said.external_id, "name": said.name, "email": said.email}
    user = lifecycle.provision_user(settings.OIDC_ISSUER, said.subject, **names, language=said.language, now=now)
    if said.active is False:
        suspend(user, request)
    elif not user.is_active and user.disabled_by_source == DIRECTORY:
        lifecycle.enable_user(user, actor=None, now=now, source=DIRECTORY)
    return answers.resource(shown(find(identifier_of(user))), status=201)


def put(request: HttpRequest, identifier: str) -> HttpResponse:
    body = reading.body_of(request)
    told = attributes_of(body)
    active = reading.truth(told["active"]) if told.get("active") is not None else None
    user = _find_to_change(identifier, request, active=active)
    if active is False:
        suspend(user, request)
    _take_over(user, _said(body), request)
    return answers.resource(shown(find(identifier)))


def patched(request: HttpRequest, identifier: str) -> HttpResponse:
    """Do as each operation says. A deactivation among them comes first, and stands whatever the others are."""
    steps = reading.operations(reading.body_of(request))
    about = [step for step in steps if step.path == "active"]
    insist(all(step.op != "remove" for step in about), "active cannot be removed: replace it.", "mutability")
    active = reading.truth(about[-1].value) if about else None
    user = _find_to_change(identifier, request, active=active)
    if active is False:
        suspend(user, request)
    changes: dict[str, Any] = {}
    for step in steps:
        if step.op != "remove":
            changes |= _change(step)
    _take_over(user, _said(changes), request)
    return answers.resource(shown(find(identifier)))


def deleted(request: HttpRequest, identifier: str) -> HttpResponse:
    user = _find_to_change(identifier, request, deletes=True)
    lifecycle.deprovision_user(user, now=clock.of(request))
    return answers.nothing()


def suspend(user: User, request: HttpRequest) -> None:
    """Cut somebody off; once more is the same as once, and what an admin did before stays the admin's."""
    try:
        lifecycle.disable_user(user, actor=None, now=clock.of(request), source=DIRECTORY)
    except lifecycle.Conflict:
        user.refresh_from_db()


def people() -> QuerySet[User]:
    """Return whom the directory has told of."""
    found = User.objects.filter(issuer=settings.OIDC_ISSUER, in_directory__isnull=False)
    return found.select_related("in_directory").order_by("pk")


def find(identifier: str) -> User:
    """Return who has this id, or say that nobody has."""
    user = people().filter(pk=number(identifier)).first()
    return user or answers.not_there()


def number(identifier: str) -> int:
    """Return the number in an id such as u7; 0, which nobody has, for what is none: a group's id, for one."""
    found = re.fullmatch(r"u([0-9]{1,18})", identifier)
    return int(found[1]) if found else 0


def identifier_of(user: User) -> str:
    return f"u{user.pk}"


def shown(user: User) -> dict[str, Any]:
    known, own = user.in_directory, identifier_of(user)
    told: dict[str, Any] = {"schemas": [f"{answers.CORE}User"], "id": own, "userName": known.user_name, "active": user.is_active}
    told |= {"externalId": known.external_id} if known.external_id else {}
    told |= {"displayName": user.name, "name": {"formatted": user.name}} if user.name else {}
    told |= {"preferredLanguage": user.language} if user.language else {}
    told |= {"emails": [{"value": user.email, "type": "work", "primary": True}]} if user.email else {}
    return {**told, "meta": answers.meta("User", own, known.since, known.changed_at)}


def _find_to_change(identifier: str, request: HttpRequest, *, active: bool | None = None, deletes: bool = False) -> User:
    """Find somebody; where they were to be cut off and nobody is found, admins must hear of it, unless they are cut off already."""
    try:
        return find(identifier)
    except ScimError:
        was = User.objects.filter(pk=number(identifier), issuer=settings.OIDC_ISSUER).first()
        if (deletes or active is False) and (was is None or was.is_active):
            lifecycle.report_unmatched(identifier, deletes=deletes, now=clock.of(request))
        raise


def _take_over(user: User, said: Said, request: HttpRequest) -> None:
    """Do what is no cut. Who somebody is, is fixed: another subject would be another person."""
    now = clock.of(request)
    insist(not said.subject or said.subject == user.subject, f"{settings.SCIM_SUBJECT} says who this is, and is fixed.", "mutability")
    if said.active and not user.is_active:
        try:
            lifecycle.enable_user(user, actor=None, now=now, source=DIRECTORY)
        except lifecycle.Refused as refused:
            raise ScimError(409, " ".join(refused.reasons)) from None
    lifecycle.describe_user(user, user_name=said.user_name, name=said.name, email=said.email, language=said.language, now=now)


def _said(body: Mapping[str, Any]) -> Said:
    told = attributes_of(body)
    return Said(
        user_name=reading.text(told.get("username"), "userName"),
        external_id=reading.text(told.get("externalid"), "externalId"),
        name=reading.text(told.get("displayname"), "displayName") or _name(told.get("name")),
        email=_email(told.get("emails")),
        language=_language(told.get("preferredlanguage")),
        active=reading.truth(told["active"]) if told.get("active") is not None else None,
    )


def _change(step: reading.Operation) -> dict[str, Any]:
    """Return a step as a body would have it; what is not kept here is left out."""
    if step.path == "name.formatted":
        return {"name": {"formatted": step.value}}
    if re.fullmatch(r'emails\[type eq "work"\](\.value)?', step.path):
        return {"emails": step.value if not isinstance(step.value, str) else [{"value": step.value}]}
    return {step.path: step.value} if step.path in KEPT else {}


def _name(value: object) -> str:
    if not isinstance(value, Mapping):
        return ""
    parts = attributes_of(value)
    whole = reading.text(parts.get("formatted"), "name.formatted")
    halves = [reading.text(parts.get(part), "name") for part in ("givenname", "familyname")]
    return whole or " ".join(half for half in halves if half)


def _email(value: object) -> str:
    """Return the primary address, or the first: for mail, and for nothing else."""
    if not isinstance(value, list):
        return ""
    known = [attributes_of(each) for each in value if isinstance(each, Mapping)]
    first = next((each for each in known if each.get("primary") is True), known[0] if known else {})
    return reading.text(first.get("value"), "An e-mail address")


def _language(value: object) -> str:
    """Return the first that the portal speaks, "" for none: it is written as a browser's Accept-Language (RFC 7643, 4.1.1)."""
    for code, _quality in parse_accept_lang_header(reading.text(value, "preferredLanguage").lower()):
        with suppress(LookupError):
            return get_supported_language_variant(code)
    return ""
