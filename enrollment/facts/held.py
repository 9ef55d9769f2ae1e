"""Who would lose what, were a held change confirmed: access that needs the group, and what the group opens."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import Group
from django.utils.translation import gettext as _

from enrollment.facts.terms import of_today
from enrollment.models import Grant, HeldChange, Membership, Stage, User


@dataclass(frozen=True, slots=True)
class Loss:
    """One person, and what is live now and would stop with the membership."""

    user: User
    resources: tuple[str, ...]


def losses(change: HeldChange, now: datetime) -> list[Loss]:
    """Return everybody who was left out and is a member still, in a constant number of queries."""
    people = list(change.people.filter(memberships__group=change.group_id).order_by("name", "pk"))
    others: dict[int, set[int]] = defaultdict(set)
    for user_id, group_id in Membership.objects.filter(user__in=people).exclude(group=change.group_id).values_list("user_id", "group_id"):
        others[user_id].add(group_id)
    lost: dict[int, set[str]] = defaultdict(set)
    needing = Grant.objects.unfinished(now).filter(user__in=people, policy_version__requesters=change.group_id)
    for grant in needing.select_related("resource").prefetch_related("policy_version__requesters"):
        if others[grant.user_id].isdisjoint(group.pk for group in grant.policy_version.requesters.all()):
            lost[grant.user_id].add(str(grant.resource))
    return [Loss(user, tuple(sorted(lost[user.pk]))) for user in people]


def opened_by(group: Group) -> tuple[str, ...]:
    """Return in words what belonging to a group opens beside access."""
    answers = of_today(Stage.objects.filter(group=group)).exists()
    words = {
        "ADMIN_GROUPS": _("Its members are admins of this portal."),
        "AUDITOR_GROUPS": _("Its members are auditors."),
        "APPROVER_GROUPS": _("Its members may open the admin."),
    }
    named = [sentence for setting, sentence in words.items() if group.name in getattr(settings, setting)]
    return (*named, *([_("Its members answer requests.")] if answers else []))
