"""Who may reach what, and until when; who may ask, and who may answer.

Nothing here touches the database, the network or the clock: callers hand in facts and
the time. There is no Allow without a deadline, so access that nobody renews ends.

A rule says until when it holds for one grant, and what to tell people once it does not.
To add one, write the function and name it in RULES: the earliest deadline wins within a
grant, the latest among grants that follow each other without a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from enrollment import tickets
from enrollment.durations import seconds_in_words
from enrollment.moments import in_words
from enrollment.sentences import say
from enrollment.values import Asking, Emergency, Facts, GrantFacts, Reviewing

NEVER = datetime.min.replace(tzinfo=UTC)
FOREVER = datetime.max.replace(tzinfo=UTC)
FURTHEST_START = timedelta(days=90)
LONGEST_DELEGATION = timedelta(days=90)
ONE_TO_REVIEW = say("Earlier emergency access of yours waits for its review. Ask somebody who approves for it to review it first.")
NOT_ENROLLED = say("The device is not enrolled.")
CUT_OFF = {
    "pending": say("The device waits for approval."),
    "suspended": say("The device is suspended. Resume it, or ask an admin."),
    "lost": say("The device was reported lost. Once you have it back, give it a new key; otherwise retire it."),
    "retired": say("The device is retired. Enrol a new one."),
}
STATES = {"pending": say("pending"), "suspended": say("suspended"), "lost": say("lost"), "retired": say("retired")}
NO_GRANT = GrantFacts(id=0, user_id=0, device_ids=frozenset(), starts_at=NEVER, ends_at=NEVER)


@dataclass(frozen=True, slots=True)
class Until:
    """It holds until `deadline`, not at it; afterwards, `otherwise` says why not."""

    deadline: datetime
    otherwise: str


@dataclass(frozen=True, slots=True)
class Allow:
    """Access until `until`; a grant that begins later, after a gap, matters at `recheck_at`."""

    until: datetime
    recheck_at: datetime | None = None

    def __bool__(self) -> Literal[True]:
        return True


@dataclass(frozen=True, slots=True)
class Deny:
    """No access, and why, in words a person can act on; a grant that begins later matters at `recheck_at`."""

    reasons: tuple[str, ...]
    recheck_at: datetime | None = None

    def __bool__(self) -> Literal[False]:
        return False


Decision = Allow | Deny
Rule = Callable[[Facts, GrantFacts], Until]


def account_is_active(facts: Facts, grant: GrantFacts) -> Until:
    return _always_if(facts.user_is_active, say("The account is disabled. Ask an admin."))


def identity_is_fresh(facts: Facts, grant: GrantFacts) -> Until:
    if grant.session_length is None:
        return Until(FOREVER, "")
    strong = [proof for proof in facts.proofs if proof.is_mfa or not grant.needs_mfa]
    enough = [proof.at for proof in strong if proof.is_open or not grant.ends_at_logout]
    if enough:
        return Until(_later(max(enough), grant.session_length), say("The sign-in is too old for this resource. Sign in again."))
    if strong:
        return Until(NEVER, say("Access to this resource ends with signing out. Sign in again."))
    if facts.proofs:
        return Until(NEVER, say("This resource asks for a second factor. Sign in again, with one."))
    return Until(NEVER, say("This resource asks for a recent sign-in. Sign in again."))


def subject_is_still_eligible(facts: Facts, grant: GrantFacts) -> Until:
    eligible = not grant.requesters or bool(grant.requesters & facts.user_groups)
    return _always_if(eligible, say("The account has left the groups that may have this access. Ask your identity team."))


def device_is_enrolled(facts: Facts, grant: GrantFacts) -> Until:
    return _always_if(facts.device_state == "enrolled", CUT_OFF.get(facts.device_state, NOT_ENROLLED))


def device_belongs_to_the_subject(facts: Facts, grant: GrantFacts) -> Until:
    return _always_if(grant is NO_GRANT or grant.user_id == facts.device_owner_id, say("The device belongs to somebody else."))


def grant_names_the_device(facts: Facts, grant: GrantFacts) -> Until:
    return _always_if(
        grant is NO_GRANT or facts.device_id in grant.device_ids, say("Access was granted for other devices. Ask for this one too.")
    )


def resource_is_offered(facts: Facts, grant: GrantFacts) -> Until:
    return _always_if(not facts.resource_is_retired, say("The resource is retired."))


def grant_is_live(facts: Facts, grant: GrantFacts) -> Until:
    if grant is NO_GRANT:
        return Until(NEVER, say("There is no access to this resource. Ask for it."))
    if not grant.is_open:
        return Until(NEVER, say("Access was ended. Ask for it again."))
    return Until(grant.ends_at, say("Access ended on {ends_at}. Ask for it again.", ends_at=in_words(grant.ends_at)))


RULES: tuple[Rule, ...] = (
    account_is_active,
    identity_is_fresh,
    subject_is_still_eligible,
    device_is_enrolled,
    device_belongs_to_the_subject,
    grant_names_the_device,
    resource_is_offered,
    grant_is_live,
)


def decide(facts: Facts, now: datetime) -> Decision:
    """Allow until the latest moment that grants without a gap between them reach, each under its own terms; or deny."""
    windows = sorted((grant.starts_at, end) for grant in facts.grants if (end := _deadline(facts, grant)) > max(now, grant.starts_at))
    until = now
    for start, end in windows:
        if start <= until:
            until = max(until, end)
    recheck_at = next((start for start, _end in windows if start > until), None)
    if until > now:
        return Allow(until, recheck_at)
    return Deny(_reasons(facts, now), recheck_at)


def may_ask(asking: Asking, now: datetime) -> tuple[str, ...]:
    """Return why this cannot be asked for; an empty tuple means go ahead."""
    if not asking.has_terms:
        return (say("Nobody can ask for this yet: its policy has no terms."),)
    is_eligible = all(not groups or groups & asking.user_groups for groups in asking.requesters)
    found = [
        (not asking.user_is_active, say("The account is disabled. Ask an admin.")),
        (asking.resource_is_retired, say("The resource is retired.")),
        (not is_eligible, say("Only members of certain groups may ask for this.")),
        (
            not asking.can_be_approved,
            say("Nobody can approve this: no group that must agree has enough active members besides you. Tell an admin."),
        ),
        *(
            (device.state != "enrolled", say("The device {name} cannot be used now: it is {state}.", name=device.name, state=state))
            for device in asking.devices
            for state in [STATES.get(device.state, device.state)]
        ),
        *((device.owner_id != asking.user_id, say("Ask with devices of your own.")) for device in asking.devices),
        *_time_checks(asking, now),
        *((not tickets.fits(shapes, asking.ticket or ""), tickets.demand(shapes)) for shapes in asking.shapes_to_judge),
    ]
    return tuple(dict.fromkeys(sentence for broken, sentence in found if broken))


def may_break_glass(emergency: Emergency, now: datetime) -> tuple[str, ...]:
    """Return why this cannot be had at once. As asking, except that nobody who approves needs to be there: one who can review is enough."""
    asking, longest = emergency.asking, emergency.longest
    if asking.has_terms and longest is None:
        return (say("The terms of this resource know no emergency access. Ask for access."),)
    found = [
        (
            bool(emergency.groups) and not emergency.groups & asking.user_groups,
            say("Only members of certain groups may take emergency access."),
        ),
        (
            asking.has_terms and not emergency.can_be_reviewed,
            say("Nobody could review this: no group that must agree has an active member besides you. Tell an admin."),
        ),
        (emergency.has_one_to_review, ONE_TO_REVIEW),
        (
            longest is not None and asking.seconds is not None and asking.seconds > longest,
            say("Emergency access to this resource lasts {longest} at most.", longest=seconds_in_words(longest or 0)),
        ),
    ]
    return (*may_ask(replace(asking, can_be_approved=True), now), *(sentence for broken, sentence in found if broken))


def may_review(reviewing: Reviewing) -> tuple[str, ...]:
    """Return why this person may not answer this request. Being a superuser changes nothing, and being somebody's stand-in little."""
    has_seat = reviewing.is_in_group or reviewing.in_stead_of is not None
    found = [
        (not reviewing.user_is_active, say("The account is disabled. Ask an admin.")),
        (reviewing.is_requester, say("Nobody answers a request of their own.")),
        (
            not has_seat and reviewing.stands_in_for_requester,
            say("You stand in for whoever asked: a stand-in does not answer what they asked for. Somebody else must."),
        ),
        (
            not has_seat and not reviewing.stands_in_for_requester,
            say("Only members of the approving group may answer this request, and those who stand in for one of them now."),
        ),
    ]
    return tuple(sentence for broken, sentence in found if broken)


