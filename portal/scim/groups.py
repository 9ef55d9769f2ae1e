"""Groups over SCIM: what the provider's own claim would name, under the same prefix.

Adding and removing people by name is done at once. A whole list of members also says, by
leaving people out, that they are out: where that is many, the brake has held it, and the
client gets an error. It is an error, not a 202, because nothing is done yet and perhaps never
will be; 409, because clients show its words to their admins and send the list again later
(a 5xx would be tried again at once), and the same list succeeds once an admin has confirmed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from enrollment import clock, lifecycle
from enrollment.lifecycle.members import PROVIDERS
from enrollment.models import HeldChange, User
from portal.scim import answers, reading, users
from portal.scim.answers import ScimError, insist
from portal.scim.reading import Operation, attributes_of

FILTERS = ("id", "displayname", "externalid", "members", "members.value")


@dataclass
class Change:
    """What a PATCH adds up to: ids of people. `whole` is the list that shall be all of them, or None."""

    add: set[str] = field(default_factory=set)
    remove: set[str] = field(default_factory=set)
    whole: set[str] | None = None

    def take(self, step: Operation) -> None:
        insist(step.member is None or step.op == "remove", "By a filter one can only remove members.", "invalidPath")
        names_nobody = step.op == "remove" and step.member is None and step.value is None
        named = {step.member} if step.member else set() if names_nobody else _ids(step.value)
        if step.op == "add":
            self.add |= named
            self.remove -= named
        elif step.op == "remove" and not names_nobody:
            self.remove |= named
            self.add -= named
        else:  # all of them at once, by naming nobody who goes
            self.whole, self.add = named, set()
            self.remove -= self.whole


def listed(request: HttpRequest) -> HttpResponse:
    found = groups()
    for name, value in reading.terms(request, FILTERS):
        if name == "id":
            found = found.filter(pk=number(value))
        elif name == "displayname":
            found = found.filter(name__iexact=settings.OIDC_GROUP_PREFIX + value)
        elif name == "externalid":
            found = found.filter(in_directory__external_id=value)
        else:
            found = found.filter(memberships__user=users.number(value), memberships__source__in=PROVIDERS)
    start, count = reading.page(request)
    total = found.count()
    return answers.many([_shown(group, request) for group in found[start - 1 : start - 1 + count]], total=total, start=start)


def one(request: HttpRequest, identifier: str) -> HttpResponse:
    return answers.resource(_shown(find(identifier), request))


def made(request: HttpRequest) -> HttpResponse:
    """Keep a group from now on. Whoever is in it by a sign-in stays: an empty list of members at the beginning says nothing."""
    told, now = attributes_of(reading.body_of(request)), clock.of(request)
    name = reading.text(told.get("displayname"), "displayName")
    insist(name, "displayName is required.")
    members = _people(_ids(told.get("members") or []))
    external = reading.text(told.get("externalid"), "externalId")
    group = lifecycle.provision_group(settings.OIDC_GROUP_PREFIX + name, external_id=external, now=now)
    lifecycle.change_members(group, add=members, now=now)
    return answers.resource(_shown(find(identifier_of(group)), request), status=201)


def put(request: HttpRequest, identifier: str) -> HttpResponse:
    told = attributes_of(reading.body_of(request))
    group = find(identifier)
    _insist_on_name(group, told.get("displayname"))
    if told.get("members") is not None:
        _make_whole(group, _ids(told["members"]), request)
    return answers.resource(_shown(find(identifier), request))


def patched(request: HttpRequest, identifier: str) -> HttpResponse:
    """Take out first whom it names, whatever becomes of the rest."""
    steps = reading.operations(reading.body_of(request))
    group, change, now = find(identifier), Change(), clock.of(request)
    for step in steps:
        if step.path == "members":
            change.take(step)
    if change.remove:
        lifecycle.change_members(group, remove=list(users.people().filter(pk__in=_numbers(change.remove))), now=now)
    for step in steps:
        if step.path == "displayname":
            _insist_on_name(group, step.value)
    if change.whole is not None:
        _make_whole(group, change.whole | change.add, request)
    elif change.add:
        lifecycle.change_members(group, add=_people(change.add), now=now)
    return answers.nothing()


def deleted(request: HttpRequest, identifier: str) -> HttpResponse:
    lifecycle.deprovision_group(find(identifier), now=clock.of(request))
    return answers.nothing()


def groups() -> QuerySet[Group]:
    """Return the groups that the directory keeps."""
    found = Group.objects.filter(in_directory__isnull=False, name__startswith=settings.OIDC_GROUP_PREFIX)
    return found.select_related("in_directory").order_by("pk")


def find(identifier: str) -> Group:
    group = groups().filter(pk=number(identifier)).first()
    return group or answers.not_there()


def number(identifier: str) -> int:
    """Return the number in an id such as g7; 0, which no group has, for what is none."""
    found = re.fullmatch(r"g([0-9]{1,18})", identifier)
    return int(found[1]) if found else 0


def identifier_of(group: Group) -> str:
    return f"g{group.pk}"


def _make_whole(group: Group, ids: set[str], request: HttpRequest) -> None:
    held = lifecycle.replace_members(group, _people(ids), now=clock.of(request))
    if held is None:
        return
    left_out = f"{held.people.count()} of {held.members} members"
    if held.state == HeldChange.State.DISMISSED:
        raise ScimError(409, f"Nothing was changed: this list leaves out {left_out}, and an admin of the portal has refused that.")
    if not ids:
        raise ScimError(400, "Nothing was changed: an empty list of members is taken for an error. An admin of the portal can confirm it.")
    raise ScimError(
        409,
        f"Nothing was changed: this list leaves out {left_out} at once, so it waits for an admin of the portal. "
        "Send it again once it is confirmed. Who is deactivated, deleted or removed by name is cut off all the same.",
    )


def _shown(group: Group, request: HttpRequest) -> dict[str, Any]:
    known, own = group.in_directory, identifier_of(group)
    told: dict[str, Any] = {"schemas": [f"{answers.CORE}Group"], "id": own}
    told |= {"displayName": group.name.removeprefix(settings.OIDC_GROUP_PREFIX)}
    told |= {"externalId": known.external_id} if known.external_id else {}
    if "members" not in request.GET.get("excludedAttributes", "").lower().split(","):
        inside = users.people().filter(memberships__group=group, memberships__source__in=PROVIDERS)
        told["members"] = [{"value": users.identifier_of(user), "type": "User", "display": user.in_directory.user_name} for user in inside]
    return {**told, "meta": answers.meta("Group", own, known.since, known.changed_at)}


def _insist_on_name(group: Group, name: object) -> None:
    """Keep a group's name: policies and the provider's claim speak of it."""
    said = reading.text(name, "displayName")
    same = not said or said == group.name.removeprefix(settings.OIDC_GROUP_PREFIX)
    insist(same, "The name of a group is fixed here: make another group.", "mutability")


def _ids(value: object) -> set[str]:
    """Return whose ids these members are. A group within a group is refused: its people are what it stands for."""
    listed = value if isinstance(value, list) else [value]
    found = set()
    for each in listed:
        told = attributes_of(each) if isinstance(each, Mapping) else {"value": each}
        nested = str(told.get("type", "")).lower() == "group" or "/groups/" in str(told.get("$ref") or "").lower()
        insist(not nested, "A group cannot be a member of a group here: name its people.")
        insist(isinstance(told.get("value"), str) and told["value"], "A member is an object with the id of a person as its value.")
        found.add(str(told["value"]))
    return found


def _numbers(ids: Iterable[str]) -> set[int]:
    return {users.number(each) for each in ids}


def _people(ids: set[str]) -> list[User]:
    found = list(users.people().filter(pk__in=_numbers(ids)))
    missing = sorted(ids - {users.identifier_of(user) for user in found})
    insist(not missing, f"Nobody has the id {', '.join(each[:40] for each in missing[:3])}.")
    return found
