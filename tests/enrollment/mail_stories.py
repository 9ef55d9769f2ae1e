"""What makes the portal write to people: a story for each kind of notice, told as people, machines and time cause it.

Everybody in it is called by one letter, and reads German: what is English in a mail is ours.
"""

from dataclasses import dataclass

from enforcement import alarms
from enforcement.models import Alarm, PepStatus
from enrollment import clock, lifecycle, notices
from enrollment.models import BrowserSession, Device, LatestMoment, Notice, Pep, Resource, User
from tests.factories import (
    ADMINS,
    APPROVERS,
    HOUR,
    NOW,
    a_delegation,
    a_device,
    a_grant,
    a_key,
    a_pep,
    a_person,
    a_policy,
    a_request,
    a_resource,
    an_emergency,
    later,
)

GROUPS = {"a": [], "b": [APPROVERS], "c": [APPROVERS], "d": [ADMINS], "e": [ADMINS]}
DAY = 24 * HOUR


@dataclass
class World:
    """`a` asks, `b` and `c` answer, `d` and `e` are admins; a story has a resource and a device of its own."""

    settings: object
    a: User
    b: User
    c: User
    d: User
    e: User
    pep: Pep
    x: Resource | None = None
    q: Device | None = None

    def asked(self, **more):
        return a_request(self.a, self.x, [self.q], reason="r", **more)

    def asked_and_mailed(self):
        request = self.asked()
        Notice.objects.update(tries=1)
        return request

    def granted(self, **more):
        return a_grant(self.a, self.x, [self.q], reviewer=self.b, reason="r", **more)

    def in_emergency(self):
        return an_emergency(self.a, self.x, [self.q], reason="r")


def a_world(settings):
    settings.DEVICE_LIMIT = 100
    people = {name: a_person(name, groups=groups) for name, groups in GROUPS.items()}
    for person in people.values():
        person.language = "de"
        person.save(update_fields=["language"])
    return World(settings, pep=a_pep(), **people)


def tell_all(world):
    """Tell each story of its own things; return how many there are."""
    for number, story in enumerate(STORIES):
        world.settings.ENROLMENT_NEEDS_APPROVAL = False
        policy = a_policy("p", break_glass_longest=HOUR)
        world.x, world.q = a_resource(f"x{number}", policy=policy, pep=world.pep, number=10 + number), a_device(world.a, f"q{number}")
        story(world)
    return len(STORIES)


def let_in(world):
    world.settings.ENROLMENT_NEEDS_APPROVAL = True
    lifecycle.approve_device(a_device(world.a, "y"), actor=world.d, now=NOW)


def refused(world):
    world.settings.ENROLMENT_NEEDS_APPROVAL = True
    lifecycle.refuse_device(a_device(world.a, "z"), actor=world.d, reason="r", now=NOW)


def cut_off_and_back(world):
    for verb in (lifecycle.suspend_device, lifecycle.resume_device, lifecycle.report_lost):
        verb(world.q, actor=world.d, reason="r", now=NOW)
    lifecycle.bring_back_device(world.q, public_key=a_key(), key_origin="pasted", actor=world.d, now=NOW)
    lifecycle.rotate_key(world.q, public_key=a_key(), key_origin="pasted", actor=world.d, now=NOW)
    lifecycle.retire_device(world.q, actor=None, reason="", now=NOW)


