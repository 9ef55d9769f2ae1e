"""Every two verbs that act on the same row, four threads of each at the same moment: one wins, and the others are told who did.

Each table names the verbs of one kind of row; a new verb is one more line, and is raced against all the others and itself.
"""

import contextlib
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

import pytest
from django.test import override_settings

from enrollment import lifecycle
from enrollment.models import AuditHead
from enrollment.moments import in_words
from tests.factories import ADMINS, APPROVERS, HOUR, NOW, a_device, a_grant, a_key, a_pep, a_person, a_policy, a_request, a_resource, later
from tests.races import ANSWERS, at_once, check_log, events_of, won

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

A_SIDE = 4
SOON = HOUR // 2
ADDRESSES = 240  # more than the scenes of one test, with --full
UNFOUNDED = "nothing burnt"
ALONG = {"left", UNFOUNDED}  # reasons of what ends with something else: it was nobody's own verb
numbers = count(1)


@dataclass(frozen=True)
class Verb:
    """`run(scene, number)` does it, in the name of somebody else for each number; `wrote` are the events that it leaves on `row`."""

    name: str
    run: object
    wrote: str
    row: str
    ends: bool = False  # the row, so that nothing else of the same kind can end it
    comes_second: bool = False  # possible only after another verb


class People:
    """Who decides; the same ones for all rounds of a test."""

    def __init__(self):
        self.approvers = [a_person(f"approver {number}", groups=[APPROVERS]) for number in range(2 * A_SIDE)]
        self.dave = a_person("dave", groups=[ADMINS])
        self.pep = a_pep()


class Scene:
    """Alice, her laptop and a resource; what she asked for or has, as `begins` says."""

    def __init__(self, people, begins):
        number = self.number = next(numbers)
        self.approvers, self.dave = people.approvers, people.dave
        self.alice = a_person(f"alice {number}")
        self.laptop = a_device(self.alice)
        self.resource = a_resource(f"resource-{number}", pep=people.pep, number=number % ADDRESSES + 10)
        begins(self)
        self.began = AuditHead.objects.get().seq

    def written(self, row, *verbs):
        """Return the events of the race about one of its rows."""
        return [event for event in events_of(getattr(self, row), *verbs) if event.seq > self.began]

    def close(self):
        """Leave nothing that the sweeps of a later scene would find."""
        with contextlib.suppress(lifecycle.Conflict):
            lifecycle.disable_user(self.alice, actor=None, now=NOW, leaves=True)


def asked(scene):
    scene.request = a_request(scene.alice, scene.resource, [scene.laptop])


def granted(scene):
    scene.grant = a_grant(scene.alice, scene.resource, [scene.laptop], reviewer=scene.approvers[0])
    scene.more = a_request(scene.alice, scene.resource, [scene.laptop], extends=scene.grant)


def scheduled(scene):
    scene.grant = a_grant(scene.alice, scene.resource, [scene.laptop], reviewer=scene.approvers[0], starts_at=later(SOON))


def broke_glass(scene):
    policy = a_policy(f"policy of {scene.resource.slug}", break_glass_longest=HOUR)
    scene.resource.refresh_from_db()
    assert scene.resource.policy == policy
    scene.grant = lifecycle.break_glass(
        scene.alice, resource=scene.resource, devices=[scene.laptop], seconds=HOUR, reason="it burns", now=NOW
    )


def lent(scene):
    """Bob, of the approvers, lets Erin stand in for him while Alice's question waits."""
    asked(scene)
    scene.bob = a_person(f"bob {scene.number}", groups=[APPROVERS])
    scene.erin = a_person(f"erin {scene.number}")
    scene.delegation = lifecycle.delegate(scene.bob, delegate=scene.erin, starts_at=NOW, ends_at=later(HOUR), reason="on holiday", now=NOW)


def enrolled(scene):
    granted(scene)


def suspended(scene):
    enrolled(scene)
    lifecycle.suspend_device(scene.laptop, actor=scene.alice, reason="", now=NOW)