def may_delegate(starts_at: datetime, ends_at: datetime, now: datetime) -> tuple[str, ...]:
    """Return why nobody can stand in for anybody during this time; an empty tuple means go ahead."""
    found = [
        (ends_at <= starts_at, say("A delegation must end after it begins.")),
        (starts_at < now, say("The start has passed. Choose a later one, or none.")),
        (starts_at - now > FURTHEST_START, say("The start is too far away: {days} days at most.", days=FURTHEST_START.days)),
        (ends_at - starts_at > LONGEST_DELEGATION, say("A delegation lasts {days} days at most.", days=LONGEST_DELEGATION.days)),
    ]
    return tuple(sentence for broken, sentence in found if broken)


def may_review_break_glass(reviewing: Reviewing) -> tuple[str, ...]:
    """Return why this person may not review this emergency access: as for a request, superusers included."""
    has_seat = reviewing.is_in_group or reviewing.in_stead_of is not None
    found = [
        (not reviewing.user_is_active, say("The account is disabled. Ask an admin.")),
        (reviewing.is_requester, say("Nobody reviews emergency access of their own.")),
        (
            not has_seat and reviewing.stands_in_for_requester,
            say("You stand in for whoever took it: a stand-in does not review that. Somebody else must."),
        ),
        (
            not has_seat and not reviewing.stands_in_for_requester,
            say("Only members of a group that approves for this resource may review this, and those who stand in for one of them now."),
        ),
    ]
    return tuple(sentence for broken, sentence in found if broken)