def waiting(world):
    world.asked(ticket="T-1")
    notices.remind_due(later(DAY // 2))


def by_one_form(world):
    more = a_resource("more", pep=world.pep, number=200)
    asked = {"devices": [world.q], "seconds": HOUR, "reason": "r", "now": NOW}
    for request in lifecycle.request_bundle(world.a, resources=[world.x, more], **asked):
        Notice.objects.update(tries=1)
        lifecycle.deny(request, reviewer=world.b, comment="c", now=NOW)


def taken_back(world):
    lifecycle.cancel_request(world.asked_and_mailed(), actor=world.a, now=NOW)


def denied(world):
    lifecycle.deny(world.asked_and_mailed(), reviewer=world.b, comment="c", now=NOW)


def withdrawn(world):
    world.asked_and_mailed()
    lifecycle.retire_resource(world.x, actor=None, now=NOW)


def withdrawn_by_somebody(world):
    world.asked_and_mailed()
    lifecycle.retire_resource(world.x, actor=world.d, now=NOW)


def left_without_device(world):
    world.asked()
    lifecycle.retire_device(world.q, actor=world.a, reason="", now=NOW)


def lapsed(world):
    world.asked()
    lifecycle.lapse_due(later(DAY))


def begins_later(world):
    lifecycle.approve(world.asked(starts_at=later(HOUR)), reviewer=world.b, now=NOW)


def ends(world):
    grant = world.granted()
    notices.remind_due(later(HOUR - 60))
    lifecycle.expire_due(grant.ends_at)


def revoked(world):
    lifecycle.revoke(world.granted(), actor=world.b, reason="r", now=NOW)


def revoked_by_nobody(world):
    lifecycle.revoke(world.granted(), actor=None, reason="r", now=NOW)


def late(world):
    grant = world.granted()
    notices.tell_owner_of_delay(grant, ["pep-1"])
    notices.tell_owner_of_delay(grant, ["pep-1", "pep-2"])


def found_justified(world):
    grant = world.in_emergency()
    notices.remind_due(later(DAY))
    lifecycle.review_break_glass(grant, reviewer=world.b, justified=True, comment="c", now=NOW)


def found_not_justified(world):
    lifecycle.review_break_glass(world.in_emergency(), reviewer=world.b, justified=False, comment="c", now=NOW)


def found_not_justified_when_over(world):
    grant = world.in_emergency()
    lifecycle.expire_due(later(DAY))
    lifecycle.review_break_glass(grant, reviewer=world.b, justified=False, comment="c", now=later(DAY))


def stood_in_for(world):
    lifecycle.end_delegation(a_delegation(world.b, delegate=world.a, reason="r"), actor=world.b, now=NOW)
    lifecycle.end_delegation(a_delegation(world.b, delegate=world.a, reason="r"), actor=None, now=NOW)


def alarmed(world):
    PepStatus.objects.create(pep=world.pep, busy_until=NOW, due_at=NOW)
    Alarm.objects.bulk_create([Alarm(pep=world.pep, kind=kind, since=NOW, seen_at=NOW) for kind in Alarm.Kind])
    alarms.tell(Alarm.objects.all(), NOW)
    PepStatus.objects.update(reached_at=later(HOUR))
    alarms.judge(later(HOUR))


def of_the_provider(world):
    lifecycle.report_unmatched("u-1", deletes=True, now=NOW)
    lifecycle.report_unmatched("u-2", deletes=False, now=later(2 * HOUR))
    lifecycle.report_mistaken(BrowserSession.objects.create(user=world.a, began_at=NOW), "r", now=NOW)
    people = [lifecycle.provision_user(world.a.issuer, name, user_name=name, now=NOW) for name in "klm"]
    group = lifecycle.provision_group("g", now=NOW)
    lifecycle.change_members(group, add=people, now=NOW)
    assert lifecycle.replace_members(group, [], now=NOW)


def the_clock_went_back(world):
    clock.PACE.seen = None
    LatestMoment.objects.update_or_create(pk=clock.ROW, defaults={"seen_at": later(HOUR, since=clock.look().clock)})
    clock.tick()
    clock.PACE.seen = None


STORIES = (
    *(let_in, refused, cut_off_and_back, waiting, by_one_form, taken_back, denied, withdrawn, withdrawn_by_somebody),
    *(left_without_device, lapsed, begins_later, ends, revoked, revoked_by_nobody, late),
    *(found_justified, found_not_justified, found_not_justified_when_over, stood_in_for, alarmed, of_the_provider, the_clock_went_back),
)
