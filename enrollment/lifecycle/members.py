"""What the directory says of groups: who belongs, who does not, and whom a list has left out.

Saying that somebody is out takes them out, whichever of the provider's ways had put them in.
Leaving somebody out of a list says less: where many are left out at once, or all, the brake
holds it until an admin has looked (`HeldChange`), and nobody loses anything meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from enrollment import audit, notices
from enrollment.lifecycle.outcomes import Conflict, Refused, refuse_if, was_done
from enrollment.lifecycle.people import LONGEST_GROUP, SOURCE, set_flags
from enrollment.lifecycle.reach import devices_of_user, peps_of_user
from enrollment.models import DirectoryGroup, HeldChange, Membership, User
from enrollment.sentences import counted, joined, say
from enrollment.signals import nudge

DIRECTORY = "scim"
PROVIDERS = (SOURCE, DIRECTORY)  # two ways of one provider
FEWEST = 5  # people: below that it is a change like any other
WINDOW = timedelta(hours=24)  # over which what a list left out adds up
State = HeldChange.State
GONE = say("The directory has deleted this group.")


@transaction.atomic
def provision_group(name: str, *, external_id: str = "", now: datetime) -> Group:
    """Let the directory keep a group, one there is already too; `name` has the provider's prefix. Conflict: it keeps it already."""
    refuse_if(
        not 0 < len(name) <= LONGEST_GROUP or not name.isprintable(),
        say("A group's name has up to {longest} letters that print.", longest=LONGEST_GROUP),
    )
    group = Group.objects.get_or_create(name=name)[0]
    try:
        with transaction.atomic():
            DirectoryGroup.objects.create(group=group, external_id=external_id[:255], since=now, changed_at=now)
    except IntegrityError:
        raise Conflict(say("The directory keeps a group of this name already.")) from None
    data = {"group": group.pk, "source": DIRECTORY, "from": None, "to": "kept"}
    audit.append("group.provisioned", actor=None, subject=group, data=data, now=now)
    return group


@transaction.atomic
def deprovision_group(group: Group, *, now: datetime) -> None:
    """Take everybody out whom the provider had put in. The name stays: policies may speak of it, and nobody is in it."""
    kept = _hold(group)
    kept.delete()
    inside = User.objects.filter(memberships__group=group, memberships__source__in=PROVIDERS)
    leaving = _take_out(group, _locked(inside.values_list("pk", flat=True)).values())
    closed = _close(group, State.OVER, None, now)
    for user in leaving:
        tell_regrouped(user, [], [group], actor=None, is_inferred=False, now=now)
    if closed:
        _tell_closed(closed, None, now)
    data = {"group": group.pk, "source": DIRECTORY, "from": "kept", "to": None}
    audit.append("group.deprovisioned", actor=None, subject=group, data=data, now=now)


@transaction.atomic
def change_members(group: Group, *, add: Collection[User] = (), remove: Collection[User] = (), now: datetime) -> None:
    """Do what the directory states person by person. Never held, and never counted by the brake. Twice is the same as once."""
    _hold(group)
    people = _locked({user.pk for user in (*add, *remove)})
    leaving = _take_out(group, [people[user.pk] for user in remove])
    coming = _let_in(group, [people[user.pk] for user in add], now)
    _tell_all(group, coming, leaving, actor=None, is_inferred=False, now=now)


@transaction.atomic
def replace_members(group: Group, wanted: Collection[User], *, now: datetime) -> HeldChange | None:
    """Make the directory's list the group's members; or change nothing, and return what waits for an admin.

    Only people whom the directory has told of can be left out of its list: it cannot name others.
    """
    kept = _hold(group)
    ids = {user.pk for user in wanted}
    known = User.objects.filter(memberships__group=group, memberships__source__in=PROVIDERS, in_directory__isnull=False)
    left_out = list(known.exclude(pk__in=ids).order_by("pk"))
    losing = [user for user in left_out if user.is_active]  # who is disabled has nothing to lose by it
    if kept.left_out_since is None or not now - WINDOW < kept.left_out_since <= now:
        kept.left_out, kept.left_out_since = 0, None
    if left_out and (not ids or _is_much(len(losing), kept.left_out, known.filter(is_active=True).count())):
        return _held(group, losing or left_out, known.filter(is_active=True).count(), now)
    closed = _close(group, State.OVER, None, now)
    people = _locked({*ids, *(user.pk for user in left_out)})
    leaving = _take_out(group, [people[user.pk] for user in left_out])
    coming = _let_in(group, [people[user.pk] for user in wanted], now)
    if losing:
        kept.left_out, kept.left_out_since = kept.left_out + len(losing), kept.left_out_since or now
    kept.save(update_fields=["left_out", "left_out_since"])
    _tell_all(group, coming, leaving, actor=None, is_inferred=True, now=now)
    if closed:
        _tell_closed(closed, None, now)
    return None


