"""What people do: ask, answer, end, enrol, lose, leave, come back."""

from datetime import timedelta

from django.test import override_settings

from enrollment import facts, lifecycle
from enrollment.lifecycle import Conflict, Refused
from enrollment.models import AccessRequest, Delegation, Device, Grant, PolicyVersion, Resource
from enrollment.policy import decide, may_review
from tests import factories
from tests.enforcement.model import laws
from tests.enforcement.model.laws import law
from tests.enforcement.model.machine import Base, step
from tests.enforcement.model.rows import OPEN, read_rows
from tests.enforcement.model.world import GROUPS

ASKING, ANSWERING = ("alice", "alice", "erin", "bob"), ("bob", "brenda", "frank")
ANY = range(1000)
EITHER = (False, True)
LENGTHS = [5, 60, 600, 3600, 7200, 3 * 3600]
STARTS = [None, None, None, 30, 900]
CUTS = [None, None, 40, 1800]


class Access(Base):
    """Requests, answers, grants."""

    def usable(self, person):
        return [pk for pk, row in self.rows.devices.items() if row["owner_id"] == person.pk and row["state"] == "enrolled"]

    def somebody(self, who):
        active = [name for name in ASKING if self.rows.users[self.world.people[name].pk]]
        name = self.pick(who, active)
        return self.world.people[name] if name else None

    def ask(self, who, what, seconds, *, start=None, many=False, extends=None):
        person = extends.user if extends else self.somebody(who)
        own = self.usable(person) if person else []
        if not own:
            return None
        devices = Device.objects.filter(pk__in=own if many else [self.pick(who, own)])
        resource = extends.resource if extends else self.pick(what, self.world.resources)
        starts_at = self.now + timedelta(seconds=start) if start else None
        more = {"devices": devices, "seconds": seconds, "reason": "work", "starts_at": starts_at, "extends": extends}
        return self.attempt(lifecycle.request_access, person, resource=resource, now=self.now, **more)

    def approve(self, request, reviewer, seconds=None):
        """Say yes; look at what became of it at that moment."""
        seconds = seconds if seconds and seconds <= request.seconds else None
        grant = self.attempt(lifecycle.approve, request, reviewer=reviewer, now=self.now, seconds=seconds)
        rows = read_rows()
        self.said |= {r["pk"]: frozenset(rows.groups[laws.seat(r)]) for r in rows.reviews if r["pk"] not in self.said}
        if isinstance(grant, Grant):
            self.counts["grants"] += 1
            self.counts["extensions"] += grant.extends_id is not None
            versions = [request.policy_version, PolicyVersion.objects.filter(policy=request.resource.policy_id).order_by("number").last()]
            stages = laws.stages_that_apply(request, versions)
            laws.answered_by_enough(rows, rows.grants[grant.pk], stages, set().union(*rows.groups.values()), self.said)
            laws.lasts_no_longer_than_allowed(rows, rows.grants[grant.pk], versions, self.now)
        return grant

    def approve_by_all(self, request, seconds=None):
        for name in ANSWERING:
            if isinstance(self.approve(request, self.world.people[name], seconds), Grant):
                return

    @step(6, who=ANY, what=ANY, seconds=LENGTHS, start=STARTS, cut=CUTS, many=EITHER)
    def ask_and_approve(self, who, what, seconds, start, cut, many):
        request = self.ask(who, what, seconds, start=start, many=many)
        if request:
            self.approve_by_all(request, cut)

    @step(6, who=ANY, what=ANY, seconds=LENGTHS, many=EITHER)
    def ask_and_approve_at_once(self, who, what, seconds, many):
        request = self.ask(who, what, seconds, many=many)
        if request:
            self.approve_by_all(request)

    @step(4, which=ANY, seconds=LENGTHS)
    def ask_for_the_same_again(self, which, seconds):
        """What somebody has already, so that grants meet."""
        grant = self.pick(which, (g for g in self.rows.live(self.now) if self.rows.users[g["user_id"]]))
        devices = Device.objects.filter(pk__in=self.rows.named[grant["pk"]], state="enrolled") if grant else ()
        if devices:
            more = {"devices": devices, "seconds": seconds, "reason": "more work"}
            resource = Resource.objects.get(pk=grant["resource_id"])
            request = self.attempt(lifecycle.request_access, devices[0].owner, resource=resource, now=self.now, **more)
            if request:
                self.approve_by_all(request)

    @step(2, who=ANY, what=ANY, seconds=LENGTHS, start=STARTS, many=EITHER)
    def ask_only(self, who, what, seconds, start, many):
        self.ask(who, what, seconds, start=start, many=many)

    @step(5, which=ANY, seconds=LENGTHS, answered=(True, True, True, False))
    def extend(self, which, seconds, answered):
        grants = [g["pk"] for g in self.rows.grants.values() if g["state"] in OPEN and g["ends_at"] > self.now]
        if not grants:
            return
        grant = Grant.objects.select_related("user", "resource").get(pk=self.pick(which, grants))
        request = self.ask(which, 0, seconds, extends=grant)
        if request and answered:
            self.approve_by_all(request)

    @step(4, which=ANY, by=sorted(GROUPS), yes=EITHER, cut=CUTS)
    def answer(self, which, by, yes, cut):
        request = self.a_request(which, pending=True)
        if not request:
            return
        reviewer = self.world.people[by]
        if yes:
            self.approve(request, reviewer, cut)
        else:
            self.attempt(lifecycle.deny, request, reviewer=reviewer, comment="no", now=self.now)

    @step(which=ANY)
    def take_a_question_back(self, which):
        request = self.a_request(which, pending=True)
        if request:
            self.must(lifecycle.cancel_request, request, actor=request.requester, now=self.now)

    @step(2, which=ANY, by=ANSWERING, yes=EITHER)
    def answer_once_more(self, which, by, yes):
        """I14: who comes second hears that it was decided, and nothing changes."""
        request, reviewer = self.a_request(which, pending=False), self.world.people[by]
        if not request:
            return
        may = not may_review(facts.reviewing(reviewer, request, self.now))
        before = read_rows()
        try:
            if yes:
                lifecycle.approve(request, reviewer=reviewer, now=self.now)
            else:
                lifecycle.deny(request, reviewer=reviewer, comment="no", now=self.now)
        except Conflict:
            self.counts["answered twice"] += 1
        except Refused:
            law("I14", not may, "a second answer is refused, not a conflict")
        else:
            law("I14", False, f"{request} was answered twice")
        law("I14", read_rows() == before, "a second answer changed something")

    @step(4, which=ANY, by=["owner", "dave", "system"])
    def revoke(self, which, by):
        grants = [g["pk"] for g in self.rows.grants.values() if g["state"] in OPEN]
        if grants:
            self.revoke_this(self.pick(which, grants), by)

    @step(5, which=ANY, by=["owner", "dave", "system"])
    def revoke_one_of_two(self, which, by):
        pairs = self.pairs()
        if not pairs:
            self.ask_for_the_same_again(which, 3600)
            self.rows = read_rows()
            pairs = self.pairs()
        if pairs:
            self.counts["revokes while another is live"] += 1
            self.revoke_this(self.pick(which, pairs), by)
            self.look()

    def pairs(self):
        live = self.rows.live(self.now)
        return [g["pk"] for g in live if any(self.shares(g, other) for other in live if other is not g)]

    def shares(self, grant, other):
        named = self.rows.named
        return grant["resource_id"] == other["resource_id"] and bool(named[grant["pk"]] & named[other["pk"]])

    def revoke_this(self, pk, by):
        """I9 and I10: it can be ended, and what the others give stays as it was."""
        grant = Grant.objects.get(pk=pk)
        actor = {"owner": grant.user, "dave": self.world.people["dave"], "system": None}[by]
        ended = self.with_what_follows(pk)
        rows = read_rows()
        left = {d: rows.until(d, grant.resource_id, self.now, without=ended) for d in rows.named[pk]}
        self.must(lifecycle.revoke, grant, actor=actor, reason="", now=self.now)
        for device, until in left.items():
            decision = decide(facts.facts_of(Device.objects.get(pk=device), grant.resource, self.now), self.now)
            law("I10", (decision.until if decision else None) == until, f"others give until {until}, decided is {decision}")

    def with_what_follows(self, pk):
        found = {pk}
        while more := {g["pk"] for g in self.rows.grants.values() if g["extends_id"] in found and g["state"] == "scheduled"} - found:
            found |= more
        return found

    @step(2, by=ANSWERING, instead=sorted(GROUPS), seconds=LENGTHS)
    def stand_in(self, by, instead, seconds):
        """Let somebody answer in an approver's stead. What they then say counts as that approver's."""
        if by != instead:
            lender, other, until = self.world.people[by], self.world.people[instead], self.now + timedelta(seconds=seconds)
            more = {"starts_at": self.now, "ends_at": until, "reason": "away", "now": self.now}
            self.attempt(lifecycle.delegate, lender, delegate=other, **more)

    @step(2, seconds=LENGTHS, who=ANY, what=ANY, instead=["erin", "carol", "frank"])
    def ask_and_have_a_stand_in_approve(self, seconds, who, what, instead):
        self.stand_in("bob", instead, 3600)
        request = self.ask(who, what, seconds)
        if request and isinstance(self.approve(request, self.world.people[instead]), Grant):
            self.counts["grants by a stand-in"] += 1

    @step(2, who=ANY, seconds=LENGTHS)
    def break_glass(self, who, seconds):
        """In an emergency: at once, by nobody's yes, and open until a second person has looked."""
        person = self.somebody(who)
        own = self.usable(person) if person else []
        if own:
            devices, fileshare = Device.objects.filter(pk=self.pick(who, own)), self.world.fileshare
            more = {"resource": fileshare, "devices": devices, "seconds": seconds, "reason": "fire", "now": self.now}
            grant = self.attempt(lifecycle.break_glass, person, **more)
            law("I4", not grant or (grant.review_due and grant.request.closed_by is None), "emergency access that looks approved")
            longest = fileshare.policy.current.break_glass_longest
            law("I5", not grant or (grant.ends_at - grant.starts_at).total_seconds() <= longest, "emergency access beyond its terms")

    @step(2, which=ANY, by=sorted(GROUPS), justified=EITHER)
    def review_an_emergency(self, which, by, justified):
        grant = self.pick(which, Grant.objects.filter(review_due=True).order_by("pk"))
        if grant:
            more = {"reviewer": self.world.people[by], "justified": justified, "comment": "seen", "now": self.now}
            review = self.attempt(lifecycle.review_break_glass, grant, **more)
            law("I4", not review or review.reviewer_id != grant.user_id, "somebody reviewed their own emergency")

    @step(which=ANY)
    def end_a_delegation(self, which):
        delegation = self.pick(which, Delegation.objects.open(self.now))
        if delegation:
            self.must(lifecycle.end_delegation, delegation, actor=delegation.delegator, now=self.now)

    @step(which=ANY)
    def revoke_what_has_ended(self, which):
        ended = [g["pk"] for g in self.rows.grants.values() if g["state"] not in OPEN]
        if ended:
            grant = Grant.objects.get(pk=self.pick(which, ended))
            law("I2", self.attempt(lifecycle.revoke, grant, actor=None, reason="", now=self.now) is None, f"{grant} was revoked twice")

    def a_request(self, which, *, pending):
        pks = [pk for pk, row in self.rows.requests.items() if (row["state"] == "pending") == pending]
        known = AccessRequest.objects.select_related("requester", "resource", "policy_version")
        return known.get(pk=self.pick(which, pks)) if pks else None