def _always_if(holds: bool, otherwise: str) -> Until:  # noqa: FBT001 - the one question this asks
    return Until(FOREVER if holds else NEVER, otherwise)


def _later(moment: datetime, seconds: int) -> datetime:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return FOREVER


def _deadline(facts: Facts, grant: GrantFacts) -> datetime:
    return min(rule(facts, grant).deadline for rule in RULES)


def _reasons(facts: Facts, now: datetime) -> tuple[str, ...]:
    grants = _grants_that_explain(facts.grants, now)
    broken = [until.otherwise for rule in RULES for grant in grants if (until := rule(facts, grant)).deadline <= now]
    waiting = [say("Access begins on {starts_at}.", starts_at=in_words(grant.starts_at)) for grant in grants if grant.starts_at > now]
    return tuple(dict.fromkeys([*broken, *waiting]))


def _grants_that_explain(grants: Iterable[GrantFacts], now: datetime) -> Sequence[GrantFacts]:
    """Choose what to talk about: what should be live, else what comes next, else what ended last, else that there is nothing."""
    known = sorted(grants, key=lambda grant: (grant.starts_at, grant.id))
    live = [grant for grant in known if grant.is_open and grant.starts_at <= now < grant.ends_at]
    coming = [grant for grant in known if grant.is_open and grant.starts_at > now]
    return live or coming[:1] or sorted(known, key=lambda grant: grant.ends_at)[-1:] or [NO_GRANT]


def _time_checks(asking: Asking, now: datetime) -> list[tuple[bool, str]]:
    if asking.seconds is None:
        full = asking.used_seconds >= asking.rolling_total
        return [(full, _total_sentence(asking))]
    start = asking.starts_at
    return [
        (asking.seconds <= 0, say("Say for how long.")),
        (
            asking.seconds > asking.longest_grant,
            say("The longest time for this resource is {longest}.", longest=seconds_in_words(asking.longest_grant)),
        ),
        (asking.used_seconds + asking.seconds > asking.rolling_total, _total_sentence(asking)),
        (start is not None and start <= now, say("The start has passed. Choose a later one, or none.")),
        (
            start is not None and start - now > FURTHEST_START,
            say("The start is too far away: {days} days at most.", days=FURTHEST_START.days),
        ),
    ]


def _total_sentence(asking: Asking) -> str:
    left = seconds_in_words(asking.seconds_left)
    return say(
        "Of {rolling_total} within {rolling_window}, {left} is left.",
        rolling_total=seconds_in_words(asking.rolling_total),
        rolling_window=seconds_in_words(asking.rolling_window),
        left=left,
    )