@transaction.atomic
def confirm_held(change: HeldChange, *, actor: User, now: datetime) -> int:
    """Take out those who were left out and are members still; return how many. Admins only."""
    refuse_if(not actor.is_admin, say("Only an admin may do this."))
    kept = DirectoryGroup.objects.select_for_update(no_key=True).filter(group=change.group_id)
    list(kept)
    closed = _close(change.group, State.CONFIRMED, actor, now, pk=change.pk)
    if not closed:
        raise conflict_over_held(change)
    leaving = _take_out(change.group, _locked(change.people.values_list("pk", flat=True)).values())
    kept.update(left_out=0, left_out_since=None)  # somebody has looked
    for user in leaving:
        tell_regrouped(user, [], [change.group], actor=actor, is_inferred=True, now=now)
    _tell_closed(closed, actor, now)
    change.refresh_from_db()
    return len(leaving)


@transaction.atomic
def dismiss_held(change: HeldChange, *, actor: User, now: datetime) -> None:
    """Keep them in, and have the directory put right. The same list again is refused without another mail. Admins only."""
    refuse_if(not actor.is_admin, say("Only an admin may do this."))
    closed = _close(change.group, State.DISMISSED, actor, now, pk=change.pk)
    if not closed:
        raise conflict_over_held(change)
    _tell_closed(closed, actor, now)
    change.refresh_from_db()


def forget_memberships(user: User) -> list[Group]:
    """Take somebody out of every group of the provider's; the caller tells, after all rows."""
    rows = user.memberships.filter(source__in=PROVIDERS)
    groups = list(Group.objects.filter(pk__in=rows.values("group")).order_by("name"))
    rows.delete()
    if groups:
        _set_flags(user)
    return groups


def tell_regrouped(
    user: User, into: Sequence[Group], out_of: Sequence[Group], *, actor: User | None, is_inferred: bool, now: datetime
) -> None:
    """Write down which groups somebody is in now, and have the PEPs look."""
    groups = list(Group.objects.filter(memberships__user=user).order_by("name").values_list("pk", "name"))
    data = {
        "user": user.pk,
        "group_ids": sorted(pk for pk, _name in groups),
        "groups": [name for _pk, name in groups],
        "into": [group.name for group in into],
        "out_of": [group.name for group in out_of],
        "source": DIRECTORY,
        "is_inferred": is_inferred,
    }
    audit.append("user.regrouped", actor=actor, subject=user, data=data, now=now)
    nudge(peps_of_user(user), devices=devices_of_user(user))


def conflict_over_held(change: HeldChange) -> Conflict:
    row = HeldChange.objects.select_related("closed_by").get(pk=change.pk)
    said = {State.CONFIRMED: say("confirmed"), State.DISMISSED: say("dismissed")}.get(State(row.state), say("over"))
    if row.closed_at is None:
        return Conflict(say("The change was changed meanwhile."))
    return Conflict(was_done(say("The change"), said, row.closed_by, row.closed_at))


def _hold(group: Group) -> DirectoryGroup:
    """Take the group's row first, then people's by number: whoever changes members waits here, and nowhere else."""
    kept = DirectoryGroup.objects.select_for_update(no_key=True).filter(group=group).first()
    if kept is None:
        raise Refused(GONE)
    return kept


def _is_much(losing: int, before: int, members: int) -> bool:
    """Tell whether a list leaves out too many, with those that it left out before within the window."""
    gone = losing + before
    return losing > 0 and gone >= FEWEST and gone * 100 > settings.BRAKE_SHARE * (members + before)


