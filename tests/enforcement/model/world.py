"""Who and what is there when an example begins: few people and few things, so that what they do meets."""

from datetime import timedelta

from django.utils import timezone

from enforcement import turns
from enrollment import lifecycle
from tests import factories
from tests.factories import ADMINS, APPROVERS, AUDITORS, HOUR

KEEPERS = "keepers"
GROUPS = {
    "alice": ["employees"],
    "erin": ["employees"],
    "bob": ["employees", APPROVERS],
    "brenda": ["employees", APPROVERS, KEEPERS],
    "frank": ["employees", KEEPERS],
    "carol": ["employees", AUDITORS],
    "dave": ["employees", ADMINS],
}
AHEAD = timedelta(hours=1)  # the model's time is ahead of the clocks by this at least: agents then take it from what is left


class World:
    """alice, erin and bob ask; bob, brenda and frank answer; fileshare is on both PEPs, wiki on one, printer on the other."""

    def __init__(self, gateways):
        self.gateways = gateways
        self.now = now = timezone.now()
        self.people = {name: factories.a_person(name, groups=groups, now=now) for name, groups in GROUPS.items()}
        self.peps = [factories.a_pep(each.number, public_key=each.keys.public, now=now) for each in gateways]
        one, two = self.peps
        few = {"rolling_total": 20 * HOUR, "rolling_window": 24 * HOUR, "time_to_answer": 2 * HOUR, "now": now}
        session = factories.a_policy("session", session_length=4 * HOUR, requesters=["employees"], **few)
        stages = factories.a_policy("stages", stages=((APPROVERS, 1), (KEEPERS, 1)), **few)
        self.fileshare = factories.a_resource(
            "fileshare", policy=factories.a_policy("plain", break_glass_longest=HOUR, break_glass_by=["employees"], **few), pep=one, now=now
        )
        factories.a_placement(self.fileshare, two, now=now)
        self.wiki = factories.a_resource("wiki", policy=session, pep=one, number=11, now=now)
        self.printer = factories.a_resource("printer", policy=stages, pep=two, number=12, now=now)
        self.resources = [self.fileshare, self.wiki, self.printer]
        devices = [
            factories.a_device(self.people[owner], name, now=now)
            for owner, name in (("alice", "laptop"), ("alice", "phone"), ("erin", "laptop"), ("bob", "laptop"))
        ]
        self.begin(*devices)
        turns.mark_due([pep.pk for pep in self.peps])

    def begin(self, laptop, phone, erins, bobs):
        """Some have something already: alice the fileshare twice, until two moments, and erin the printer from soon on."""
        bob, brenda, frank = (self.people[name] for name in ("bob", "brenda", "frank"))
        factories.a_grant(laptop.owner, self.fileshare, [laptop], reviewer=bob, now=self.now, seconds=3 * HOUR)
        factories.a_grant(laptop.owner, self.fileshare, [laptop, phone], reviewer=brenda, now=self.now, seconds=8 * HOUR)
        factories.a_grant(erins.owner, self.wiki, [erins], reviewer=bob, now=self.now, seconds=2 * HOUR)
        factories.a_grant(bobs.owner, self.fileshare, [bobs], reviewer=brenda, now=self.now, seconds=5 * HOUR)
        soon = self.now + AHEAD + timedelta(minutes=4)
        asked = factories.a_request(erins.owner, self.printer, [erins], now=self.now, seconds=6 * HOUR, starts_at=soon)
        lifecycle.approve(asked, reviewer=bob, now=self.now)
        lifecycle.approve(asked, reviewer=frank, now=self.now)