def lost(scene):
    enrolled(scene)
    lifecycle.report_lost(scene.laptop, actor=scene.alice, reason="", now=NOW)


def waiting(scene):
    with override_settings(ENROLMENT_NEEDS_APPROVAL=True):
        scene.laptop = a_device(scene.alice, "phone")


def by_admin(verb, thing, **more):
    return lambda scene, _number: verb(fresh(scene, thing), actor=scene.dave, now=NOW, **more)


def by_owner(verb, thing, **more):
    return lambda scene, _number: verb(fresh(scene, thing), actor=scene.alice, now=NOW, **more)


def fresh(scene, thing):
    """The row as it was before the race, in an object of its own: threads share nothing."""
    row = getattr(scene, thing)
    return type(row).objects.get(pk=row.pk)


def with_a_key(verb, who="alice"):
    return lambda scene, _number: verb(fresh(scene, "laptop"), public_key=a_key(), key_origin="own", actor=getattr(scene, who), now=NOW)


def answer(verb, thing="request", **more):
    return lambda scene, number: verb(fresh(scene, thing), reviewer=scene.approvers[number], now=NOW, **more)


def stand_in(scene, _number):
    return lifecycle.approve(fresh(scene, "request"), reviewer=scene.erin, now=NOW)


def answer_oneself(scene, _number):
    return lifecycle.approve(fresh(scene, "request"), reviewer=scene.bob, now=NOW)


LEAVE = Verb("leave", by_admin(lifecycle.disable_user, "alice", leaves=True), "user.disabled", "alice", ends=True)
RETIRE_DEVICE = Verb("retire the device", by_admin(lifecycle.retire_device, "laptop", reason=""), "device.retired", "laptop", ends=True)
RETIRE_RESOURCE = Verb("retire the resource", by_admin(lifecycle.retire_resource, "resource"), "resource.retired", "resource", ends=True)
REVOKE = Verb(
    "revoke",
    lambda scene, number: lifecycle.revoke(fresh(scene, "grant"), actor=scene.approvers[number], reason="enough", now=NOW),
    "grant.revoked",
    "grant",
    ends=True,
)
EXPIRE = Verb("expire", lambda scene, _number: lifecycle.expire_due(scene.grant.ends_at), "grant.expired", "grant", ends=True)
LOST = Verb("report lost", by_owner(lifecycle.report_lost, "laptop", reason=""), "device.reported_lost", "laptop")
RESUME = Verb("resume", by_owner(lifecycle.resume_device, "laptop", reason=""), "device.resumed", "laptop")
SUSPEND = Verb("suspend", by_owner(lifecycle.suspend_device, "laptop", reason=""), "device.suspended", "laptop")
TAKE_OVER = Verb("suspend by an admin", by_admin(lifecycle.suspend_device, "laptop", reason=""), "device.suspended", "laptop")
ROTATE = Verb("rotate", with_a_key(lifecycle.rotate_key), "device.key_rotated", "laptop")