def _held(group: Group, losing: list[User], members: int, now: datetime) -> HeldChange:
    """Keep it for an admin: one row a group, one mail; none where an admin has said no to all of this already."""
    last = HeldChange.objects.select_for_update(no_key=True).filter(group=group).order_by("-pk").first()
    people = {user.pk for user in losing}
    if last and last.state == State.DISMISSED and people <= set(last.people.values_list("pk", flat=True)):
        HeldChange.objects.filter(pk=last.pk).update(seen_at=now)
        return last
    if last and last.state == State.HELD:
        HeldChange.objects.filter(pk=last.pk).update(seen_at=now, members=members)
        last.people.set(losing)
        last.refresh_from_db()
        return last
    made = HeldChange.objects.create(group=group, members=members, created_at=now, seen_at=now)
    made.people.set(losing)
    _ask_an_admin(made, len(losing))
    data = {"change": made.pk, "group": group.pk, "people": sorted(people), "members": members, "from": None, "to": State.HELD}
    audit.append("group.change_held", actor=None, subject=made, data=data, now=now)
    return made


def _ask_an_admin(held: HeldChange, losing: int) -> None:
    many = {"losing": losing, "group": held.group.name, "members": held.members}
    text = (
        say("The directory sent a list of the members of {group} that leaves out {losing} of {members}.", **many),
        say("Nothing was changed: where so many are missing at once, an admin has to look."),
        say("Who is deactivated or deleted in the directory is cut off all the same."),
        say("Confirm it, and they lose what they have by this group; or dismiss it, and have the directory put right:"),
    )
    subject = counted("HELD: {count} person would leave {group}", "HELD: {count} people would leave {group}", count=losing, **many)
    notices.tell_admins(subject, joined(text, "\n"), path=f"/admin/enrollment/heldchange/{held.pk}/change/")


def _close(group: Group, state: str, actor: User | None, now: datetime, **which: int) -> HeldChange | None:
    """Move what waits to a final state; None: nothing waits any more."""
    waiting = HeldChange.objects.filter(group=group, state=State.HELD, **which)
    change = waiting.first()
    if change is None or waiting.update(state=state, closed_at=now, closed_by=actor) != 1:
        return None
    change.state, change.closed_at, change.closed_by = state, now, actor
    return change


def _tell_closed(change: HeldChange, actor: User | None, now: datetime) -> None:
    data = {"change": change.pk, "group": change.group_id, "source": DIRECTORY, "from": State.HELD, "to": change.state}
    audit.append(f"group.change_{change.state}", actor=actor, subject=change, data=data, now=now)


def _take_out(group: Group, people: Iterable[User]) -> list[User]:
    """Remove what the provider's ways had put in; return who is out."""
    leaving = []
    for user in people:
        if user.memberships.filter(group=group, source__in=PROVIDERS).delete()[0]:
            _set_flags(user)
            leaving.append(user)
    return leaving


def _let_in(group: Group, people: Collection[User], now: datetime) -> list[User]:
    """Add who is not in; return who came. A sign-in's membership becomes the directory's, so that a sign-in does not end it."""
    coming, inside = [], set(group.memberships.values_list("user_id", flat=True))
    for user in people:
        if user.pk not in inside:
            Membership.objects.create(user=user, group=group, source=DIRECTORY, since=now)
            _set_flags(user)
            coming.append(user)
    Membership.objects.filter(group=group, user__in=[user.pk for user in people], source=SOURCE).update(source=DIRECTORY)
    return coming


def _locked(ids: Iterable[int]) -> dict[int, User]:
    """Take people's rows, all that a verb needs at once and by number: two verbs that take some and then more wait for each other."""
    rows = User.objects.select_for_update(no_key=True).filter(pk__in=set(ids)).order_by("pk")
    return {user.pk: user for user in rows}


def _set_flags(user: User) -> None:
    set_flags(user)
    user.save(update_fields=["is_staff", "is_superuser", "is_auditor"])


def _tell_all(
    group: Group, coming: Sequence[User], leaving: Sequence[User], *, actor: User | None, is_inferred: bool, now: datetime
) -> None:
    for user in leaving:
        tell_regrouped(user, [], [group], actor=actor, is_inferred=is_inferred, now=now)
    for user in coming:
        tell_regrouped(user, [group], [], actor=actor, is_inferred=False, now=now)
