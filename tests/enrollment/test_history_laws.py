"""I16: who could reach what, told from the log, is what `decide` said of the rows at that moment. I15: the chain holds after every step.

Hypothesis makes up histories; whatever a verb refuses does not happen. At each step, and
at each beginning and end of a grant between two steps, the rows are asked. In the end the
log is asked about all these moments.
"""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from enrollment import audit, facts, lifecycle
from enrollment.lifecycle import Conflict, Refused
from enrollment.models import AuditEvent, Device, Grant, Resource, User
from enrollment.policy import decide
from tests.factories import GROUPS, HOUR, a_device, a_key, a_policy, a_request, a_resource, later

TICK = timedelta(microseconds=1)
PEOPLE, DEVICES, RESOURCES = ("Alice", "Erin"), ("laptop", "phone", "hers"), ("fileshare", "fresh", "members")


class History:
    """Verbs by name, each on one of few people, devices and resources; `spice` decides whatever else there is to decide."""

    def __init__(self, now):
        self.now, self.said, self.browsers = now, {}, {}
        self.people = {person.name: person for person in User.objects.all()}
        self.devices = {device.name: device for device in Device.objects.all()}
        self.resources = {resource.slug: resource for resource in Resource.objects.all()}
        self.pairs = [(device, resource) for device in self.devices.values() for resource in self.resources.values()]

    def look(self, at):
        """Ask the rows what is allowed at this moment, which nothing has passed yet."""
        pairs = [(Device.objects.get(pk=device.pk), Resource.objects.get(pk=resource.pk)) for device, resource in self.pairs]
        known = facts.facts_of_all(pairs, at)
        decided = {pair: decide(each, at) for pair, each in known.items()}
        self.said[at] = {pair: decision.until for pair, decision in decided.items() if decision}

    def pass_by(self, seconds):
        """Let time go by, and look at each edge of a grant on the way."""
        then = self.now + timedelta(seconds=seconds)
        edges = {edge for grant in Grant.objects.all() for edge in (grant.starts_at, grant.ends_at)}
        for at in sorted({moment for edge in edges for moment in (edge - TICK, edge) if self.now < moment < then}):
            self.look(at)
        self.now = then

    def do(self, verb, person, device, resource, spice):
        device = Device.objects.get(pk=self.devices[device].pk)
        person = User.objects.get(pk=self.people[person].pk)
        try:
            with transaction.atomic():
                getattr(self, verb)(person, device, self.resources[resource], spice)
        except (Refused, Conflict):
            event(f"refused: {verb}")
        else:
            event(f"done: {verb}")
        self.look(self.now)

    def grant(self, _person, device, resource, spice):
        seconds, start = (HOUR, 600, 60)[spice % 3], (None, None, 120)[spice // 3 % 3]
        grant = Grant.objects.filter(user=device.owner, resource=resource).first() if spice > 6 and not start else None
        starts_at = self.now + timedelta(seconds=start) if start else None
        asked = a_request(device.owner, resource, [device], seconds=seconds, starts_at=starts_at, extends=grant, now=self.now)
        lifecycle.approve(asked, reviewer=self.people["Bob"], now=self.now)

    def revoke(self, _person, _device, _resource, spice):
        grants = list(Grant.objects.filter(state__in=Grant.OPEN).order_by("-ends_at"))
        if grants:
            lifecycle.revoke(grants[spice % len(grants)], actor=self.people["Bob"], reason="", now=self.now)

    def suspend(self, _person, device, _resource, spice):
        lifecycle.suspend_device(device, actor=self.people["Dave"] if spice % 2 else device.owner, reason="", now=self.now)

    def resume(self, _person, device, _resource, _spice):
        lifecycle.resume_device(device, actor=self.people["Dave"], reason="", now=self.now)

    def lose(self, _person, device, _resource, _spice):
        lifecycle.report_lost(device, actor=device.owner, reason="", now=self.now)

    def find(self, _person, device, _resource, _spice):
        lifecycle.bring_back_device(device, public_key=a_key(), key_origin="own", actor=device.owner, now=self.now)

    def rotate(self, _person, device, _resource, _spice):
        lifecycle.rotate_key(device, public_key=a_key(), key_origin="own", actor=device.owner, now=self.now)

    def retire(self, _person, device, _resource, _spice):
        lifecycle.retire_device(device, actor=device.owner, reason="", now=self.now)

    def disable(self, person, _device, _resource, spice):
        lifecycle.disable_user(person, actor=None, now=self.now, leaves=spice % 2 == 1)

    def enable(self, person, _device, _resource, _spice):
        lifecycle.enable_user(person, actor=None, now=self.now)

    def sign_in(self, person, _device, _resource, spice):
        groups, ago = ([], GROUPS["alice"], GROUPS["alice"], None)[spice % 4], (0, 0, 300)[spice % 3]
        proven = self.now - timedelta(seconds=ago)
        said = {"auth_time": proven, "is_mfa": spice % 2 == 1, "browser": self.browsers.get(person.pk) if spice % 5 else None}
        here = lifecycle.sign_in(person, groups=groups, name=person.name, email=person.email, **said, now=self.now)
        self.browsers[person.pk] = here.pk

    def sign_out(self, person, _device, _resource, _spice):
        lifecycle.sign_out(person, self.browsers.get(person.pk), now=self.now)

    def end_all_there(self, person, _device, _resource, spice):
        said = {"jti": f"{self.now}", "subject": person.subject, "sid": "", "issued_at": self.now - timedelta(seconds=1 + spice)}
        lifecycle.sign_out_by_provider(issuer=person.issuer, **said, expires_at=self.now, now=self.now)

    def regroup(self, person, _device, _resource, spice):
        group = Group.objects.get(name="employees")
        lifecycle.change_members(group, add=[person] * (spice % 2), remove=[person] * (1 - spice % 2), now=self.now)

    def retire_resource(self, _person, _device, resource, _spice):
        lifecycle.retire_resource(resource, actor=None, now=self.now)

    def new_terms(self, _person, _device, resource, spice):
        session = (None, 300, 7200)[spice % 3]
        proof = {"needs_mfa": bool(session and spice % 2), "ends_at_logout": spice % 4 < 2}
        a_policy(f"policy of {resource.slug}", session_length=session, **proof, now=self.now)

    def keep_house(self, _person, _device, _resource, _spice):
        for keep in (lifecycle.activate_due, lifecycle.expire_due, lifecycle.lapse_due, lifecycle.free_addresses):
            keep(now=self.now)


MANY = ("grant",) * 6 + ("sign_in", "sign_out", "suspend", "resume", "revoke", "keep_house", "regroup") * 2
FEW = ("end_all_there", "lose", "find", "rotate", "retire", "disable", "enable", "retire_resource", "new_terms")
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, 1, 30, 30, 60, 299, 300, HOUR]),
        st.sampled_from(MANY + FEW),
        st.sampled_from(PEOPLE),
        st.sampled_from(DEVICES),
        st.sampled_from(RESOURCES),
        st.integers(0, 11),
    ),
    min_size=1,
    max_size=20,
)


