"""Somebody arrives, is cut off, comes back.

Groups are replaced by what the identity provider says at every sign-in, removals too;
a source that says nothing about groups never touches them, and memberships that came
from elsewhere stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction

from enrollment import audit, facts
from enrollment.lifecycle import sessions
from enrollment.lifecycle.delegations import delegations_of, end_early, tell_ended
from enrollment.lifecycle.device_states import retire_all, tell_retired
from enrollment.lifecycle.grants import end_for_good, tell_revoked
from enrollment.lifecycle.outcomes import Refused, conflict_told, refuse_if
from enrollment.lifecycle.reach import devices_of_user, peps_of_user
from enrollment.lifecycle.withdrawals import tell_withdrawn, withdraw
from enrollment.models import AccessRequest, BrowserSession, Device, Grant, IdentityProof, Membership, User
from enrollment.sentences import say
from enrollment.signals import nudge
from enrollment.texts import shown

SOURCE = "oidc"
MOST_GROUPS = 500
LONGEST_GROUP = 150
LEFT = say("left")
BY_HAND = say("The account was disabled here, by an admin: only an admin of this portal enables it again.")


@transaction.atomic
def sign_in(  # noqa: PLR0913 - one argument for each thing a token says
    user: User,
    *,
    groups: Iterable[str] | None,
    name: str,
    email: str,
    auth_time: datetime | None,
    acr: str = "",
    amr: Iterable[str] = (),
    is_mfa: bool = False,
    sid: str = "",
    issued_at: datetime | None = None,
    browser: int | None = None,
    now: datetime,
) -> BrowserSession:
    """Take over what the provider says about somebody who has just proved who they are, and return the browser they did it in.

    `groups` None: it says nothing. `issued_at`: when it said so; refused if it ended that session later than this.
    `browser`: the number that an earlier sign-in here returned.
    """
    locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    refuse_if(not locked.is_active, say("The account is disabled. Ask an admin."))
    sessions.insist_on_no_later_logout(user.subject, sid[:255], issued_at or now)
    here = sessions.browser_of(user, browser, sid, now)
    user.name, user.email = shown(name)[:150], shown(email)[:254]
    before = _group_ids(user)
    if groups is not None:
        _replace_groups(user, groups, now)
        set_flags(user)
    user.last_login = now
    user.save(update_fields=["name", "email", "last_login", "is_staff", "is_superuser", "is_auditor"])
    proven = min(auth_time, now) if auth_time else None  # a provider's clock that is ahead proves nothing about the future
    proof = _proof(here, proven, acr=acr, amr=amr, is_mfa=is_mfa, now=now) if proven else None
    after = _group_ids(user)
    named = list(Group.objects.filter(pk__in=after).order_by("name").values_list("name", flat=True))
    data = {
        "user": user.pk,
        "auth_time": proven,
        "proof": proof.pk if proof else None,
        "acr": acr,
        "amr": list(amr),
        "is_mfa": is_mfa,
        "browser": here.pk,
        "group_ids": sorted(after),
        "groups": named,
    }
    audit.append("user.signed_in", actor=user, subject=user, data=data, now=now)
    if proven or before != after:
        nudge(peps_of_user(user), devices=devices_of_user(user))
    return here


@transaction.atomic
def disable_user(user: User, *, actor: User | None, now: datetime, leaves: bool = False, source: str = "") -> None:
    """Cut somebody off at once: sessions, pending requests, access.

    `leaves`: grants, delegations and devices end for good, also of an account that was disabled
    before, so that nothing revives if it is ever enabled. What they granted to others stays.
    `source`: which machine says so, and may enable the account again; an admin takes it over, and then only admins may.
    """
    _insist_on_admin(actor)
    before = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    takes_over = not before.is_active and actor is not None and before.disabled_by_source != ""
    was_active = User.objects.filter(pk=user.pk, is_active=True).update(is_active=False, left_at=now, disabled_by_source=source) == 1
    if takes_over:
        User.objects.filter(pk=user.pk).update(disabled_by_source="")
    user.refresh_from_db()
    if not was_active and not takes_over and not (leaves and _has_something_left(user, now)):
        raise conflict_told(user, say("The account"), {"user.disabled": say("disabled")})
    peps = peps_of_user(user)
    _end_sessions(user, now)
    retired = retire_all(user, actor=actor, now=now) if leaves else []  # devices before requests, as retiring one does
    withdrawn = withdraw(AccessRequest.objects.filter(requester=user, state=AccessRequest.State.PENDING), now=now)
    grants = list(Grant.objects.filter(user=user, state__in=Grant.OPEN).order_by("pk")) if leaves else []
    ended = end_for_good(grants, actor=actor, reason=LEFT, now=now)
    lent = [each for each in delegations_of(user, now) if end_early(each, actor=actor, now=now)] if leaves else []
    state = {"from": "active" if was_active else "disabled", "to": "disabled"}
    data = {"user": user.pk, "leaves": leaves, "source": source, **state, "ends_proofs": True}
    audit.append("user.disabled", actor=actor, subject=user, data=data, now=now)
    tell_withdrawn(withdrawn, actor=actor, why=say("the account was disabled"), now=now)
    tell_revoked(ended, actor=actor, now=now)
    tell_ended(lent, actor=actor, why=LEFT, now=now)
    tell_retired(retired, actor=actor, why=LEFT, now=now)
    nudge(peps, devices=devices_of_user(user))


@transaction.atomic
def enable_user(user: User, *, actor: User | None, now: datetime, source: str = "") -> None:
    """Let somebody back in. What was revoked stays revoked. A `source`, a machine, lifts only what it did itself."""
    _insist_on_admin(actor)
    before = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    refuse_if(bool(source) and not before.is_active and before.disabled_by_source != source, BY_HAND)
    if User.objects.filter(pk=user.pk, is_active=False).update(is_active=True, left_at=None, disabled_by_source="") != 1:
        raise conflict_told(user, say("The account"), {"user.enabled": say("enabled")})
    user.refresh_from_db()
    data = {"user": user.pk, "source": source, "from": "disabled", "to": "active"}
    audit.append("user.enabled", actor=actor, subject=user, data=data, now=now)
    nudge(peps_of_user(user), devices=devices_of_user(user))


def _has_something_left(user: User, now: datetime) -> bool:
    rest = Device.objects.filter(owner=user).exclude(state=Device.State.RETIRED)
    return rest.exists() or Grant.objects.filter(user=user, state__in=Grant.OPEN).exists() or bool(delegations_of(user, now))


def set_flags(user: User) -> None:
    """Derive from groups what the admin lets somebody see. Does not save."""
    names = set(Group.objects.filter(memberships__user=user).values_list("name", flat=True))
    user.is_superuser = bool(names & set(settings.ADMIN_GROUPS))
    user.is_auditor = bool(names & set(settings.AUDITOR_GROUPS))
    answers = bool(names & set(settings.APPROVER_GROUPS)) or facts.may_answer_something(user)
    user.is_staff = user.is_superuser or user.is_auditor or answers


def _replace_groups(user: User, names: Iterable[str], now: datetime) -> None:
    wanted = sorted({name for name in names if name and name.isprintable() and len(name) <= LONGEST_GROUP})[:MOST_GROUPS]
    have = set(Group.objects.filter(name__in=wanted).values_list("name", flat=True))
    Group.objects.bulk_create([Group(name=name) for name in wanted if name not in have], ignore_conflicts=True)
    user.memberships.filter(source=SOURCE).exclude(group__name__in=wanted).delete()
    missing = Group.objects.filter(name__in=wanted).exclude(memberships__user=user)
    Membership.objects.bulk_create([Membership(user=user, group=group, source=SOURCE, since=now) for group in missing])


def _group_ids(user: User) -> frozenset[int]:
    return frozenset(user.memberships.values_list("group_id", flat=True))


def _proof(browser: BrowserSession, proven: datetime, *, acr: str, amr: Iterable[str], is_mfa: bool, now: datetime) -> IdentityProof:
    said = {"acr": acr[:255], "amr": list(amr), "is_mfa": is_mfa, "sid": browser.sid}
    return IdentityProof.objects.create(user=browser.user, browser=browser, auth_time=proven, recorded_at=now, **said)


def _end_sessions(user: User, now: datetime) -> None:
    """End every session: a new unusable password breaks their seal wherever they are kept, and the rows go too.

    Whoever is let in again proves anew who they are.
    """
    user.set_unusable_password()
    user.save(update_fields=["password"])
    sessions.end_all(user, now=now)


def _insist_on_admin(actor: User | None) -> None:
    if actor is not None and not actor.is_admin:
        raise Refused(say("Only an admin may do this."))
