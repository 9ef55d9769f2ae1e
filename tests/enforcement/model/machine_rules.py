"""What machines, admins and time do: passes, sweeps, boots, terms, targets."""

import random
import time
from datetime import timedelta

from django.contrib.auth.models import Group
from django.db import transaction

from enforcement import reconcile as passes
from enforcement import tasks, transport, turns
from enforcement.models import PepStatus
from enrollment import lifecycle
from enrollment.models import Placement
from tests.enforcement.model import laws
from tests.enforcement.model.laws import law
from tests.enforcement.model.machine import Base, step
from tests.enforcement.model.people_rules import ANY, EITHER, Access, Devices
from tests.enforcement.model.rows import read_rows
from tests.factories import APPROVERS, HOUR

AROUND = [0, 0, -1, 1, 0.001]


class Estate(Base):
    """What admins change."""

    @step(which=ANY, end=range(3))
    def retarget(self, which, end):
        placement = self.pick(which, Placement.objects.order_by("pk"))
        last = 100 + 10 * placement.resource_id % 100 + end  # no two resources lead to one target
        placement.target_v4, placement.target_v6 = f"192.168.89.{last}", f"fd00:89::{last:x}"
        placement.save(update_fields=["target_v4", "target_v6"])
        lifecycle.estate_changed(placement, actor=self.world.people["dave"], verb="changed", now=self.now)

    @step(which=ANY, longest=[1800, 2 * HOUR], session=[None, None, HOUR], narrow=EITHER)
    def change_terms(self, which, longest, session, narrow):
        policy = self.pick(which, self.world.resources).policy
        requesters = [Group.objects.get(name="employees")] if narrow else []
        terms = {"time_to_answer": HOUR, "longest_grant": longest, "rolling_total": 10 * HOUR, "rolling_window": 12 * HOUR}
        more = {"stages": [(Group.objects.get(name=APPROVERS), 1)], "requesters": requesters, "session_length": session}
        lifecycle.new_policy_version(policy, actor=self.world.people["dave"], now=self.now, **terms, **more)

    @step(which=ANY)
    def retire_a_resource(self, which):
        """Seldom, as nothing is asked for it any more."""
        if which % 3:
            return
        offered = [pk for pk, row in self.rows.resources.items() if not row["retired_at"]]
        if len(offered) > 2:
            resource = next(each for each in self.world.resources if each.pk == self.pick(which, offered))
            resource.refresh_from_db()
            self.must(lifecycle.retire_resource, resource, actor=self.world.people["dave"], now=self.now)