class Devices(Base):
    """Devices and their owners."""

    def a_device(self, which, *states):
        pks = [pk for pk, row in self.rows.devices.items() if row["state"] in states]
        return Device.objects.select_related("owner").get(pk=self.pick(which, pks)) if pks else None

    def has_live(self, **about):
        return any(all(row[key] == value for key, value in about.items()) for row in self.rows.live(self.now))

    def by(self, device, owner):
        return device.owner if owner else self.world.people["dave"]

    @step(2, who=["alice", "alice", "erin", "bob"], waits=EITHER)
    def enrol(self, who, waits):
        self.names += 1
        more = {"kind": "phone", "public_key": factories.a_key(), "key_origin": "browser"}
        with override_settings(ENROLMENT_NEEDS_APPROVAL=waits):
            self.attempt(lifecycle.enrol_device, self.world.people[who], name=f"device {self.names}", now=self.now, **more)

    @step(which=ANY, yes=(True, True, False))
    def let_in(self, which, yes):
        device, dave = self.a_device(which, "pending"), self.world.people["dave"]
        if device and yes:
            self.attempt(lifecycle.approve_device, device, actor=dave, now=self.now)
        elif device:
            self.must(lifecycle.refuse_device, device, actor=dave, reason="unknown", now=self.now)

    @step(3, which=ANY, owner=EITHER, looks=EITHER)
    def suspend(self, which, owner, looks):
        device = self.a_device(which, "enrolled")
        if device:
            self.counts["suspensions with a live grant"] += any(device.pk in self.rows.named[g["pk"]] for g in self.rows.live(self.now))
            self.must(lifecycle.suspend_device, device, actor=self.by(device, owner), reason="", now=self.now)
            if looks:
                self.look()

    @step(2, which=ANY, owner=EITHER)
    def resume(self, which, owner):
        device = self.a_device(which, "suspended")
        if device:
            self.attempt(lifecycle.resume_device, device, actor=self.by(device, owner), reason="", now=self.now)

    @step(which=ANY, owner=EITHER)
    def lose(self, which, owner):
        device = self.a_device(which, "enrolled", "suspended")
        if device:
            self.attempt(lifecycle.report_lost, device, actor=self.by(device, owner), reason="", now=self.now)

    @step(2, which=ANY, owner=EITHER)
    def bring_back(self, which, owner):
        device = self.a_device(which, "suspended")
        if device:
            more = {"public_key": factories.a_key(), "key_origin": "browser"}
            self.attempt(lifecycle.bring_back_device, device, actor=self.by(device, owner), now=self.now, **more)

    @step(which=ANY, owner=EITHER)
    def rotate(self, which, owner):
        device = self.a_device(which, "enrolled", "suspended")
        if device:
            more = {"public_key": factories.a_key(), "key_origin": "pasted"}
            self.attempt(lifecycle.rotate_key, device, actor=self.by(device, owner), now=self.now, **more)

    @step(which=ANY, owner=EITHER)
    def retire(self, which, owner):
        device = self.a_device(which, "enrolled", "suspended", "pending")
        if device:
            self.must(lifecycle.retire_device, device, actor=self.by(device, owner), reason="", now=self.now)

    @step(
        3,
        who=["alice", "alice", "erin", "bob", "brenda"],
        stays=[True, True, True, False],
        ago=[0, 0, 7200, None],
    )
    def sign_in(self, who, stays, ago):
        groups = GROUPS[who] if stays else GROUPS[who][1:]
        auth_time = None if ago is None else self.now - timedelta(seconds=ago)
        more = {"groups": groups, "name": who.title(), "email": f"{who}@example.com", "auth_time": auth_time}
        self.attempt(lifecycle.sign_in, self.world.people[who], now=self.now, **more)

    @step(who=["alice", "alice", "erin", "bob", "brenda"], leaves=EITHER)
    def disable(self, who, leaves):
        person = self.world.people[who]
        if self.rows.users[person.pk]:
            self.counts["disabled with a live grant"] += self.has_live(user_id=person.pk)
            self.must(lifecycle.disable_user, person, actor=self.world.people["dave"], now=self.now, leaves=leaves)

    @step(3)
    def enable_everybody(self):
        for person in self.world.people.values():
            if not self.rows.users[person.pk]:
                self.attempt(lifecycle.enable_user, person, actor=self.world.people["dave"], now=self.now)