TABLES = {
    asked: [
        Verb("approve", answer(lifecycle.approve), "request.approved", "request", ends=True),
        Verb("deny", answer(lifecycle.deny, comment="no"), "request.denied", "request", ends=True),
        Verb("cancel", by_owner(lifecycle.cancel_request, "request"), "request.cancelled", "request", ends=True),
        Verb("lapse", lambda scene, _number: lifecycle.lapse_due(scene.request.answer_by), "request.lapsed", "request", ends=True),
        LEAVE,
        RETIRE_DEVICE,
        RETIRE_RESOURCE,
        SUSPEND,
        ROTATE,
    ],
    broke_glass: [
        Verb("find it justified", answer(lifecycle.review_break_glass, "grant", justified=True, comment=""), "grant.reviewed", "grant"),
        Verb("find it wrong", answer(lifecycle.review_break_glass, "grant", justified=False, comment=UNFOUNDED), "grant.reviewed", "grant"),
        REVOKE,
        EXPIRE,
        LEAVE,
    ],
    lent: [
        Verb("answer in the stead", stand_in, "request.reviewed", "request", ends=True),
        Verb("end the delegation", by_admin(lifecycle.end_delegation, "delegation"), "delegation.ended", "delegation", ends=True),
        Verb("the delegator leaves", by_admin(lifecycle.disable_user, "bob", leaves=True), "user.disabled", "bob", ends=True),
        Verb("answer oneself", answer_oneself, "request.reviewed", "request", ends=True),  # a yes given while leaving grants nothing
    ],
    granted: [
        REVOKE,
        EXPIRE,
        Verb("end one's own", by_owner(lifecycle.revoke, "grant", reason="done"), "grant.revoked", "grant", ends=True),
        Verb("extend", answer(lifecycle.approve, "more"), "request.approved", "more", ends=True),
        LEAVE,
        RETIRE_DEVICE,
    ],
    scheduled: [
        REVOKE,
        EXPIRE,
        Verb("activate", lambda _scene, _number: lifecycle.activate_due(later(SOON)), "grant.activated", "grant"),
        LEAVE,
    ],
    enrolled: [SUSPEND, TAKE_OVER, LOST, ROTATE, RETIRE_DEVICE, LEAVE],
    suspended: [RESUME, TAKE_OVER, LOST, ROTATE, RETIRE_DEVICE],
    lost: [
        Verb("bring back", with_a_key(lifecycle.bring_back_device), "device.found", "laptop"),
        replace(RESUME, comes_second=True),
        ROTATE,
        RETIRE_DEVICE,
    ],
    waiting: [
        Verb("let in", by_admin(lifecycle.approve_device, "laptop"), "device.approved", "laptop"),
        Verb("refuse", by_admin(lifecycle.refuse_device, "laptop", reason="whose?"), "device.refused", "laptop", ends=True),
        RETIRE_DEVICE,
        LEAVE,
    ],
}
EACH_WITH_THE_REST = [
    pytest.param(begins, verb, verbs[at:], id=f"{begins.__name__}: {verb.name}")
    for begins, verbs in TABLES.items()
    for at, verb in enumerate(verbs)
]


@pytest.mark.parametrize(("begins", "one", "others"), EACH_WITH_THE_REST)
def test_of_two_verbs_at_once_one_wins_and_the_others_learn_of_it(begins, one, others, rounds):
    people = People()
    for number, other in enumerate(others * rounds(1, 26)):
        scene = Scene(people, begins)
        calls = [partial(verb.run, scene, at) for at, verb in enumerate([one] * A_SIDE + [other] * A_SIDE)]
        check_answers(scene, at_once(*calls, lined_up=number // len(others) % 2 == 0), one, other)
        check_log()
        scene.close()


def check_answers(scene, outcomes, one, other):
    strange = [outcome for outcome in outcomes if isinstance(outcome, Exception) and not isinstance(outcome, ANSWERS)]
    assert (one.name, other.name, strange) == (one.name, other.name, [])
    assert won(outcomes) >= 1 or (one.comes_second and other.comes_second)
    for verb, side in [(one, outcomes[:A_SIDE]), (other, outcomes[A_SIDE:])] if one.wrote != other.wrote else [(one, outcomes)]:
        written = [event for event in scene.written(verb.row, verb.wrote) if event.data.get("reason") not in ALONG]
        assert len(written) == won(side)
    if one.ends and other.ends and one.row == other.row:
        assert won(outcomes) == 1
        check_losers_are_told(scene, outcomes, one, other)


def check_losers_are_told(scene, outcomes, one, other):
    """Who came second learns who decided, and when, unless they might not any more for another reason."""
    [event] = scene.written(one.row, one.wrote, other.wrote)
    for loser in (outcome for outcome in outcomes if isinstance(outcome, lifecycle.Conflict)):
        assert in_words(event.at) in str(loser)
        assert event.actor in str(loser) or event.actor_id is None
