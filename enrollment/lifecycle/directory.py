"""What the directory says of people: this one exists, is called so, is gone. Suspending and enabling are `people`'s verbs.

Somebody is who the provider's issuer and one configured identifier say, never an e-mail
address. Being told of gives no right. Who is deleted has left for good: an account that
the directory makes anew is the old one, without anything of what it had.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from enrollment import audit, notices
from enrollment.lifecycle.members import DIRECTORY, forget_memberships, tell_regrouped
from enrollment.lifecycle.outcomes import Conflict, refuse_if
from enrollment.lifecycle.people import disable_user
from enrollment.models import AuditEvent, DirectoryUser, User
from enrollment.sentences import joined, say
from enrollment.texts import shown

LONGEST = 255
QUIET = timedelta(hours=1)  # between two mails about people whom nobody here is; the log has every one
TAKEN = say("Somebody else of the directory is called that already.")
KNOWN = say("The directory has told of this person already.")


@transaction.atomic
def provision_user(
    issuer: str, subject: str, *, user_name: str, external_id: str = "", name: str = "", email: str = "", language: str = "", now: datetime
) -> User:
    """Take note of somebody, with an account that has no right; who has signed in before keeps theirs. Conflict: it was told before."""
    refuse_if(not _fits(subject) or not _fits(user_name), say("A name of a person has 1 to {longest} letters that print.", longest=LONGEST))
    refuse_if(bool(external_id) and not _fits(external_id), say("An identifier has 1 to {longest} letters that print.", longest=LONGEST))
    user = User.objects.filter(issuer=issuer, subject=subject).first()
    is_new = user is None
    try:
        with transaction.atomic():
            user = user or User.objects.create_user(issuer, subject, name=shown(name)[:150], email=shown(email)[:254])
    except IntegrityError:  # their first sign-in was faster
        user, is_new = User.objects.get(issuer=issuer, subject=subject), False
    if DirectoryUser.objects.filter(user=user).exists():
        raise Conflict(KNOWN)
    _insist_on_free(user_name, None)
    try:
        with transaction.atomic():
            DirectoryUser.objects.create(user=user, user_name=user_name, external_id=external_id, since=now, changed_at=now)
    except IntegrityError:
        raise Conflict(TAKEN) from None
    if language:
        User.objects.filter(pk=user.pk, chose_language=False).update(language=language)
    data = {"user": user.pk, "source": DIRECTORY, "is_new": is_new, "user_name": user_name}
    audit.append("user.provisioned", actor=None, subject=user, data=data, now=now)
    return user


@transaction.atomic
def describe_user(user: User, *, user_name: str = "", name: str = "", email: str = "", language: str = "", now: datetime) -> bool:
    """Take over what the directory says of somebody; an empty text says nothing. False: it was so already.

    A language that they chose here stays theirs.
    """
    refuse_if(bool(user_name) and not _fits(user_name), say("A name of a person has 1 to {longest} letters that print.", longest=LONGEST))
    row = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    known = DirectoryUser.objects.select_for_update(no_key=True).get(user=user)
    wanted = {"user_name": user_name or known.user_name, "name": shown(name)[:150] or row.name, "email": shown(email)[:254] or row.email}
    wanted["language"] = row.language if row.chose_language else language or row.language
    was = {"user_name": known.user_name, "name": row.name, "email": row.email, "language": row.language}
    if wanted == was:
        return False
    _insist_on_free(wanted["user_name"], known)
    try:
        with transaction.atomic():
            DirectoryUser.objects.filter(pk=known.pk).update(user_name=wanted["user_name"], changed_at=now)
    except IntegrityError:
        raise Conflict(TAKEN) from None
    User.objects.filter(pk=user.pk).update(name=wanted["name"], email=wanted["email"], language=wanted["language"])
    user.refresh_from_db()
    data = {"user": user.pk, "source": DIRECTORY, "changed": sorted(key for key in wanted if wanted[key] != was[key])}
    audit.append("user.described", actor=None, subject=user, data=data, now=now)
    return True


@transaction.atomic
def deprovision_user(user: User, *, now: datetime) -> None:
    """Let somebody leave for good, whatever came before: access is revoked, devices are retired, the provider's groups are gone."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not DirectoryUser.objects.filter(user=user).delete()[0]:
        raise Conflict(say("The directory has deleted this person already."))
    regrouped = forget_memberships(user)
    try:
        with transaction.atomic():
            disable_user(user, actor=None, now=now, leaves=True, source=DIRECTORY)
    except Conflict:
        pass  # disabled before, and nothing was left
    user.refresh_from_db()
    if regrouped:
        tell_regrouped(user, [], regrouped, actor=None, is_inferred=False, now=now)
    audit.append("user.deprovisioned", actor=None, subject=user, data={"user": user.pk, "source": DIRECTORY}, now=now)


@transaction.atomic
def report_unmatched(identifier: str, *, deletes: bool, now: datetime) -> None:
    """Write down that somebody was to be cut off whom nobody here is, and mail admins, once an hour: access may go on that should not."""
    named = shown(identifier)[:LONGEST]
    asked = "deleted" if deletes else "deactivated"
    told = AuditEvent.objects.filter(verb="directory.unmatched", at__gt=now - QUIET, at__lte=now).exists()
    if not told:
        nobody = say("The directory deactivated {named!r} over SCIM, and nobody here has that number, so nothing was cut off.", named=named)
        if deletes:
            nobody = say("The directory deleted {named!r} over SCIM, and nobody here has that number, so nothing was cut off.", named=named)
        text = (
            nobody,
            say("If that person has access here, disable the account by hand, and see why the two do not match."),
            say("The audit log has every such case; there is one mail an hour at most."),
        )
        path = "/admin/enrollment/auditevent/?verb=directory.unmatched"
        notices.tell_admins(say("ALARM: somebody was to be cut off, and nobody matches"), joined(text, "\n"), path=path)
    data = {"identifier": named, "asked": asked, "source": DIRECTORY}
    audit.append("directory.unmatched", actor=None, subject=DirectoryUser(user_name=named), data=data, now=now)


def _fits(text: str) -> bool:
    return 0 < len(text) <= LONGEST and text.isprintable()


def _insist_on_free(user_name: str, own: DirectoryUser | None) -> None:
    same = DirectoryUser.objects.filter(user_name__iexact=user_name)
    if (same.exclude(pk=own.pk) if own else same).exists():
        raise Conflict(TAKEN)
