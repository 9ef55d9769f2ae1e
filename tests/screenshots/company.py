"""A week in the demo's company, written by the verbs that people use, so that each page has something to show.

What a worker would write after a gateway's receipt is written here: no gateway runs behind the pictures.
"""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import Group
from django.test import override_settings

from enforcement.models import Drift, Enforcement, PepStatus, Receipt
from enrollment import lifecycle
from enrollment.models import AuditEvent, DirectoryGroup, HeldChange, Pep, Resource, User
from portal.demo import estate
from portal.demo.cast import PEOPLE
from tests import factories
from tests.e2e.estate import put_in_force

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


class Company:
    """Everything there is to see: `numbers` is the number of one thing of each kind, `others` of what a single page needs instead."""

    def __init__(self, now):
        self.now = now
        estate.plant(factories.a_key("pep 1"), now - 9 * DAY)
        self.people = {person.username: self.introduce(person) for person in PEOPLE}
        self.alice, self.bob, self.dave, self.erin = (self.people[name] for name in ("alice", "bob", "dave", "erin"))
        self.pep = Pep.objects.get()
        self.resources = {each.slug: each for each in Resource.objects.all()}
        self.numbers = {"pep": self.pep.pk, "pepstatu": self.pep.pk, "resource": self.resources["fileshare"].pk}
        self.numbers |= {"accesspolicy": self.resources["wiki"].policy_id, "user": self.alice.pk}
        self.numbers |= {"group": Group.objects.get(name=factories.APPROVERS).pk}
        self.others = {"request-new": "/resources/voice/request/", "emergency-new": "/resources/pep-admin/emergency/"}
        several = "&".join(f"resource={self.resources[slug].pk}" for slug in ("voice", "pep-admin"))
        self.others["admin-auditevent-reach"] = f"/admin/enrollment/auditevent/reach/?user={self.alice.pk}"
        self.others["bundle-new"] = f"/requests/new/?{several}"
        self.devices()
        self.access()
        self.gateway()
        self.directory()

    def introduce(self, person):
        user = User.objects.get(issuer=settings.OIDC_ISSUER, subject=person.subject)
        when, email = self.now - 8 * DAY, f"{person.username}@example.com"
        groups = [settings.OIDC_GROUP_PREFIX + name for name in person.groups]
        lifecycle.sign_in(user, groups=groups, name=person.name, email=email, auth_time=when, now=when)
        return user

    def devices(self):
        week_ago = self.now - 7 * DAY
        self.laptop = factories.a_device(self.alice, "Work laptop", key_origin="browser", now=week_ago)
        self.phone = factories.a_device(self.alice, "Phone", kind="phone", now=week_ago + DAY)
        self.hers = factories.a_device(self.erin, "Erin's laptop", now=week_ago)
        tablet = factories.a_device(self.erin, "Old tablet", kind="phone", now=week_ago)
        lifecycle.suspend_device(tablet, actor=self.erin, reason="It lies in a drawer.", now=self.now - DAY)
        with override_settings(ENROLMENT_NEEDS_APPROVAL=True):
            new = factories.a_device(self.bob, "Bob's new laptop", now=self.now - 20 * MINUTE)
        self.numbers["device"] = self.laptop.pk
        self.others |= {f"admin-device-{verb}": new.pk for verb in ("approve", "refuse")} | {"admin-device-resume": tablet.pk}
        handover, _token = lifecycle.make_handover(self.alice, now=self.now)
        lifecycle.offer_key(handover, public_key=factories.a_key("the phone's"), now=self.now)
        self.numbers["handover"] = handover.pk

    def access(self):
        fileshare, voice, wiki = (self.resources[slug] for slug in ("fileshare", "voice", "wiki"))
        past = self.now - 5 * DAY
        reason = "Reading up on the new printers"
        factories.a_grant(self.alice, wiki, [self.laptop], reviewer=self.bob, seconds=4 * 3600, reason=reason, now=past)
        lifecycle.expire_due(self.now - 4 * DAY)
        reason = "The quarterly figures are in the share, and the auditors want them by noon."
        asked = factories.a_request(self.alice, fileshare, [self.laptop], seconds=3 * 3600, reason=reason, now=self.now - 30 * MINUTE)
        grant = lifecycle.approve(asked, reviewer=self.bob, comment="Fine.", now=self.now - 25 * MINUTE)
        put_in_force(grant, self.pep)
        why = "The gateway's disk is full, and nobody who approves picks up the phone."
        emergency = factories.an_emergency(self.erin, self.resources["pep-admin"], [self.hers], reason=why, now=self.now - 12 * MINUTE)
        put_in_force(emergency, self.pep)
        reason = "Calls with the people in Lisbon"
        factories.a_request(self.erin, voice, [self.hers], seconds=2 * 3600, reason=reason, now=self.now - 40 * MINUTE)
        reason = "Notes for tomorrow's introduction of the newcomers"
        waiting = factories.a_request(self.alice, wiki, [self.laptop, self.phone], seconds=3600, reason=reason, now=self.now - 4 * MINUTE)
        week = {"starts_at": self.now + DAY, "ends_at": self.now + 8 * DAY}
        lent = factories.a_delegation(self.bob, delegate=self.dave, reason="Skiing, where no network is.", now=self.now - DAY, **week)
        self.waiting = waiting
        self.numbers |= {"request": asked.pk, "accessrequest": waiting.pk, "grant": grant.pk, "delegation": lent.pk}
        self.numbers |= {"review": asked.reviews.get().pk, "enforcement": Enforcement.objects.get(grant=grant).pk}
        self.others |= dict.fromkeys(("admin-grant-justified", "admin-grant-not-justified"), emergency.pk)

    def gateway(self):
        known = {"busy_until": self.now, "due_at": self.now, "reached_at": self.now, "agreed_at": self.now, "agent_version": "0.1.0"}
        PepStatus.objects.update_or_create(pep=self.pep, defaults={**known, "skew_seconds": 0.1})
        held = {"digest": DIGEST, "wanted_digest": DIGEST, "outcome": "applied", "peers": 4, "admissions": 2}
        receipts = [
            Receipt.objects.create(pep=self.pep, generation=number, at=self.now - ago * MINUTE, took_ms=3.5, **held)
            for number, ago in ((1, 25), (2, 12))
        ]
        words = "10.89.0.17 was made permanent in device-access-to-fileshare by hand; it was ended"
        drift = Drift.objects.create(pep=self.pep, at=self.now - 2 * DAY, kind="element made permanent", words=words)
        self.numbers |= {"receipt": receipts[-1].pk, "drift": drift.pk}

    def directory(self):
        frank = factories.a_person("frank", groups=[], now=self.now - 8 * DAY)
        lifecycle.disable_user(frank, actor=self.dave, now=self.now - 2 * DAY)
        employees = Group.objects.get(name=f"{settings.OIDC_GROUP_PREFIX}employees")
        DirectoryGroup.objects.create(group=employees, since=self.now - 8 * DAY, changed_at=self.now - DAY)
        change = HeldChange.objects.create(group=employees, members=5, created_at=self.now - DAY, seen_at=self.now - 5 * MINUTE)
        change.people.add(self.alice, self.bob, self.erin)
        self.numbers |= {"heldchange": change.pk, "auditevent": AuditEvent.objects.filter(verb__contains="approve").latest("pk").pk}
        self.others["admin-user-enable"] = frank.pk