LAPTOP, HERS = ("Alice", "laptop", "fileshare", 0), ("Erin", "hers", "members", 0)
EACH_ONCE = [  # whatever chance does: each verb while it matters, and its contrary
    *((1, "grant", *LAPTOP), (1, "grant", *HERS), (1, "grant", "Alice", "phone", "fresh", 0)),
    (1, "grant", "Alice", "laptop", "members", 4),
    *((1, verb, *LAPTOP) for verb in ("suspend", "resume", "lose", "rotate", "resume", "lose", "find", "disable", "enable", "new_terms")),
    *((1, "sign_in", "Alice", "phone", "fresh", 1), (1, "sign_out", "Alice", "phone", "fresh", 0), (1, "end_all_there", *LAPTOP)),
    *((299, "sign_in", "Alice", "phone", "fresh", 1), (60, "sign_in", *HERS), (1, "sign_in", "Erin", "hers", "members", 1)),
    *((1, "regroup", "Erin", "hers", "members", spice) for spice in (0, 1, 0, 1)),
    *((1, "disable", "Erin", "hers", "members", 1), (1, "enable", *HERS), (1, "revoke", *LAPTOP), (1, "grant", *LAPTOP)),
    *((HOUR, "grant", *LAPTOP), (1, "keep_house", *LAPTOP), (1, "retire_resource", *LAPTOP)),
    *((1, "grant", "Alice", "laptop", "members", 0), (1, "retire", *LAPTOP)),
]


@pytest.fixture
def cast(alice, erin, bob, dave, pep):
    """Two people, three devices, three resources: under plain terms, with a short session, and for members only."""
    for name, owner in (("laptop", alice), ("phone", alice), ("hers", erin)):
        a_device(owner, name)
    a_resource("fileshare", pep=pep)
    a_resource("fresh", pep=pep, number=11, policy=a_policy("policy of fresh", session_length=300))
    a_resource("members", pep=pep, number=12, policy=a_policy("policy of members", requesters=["employees"]))
    lifecycle.provision_group("employees", now=later())


def test_the_log_tells_of_every_moment_what_the_rows_said_then(cast, rounds):
    @settings(
        max_examples=rounds(15, 400), deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
    )
    @example(EACH_ONCE)
    @given(STEPS)
    def law(steps):
        with transaction.atomic():
            history = History(later(1))
            for seconds, *step in steps:
                history.pass_by(seconds)
                history.do(*step)
                assert audit.verify() == []
            history.pass_by(2 * HOUR)
            for at, said in history.said.items():
                told = {(reach.device_id, reach.resource_id): reach.until for reach in facts.reaches_at(at)}
                assert told == said, f"at {at}"
            assert list(AuditEvent.objects.order_by("seq").values_list("seq", flat=True)) == list(range(1, audit.end()[0] + 1))
            transaction.set_rollback(True)

    law()