class Machines(Access, Devices):
    """Workers, PEPs and time."""

    @step(4)
    def look_now(self):
        self.look()

    @step(2)
    def look_and_look_again(self):
        """I13: a look at everything finds no more than one at some devices did; and the second time nothing is written."""
        peps = [pep.pk for pep in self.world.peps]
        first = self.look()
        turns.mark_due(peps)
        second, events = self.look(), self.log_end()
        turns.mark_due(peps)
        for before, *after in zip(first, second, self.look(), strict=True):
            law("I13", all(before.says() == each.says() for each in after) or self.something_ends(), "a second pass changed something")
        law("I13", self.log_end() == events or self.something_ends(), "a second pass wrote an event")

    def something_ends(self):
        """Whether time itself may have changed something meanwhile."""
        return any(abs((moment - self.now).total_seconds()) < laws.SOON for moment in self.rows.moments(self.now - laws.A_MOMENT))

    @step(2, first=ANY, second=ANY)
    def sweep(self, first, second):
        """I13: in any order the same rows, and the second time no event."""
        with transaction.atomic():
            self.keep(first)
            other = read_rows()
            transaction.set_rollback(True)
        self.keep(second)
        rows = read_rows()
        law("I13", (rows.states(), rows.devices) == (other.states(), other.devices), "the order of the sweep's parts matters")
        self.counts["swept"] += sum(map(len, (rows.final(),))) > len(self.rows.final())
        self.keep(first)
        law("I13", read_rows() == rows, "a second sweep changed something")

    def keep(self, order):
        """Do the parts of the sweep in the order that goes by this number: of millions there are, no list is made."""
        for housekeeping in random.Random(order).sample(tasks.HOUSEKEEPING, len(tasks.HOUSEKEEPING)):
            housekeeping(now=self.now)

    @step(3, seconds=[1, 1, 20, 20, 300, 300, 300, HOUR, HOUR, 6 * HOUR, 25 * HOUR], looks=EITHER)
    def wait(self, seconds, looks):
        self.pass_time(seconds)
        if looks:
            self.look()

    @step(4, which=range(3), around=AROUND)
    def wait_for_a_boundary(self, which, around):
        moments = self.rows.moments(self.now)
        to = moments[min(which, len(moments) - 1)] + timedelta(seconds=around) if moments else self.now
        if to > self.now:
            self.pass_time((to - self.now).total_seconds())
            self.counts["boundaries"] += 1
            self.look(at_this_instant=True)

    @step(which=range(2))
    def boot(self, which):
        """The kernel comes back empty; what is left of each deadline comes back, no more."""
        pep, gateway = self.world.peps[which], self.world.gateways[which]
        self.look()
        gateway.clean()
        turns.mark_due([pep.pk])
        self.counts["boots with something held"] += bool(self.look()[which].elements)

    @step(4, which=ANY, by=["owner", "dave"], whole=EITHER)
    def stall_with_old_facts(self, which, by, whole):
        """G1: a worker reads, pauses; a revoke is applied by another one; the first goes on, and opens nothing."""
        grant = self.pick(which, self.rows.live(self.now))
        if not grant:
            return
        pep = self.pick(which, [r["pep_id"] for r in self.rows.placements if r["resource_id"] == grant["resource_id"]])
        turns.mark_due([pep])
        read, paused = passes.read, []

        def read_and_pause(*args):
            reading = read(*args)
            if not paused:
                paused.append(True)
                self.revoke_this(grant["pk"], by)
                self.deliver()
                PepStatus.objects.filter(pk=pep).update(busy_until=turns.AT_ONCE)  # its time has run out
                if whole:
                    turns.mark_due([pep])
                self.pass_over(pep)
            return reading

        passes.read = read_and_pause
        try:
            self.pass_over(pep)
        finally:
            passes.read = read
        law("G1", paused, "nothing was read")
        self.deliver()
        self.look_at_least(pep)
        turns.mark_due([pep])
        self.look()

    def look_at_least(self, pep_id):
        """Hold one kernel against the rows: it may lack something, and has nothing too much."""
        which = [pep.pk for pep in self.world.peps].index(pep_id)
        held = self.world.gateways[which].held()
        laws.kernel_is_what_the_rows_say(read_rows(), self.world.peps[which], held, self.moment(), at_least=False)

    @step()
    def let_the_clock_run_over_a_deadline(self):
        """I12: with no agent and no worker alive, the kernel ends it."""
        end = min(self.rows.reach(self.now).values(), default=None)
        if self.has_waited or end is None or (end - self.now).total_seconds() < 3:
            return
        self.has_waited = True
        self.pass_time((end - self.now).total_seconds() - 2.5)
        held = sum(len(kernel.elements) for kernel in self.look())
        transport.POOL.close()
        rest = (end - self.now).total_seconds() + 0.3
        time.sleep(max(0.0, end.timestamp() + 0.2 - self.offset - time.time()))
        self.now += timedelta(seconds=rest)
        left = sum(len(kernel.elements) for kernel in self.compare(is_alone=True))
        self.counts["ended by the kernel alone"] += held - left
        turns.mark_due([pep.pk for pep in self.world.peps])

    @step(2, which=ANY, around=[0, 0, -0.000001, 1, -1, 100])
    def ask_the_log(self, which, around):
        """I16, at a moment of the past or at a boundary of then."""
        moments = {began for began, _rows in self.snapshots}
        moments |= {m for g in self.rows.grants.values() for m in (g["starts_at"], g["ends_at"], g["ended_at"]) if m}
        at = self.pick(which, sorted(moments)) + timedelta(seconds=around)
        if self.snapshots[0][0] <= at <= self.now:
            self.counts["told by the log"] += laws.who_is_what_the_rows_said(self.snapshots, self.world.resources, at)

    has_waited = False


class Machine(Estate, Machines):
    """All that can happen."""

    def finish(self):
        super().finish()
        for began, _rows in self.snapshots[:: max(1, len(self.snapshots) // 4)]:
            self.counts["told by the log"] += laws.who_is_what_the_rows_said(self.snapshots, self.world.resources, began)
