"""What admins change: terms of policies, resources, placements, PEPs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group
from django.db import models, transaction

from enrollment import audit, tickets
from enrollment.lifecycle.outcomes import Refused, conflict_told, refuse_if
from enrollment.lifecycle.people import set_flags
from enrollment.lifecycle.sound import insist_on_sound
from enrollment.lifecycle.withdrawals import tell_withdrawn, withdraw
from enrollment.models import AccessPolicy, AccessRequest, Membership, Pep, Placement, PolicyVersion, Resource, ResourcePort, Stage, User
from enrollment.sentences import recalled, say
from enrollment.signals import nudge

LONGEST = 366 * 86400
REMOVED = "removed"


@transaction.atomic
def new_policy_version(  # noqa: PLR0913 - one argument for each term
    policy: AccessPolicy,
    *,
    actor: User | None,
    now: datetime,
    stages: Sequence[tuple[Group, int]],
    requesters: Iterable[Group],
    time_to_answer: int,
    longest_grant: int,
    rolling_total: int,
    rolling_window: int,
    session_length: int | None,
    needs_mfa: bool = False,
    ends_at_logout: bool = True,
    break_glass_longest: int | None = None,
    break_glass_by: Iterable[Group] = (),
    ticket_shapes: str = "",
) -> PolicyVersion:
    """Write new terms; the old ones stay as they were, and grants keep theirs."""
    refuse_if(actor is not None and not actor.is_admin, say("Only an admin may do this."))
    terms = {
        "time_to_answer": time_to_answer,
        "longest_grant": longest_grant,
        "rolling_total": rolling_total,
        "rolling_window": rolling_window,
    }
    _insist_on_sound_terms(stages, {**terms, "session_length": session_length, "longest_emergency_access": break_glass_longest})
    AccessPolicy.objects.select_for_update(no_key=True).get(pk=policy.pk)
    current = policy.current
    proof = {"session_length": session_length, "needs_mfa": needs_mfa, "ends_at_logout": ends_at_logout}
    refuse_if(needs_mfa and session_length is None, say("Say how old the sign-in with a second factor may be."), field="session_length")
    optional = {**proof, "break_glass_longest": break_glass_longest, "ticket_shapes": _tidied_shapes(ticket_shapes)}
    version = PolicyVersion.objects.create(
        policy=policy, number=(current.number if current else 0) + 1, created_by=actor, **optional, **terms
    )
    version.requesters.set(requesters)
    version.break_glass_by.set(break_glass_by)
    Stage.objects.bulk_create([Stage(version=version, position=at, group=group, need=need) for at, (group, need) in enumerate(stages, 1)])
    _open_the_admin([group for group, _need in stages])
    data = {
        "policy": policy.pk,
        "number": version.number,
        **terms,
        **optional,
        "stages": [{"group": group.name, "group_id": group.pk, "need": need} for group, need in stages],
        "requesters": sorted(version.requesters.values_list("name", flat=True)),
        "break_glass_by": sorted(version.break_glass_by.values_list("name", flat=True)),
    }
    audit.append("policy.changed", actor=actor, subject=policy, data=data, now=now)
    return version


def _tidied_shapes(text: str) -> str:
    try:
        return tickets.tidied(text)
    except tickets.BadShapes as bad:
        raise Refused(bad.args[0], field="ticket_shapes") from bad


def _open_the_admin(groups: Sequence[Group]) -> None:
    """Let in the members of groups that must agree from now on."""
    members = Membership.objects.filter(group__in=groups).values("user")
    # Locked before their groups are read, or flags of before a sign-in at the same moment would be written over its own.
    for member in User.objects.select_for_update(no_key=True).filter(pk__in=members, is_staff=False).order_by("pk"):
        set_flags(member)
        member.save(update_fields=["is_staff", "is_superuser", "is_auditor"])


@transaction.atomic
def retire_resource(resource: Resource, *, actor: User | None, now: datetime) -> None:
    """Take it off the offer for good: nobody reaches it from now on, and open requests for it are withdrawn."""
    refuse_if(actor is not None and not actor.is_admin, say("Only an admin may do this."))
    if Resource.objects.filter(pk=resource.pk, retired_at=None).update(retired_at=now) != 1:
        raise conflict_told(resource, say("The resource"), {"resource.retired": say("retired")})
    resource.retired_at = now
    withdrawn = withdraw(AccessRequest.objects.filter(resource=resource, state=AccessRequest.State.PENDING), now=now)
    data = {"resource": resource.pk, "slug": resource.slug, "from": "offered", "to": "retired"}
    audit.append("resource.retired", actor=actor, subject=resource, data=data, now=now)
    tell_withdrawn(withdrawn, actor=actor, why=say("the resource was retired"), now=now)
    nudge(_peps_of(resource))


@transaction.atomic
def estate_changed(obj: models.Model, *, actor: User | None, verb: str, now: datetime) -> None:
    """Write down what an admin saved, as it is now, and nudge the PEPs concerned. `verb`: added, changed, removed.

    Refused where it could not stay so: whoever saved it must be in the same transaction, and lose the save.
    """
    data = {field.attname: _plain(field.value_from_object(obj)) for field in obj._meta.concrete_fields if not field.primary_key}
    audit.append(f"{obj._meta.model_name}.{verb}", actor=actor, subject=obj, data=data, now=now)
    if verb != REMOVED:
        insist_on_sound(obj)
    nudge(_peps_of(obj))


def _insist_on_sound_terms(stages: Sequence[tuple[Group, int]], terms: dict[str, int | None]) -> None:
    reasons = []
    if not stages:
        reasons.append(say("Name at least one group that must agree."))
    if len({group.pk for group, _need in stages}) != len(stages):
        reasons.append(say("Name each group once."))
    if any(need < 1 for _group, need in stages):
        reasons.append(say("At least one person of each group must agree."))
    reasons += [
        say("The {term} must be from one second to {days} days.", term=recalled(name.replace("_", " ")), days=LONGEST // 86400)
        for name, value in terms.items()
        if value is not None and not 0 < value <= LONGEST
    ]
    if (terms["rolling_total"] or 0) < (terms["longest_grant"] or 0):
        reasons.append(say("The rolling total must allow for one longest grant."))
    if (terms["longest_emergency_access"] or 0) > (terms["longest_grant"] or 0):
        reasons.append(say("Emergency access must not last longer than the longest grant."))
    if reasons:
        raise Refused(*reasons)


def _peps_of(obj: models.Model) -> frozenset[int]:
    if isinstance(obj, Pep):
        return frozenset({obj.pk})
    if isinstance(obj, Placement):
        return frozenset({obj.pep_id})
    if isinstance(obj, ResourcePort):
        return _peps_of(obj.resource)
    if isinstance(obj, Resource):
        return frozenset(Placement.objects.filter(resource=obj).values_list("pep_id", flat=True))
    if isinstance(obj, AccessPolicy):
        return frozenset(Placement.objects.filter(resource__policy=obj).values_list("pep_id", flat=True))
    return frozenset()


def _plain(value: object) -> Any:  # noqa: ANN401 - what JSON takes
    return value if value is None or isinstance(value, str | int | bool | datetime) else str(value)
