"""The machine: time, people, PEPs, and the laws that are looked at after every step.

Its time is the real one plus an offset that only grows, so that exact instants can be
reached without waiting. An agent takes the offset for a portal's clock that is ahead, and
ends what it holds by it. Kernels do not live through a jump, so after one every PEP is due.
"""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from django.db import connection, transaction
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from enforcement import reconcile as passes
from enforcement import turns
from enrollment import audit
from enrollment.lifecycle import Conflict, Refused
from enrollment.models import AuditHead
from enrollment.signals import access_changed
from tests.enforcement.model import laws
from tests.enforcement.model.laws import law
from tests.enforcement.model.rows import enforced, read_rows
from tests.enforcement.model.world import AHEAD

ROUNDS = 4  # passes that may follow from each other before nothing is due


def step(often=1, **choices):
    """Mark what can happen, how often in comparison, and what to choose its arguments from."""

    def mark(act):
        act.often, act.choices = often, choices
        return act

    return mark


class Base(RuleBasedStateMachine):
    """What every rule stands on."""

    def __init_subclass__(cls, **more):
        super().__init_subclass__(**more)
        known = {name: value for each in reversed(cls.__mro__) for name, value in vars(each).items()}
        cls.acts = [act for act in known.values() for _ in range(getattr(act, "often", 0))]

    def __init__(self, world, counts=None):
        super().__init__()
        self.world, self.counts = world, Counter() if counts is None else counts
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.offset = AHEAD.total_seconds()
        self.now = self.acted_at = datetime.fromtimestamp(time.time() + self.offset, tz=UTC)
        self.log, self.taken, self.is_broken = laws.Log(), 0, False
        self.rows, self.before = read_rows(), read_rows()
        self.snapshots, self.said, self.names, self.slowest = [], {}, 0, 0.0
        self.said.update({review["pk"]: frozenset(self.rows.groups[laws.seat(review)]) for review in self.rows.reviews})
        for gateway in world.gateways:
            gateway.forget()

    def teardown(self):
        try:
            if not self.is_broken:
                self.finish()
        finally:
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    def finish(self):
        """Look once more, and read the whole log."""
        self.tick()
        self.look()
        law("I15", audit.verify() == [], "the chain does not hold")

    @invariant()
    def the_laws_hold(self):
        self.and_note_whether(self.hold)

    def hold(self):
        self.deliver()
        self.before, self.rows = self.rows, read_rows()
        self.snapshots.append((self.acted_at, self.rows))
        if self.rows == self.before and self.log.seq:
            return
        self.log.read_on()
        self.log.agrees(self.rows)
        laws.final_stays_final(self.before, self.rows)
        laws.one_grant_for_each_approved_request(self.rows)
        laws.one_open_request_for_a_device_and_a_resource()
        laws.times_are_utc(self.rows)
        laws.decide_is_what_the_rows_say(self.rows, self.now)
        self.count_what_is_there()

    def count_what_is_there(self):
        live = self.rows.live(self.now)
        named = Counter((device, grant["resource_id"]) for grant in live for device in self.rows.named[grant["pk"]])
        self.counts["unions"] += any(number > 1 for number in named.values())
        self.counts["live"] += bool(live)

    @rule(seed=st.integers(0, 2**48))
    def go_on(self, seed):
        """Do one step, at the present moment.

        Chosen by our own weights: drawn evenly, or leaning towards the first and the same again as hypothesis
        does, few histories had two grants that met. And never by what is there: a draw must not hang on a clock.
        """
        self.taken += 1
        chance = Random(f"{seed} {self.taken}")
        act = chance.choice(self.acts)
        drawn = {name: chance.choice(among) for name, among in act.choices.items()}
        note(f"{act.__name__}({', '.join(f'{name}={value!r}' for name, value in drawn.items())})")
        self.counts[f"step {act.__name__}"] += 1
        self.tick()
        self.acted_at = self.now
        self.and_note_whether(partial(act, self, **drawn))

    def and_note_whether(self, holds):
        """A history ends at the first law that does not hold: what follows from it is no news."""
        try:
            holds()
        except BaseException:
            self.is_broken = True
            raise

    def tick(self):
        self.now = max(self.now, datetime.fromtimestamp(time.time() + self.offset, tz=UTC))

    def pick(self, number, items):
        items = list(items)
        return items[number % len(items)] if items else None

    def attempt(self, verb, *args, **kwargs):
        """Call a verb. What it refuses leaves no trace."""
        before, self.acted_at = self.log_end(), self.now
        try:
            done = verb(*args, **kwargs)
        except (Refused, Conflict) as no:
            self.counts[type(no).__name__] += 1
            law("I14", self.log_end() == before, f"{verb.__name__} refused, and wrote an event: {no}")
            return None
        self.counts[verb.__name__] += 1
        return True if done is None else done

    def log_end(self):
        return AuditHead.objects.values_list("seq", flat=True).get()

    def must(self, verb, *args, **kwargs):
        """I9: this can be refused to nobody."""
        self.acted_at = self.now
        try:
            verb(*args, **kwargs)
        except (Refused, Conflict) as no:
            law("I9", False, f"{verb.__name__} was refused: {no}")
        self.counts[verb.__name__] += 1

    def pass_time(self, seconds):
        """Go on, and have every PEP looked at. Before that: a PEP where something begins is due by itself."""
        decisions = laws.decided(self.rows, self.now)
        waits = set(turns.due(self.now))
        self.offset += seconds
        self.now += timedelta(seconds=seconds)
        after = laws.decided(self.rows, self.now)
        for pair, then in decisions.items():
            if then and self.now < then.until:
                law("I11", after[pair] and after[pair].until == then.until, f"{pair}: {then} became {after[pair]} by time alone")
            if not then and (then.recheck_at is None or self.now < then.recheck_at):
                law("I11", not after[pair], f"{pair} was denied, and is allowed by time alone")
            if after[pair] and not then and not waits:
                placed = {row["pep_id"] for row in self.rows.placements if row["resource_id"] == pair[1]}
                law("I13", placed <= set(turns.due(self.now)), f"access of {pair} begins, and no PEP is due")
        self.counts["ends by time"] += sum(bool(then) and not after[pair] for pair, then in decisions.items())
        self.counts["begins by time"] += sum(not then and bool(after[pair]) for pair, then in decisions.items())
        turns.mark_due([pep.pk for pep in self.world.peps])

    def deliver(self):
        """Hand over what was to be sent after the commit. Other listeners than ours are not there."""
        waiting, connection.run_on_commit = connection.run_on_commit, []
        for _savepoints, send, *_robust in waiting:
            if getattr(send, "func", None) == access_changed.send_robust:
                failed = [answer for _listener, answer in send() if isinstance(answer, Exception)]
                assert not failed, failed

    def look(self, *, at_this_instant=False):
        """Be the workers: every PEP that is due, until none is; then hold the kernels against the rows."""
        self.deliver()
        for _round in range(ROUNDS):
            due = turns.due(self.now)
            for pep_id in due:
                self.pass_over(pep_id, at_this_instant=at_this_instant)
            if not due:
                break
        law("I13", not turns.due(self.now), "passes follow passes without an end")
        return self.compare()

    def pass_over(self, pep_id, *, at_this_instant=False):
        """Do one pass, now, or at the model's exact moment: then the real time that went by since is none of it."""
        began = time.time()
        if at_this_instant:
            self.offset = self.now.timestamp() - began
        self.tick()
        outcome = passes.reconcile(pep_id, self.now)
        self.slowest = max(self.slowest, time.time() - began)
        return outcome

    def moment(self):
        """Return what is known of the time: an agent knows the portal's clock but for as long as a document takes."""
        return laws.Moment(self.now, self.offset, self.slowest)

    def compare(self, *, is_alone=False):
        """Hold the kernels against the rows. `is_alone`: nothing but the kernel did anything meanwhile."""
        rows, said, kernels = read_rows(), enforced(), []
        for pep, gateway in zip(self.world.peps, self.world.gateways, strict=True):
            held = gateway.held()
            laws.kernel_is_what_the_rows_say(rows, pep, held, self.moment(), at_least=not is_alone, peers=not is_alone)
            if not is_alone:
                laws.says_only_what_the_kernel_holds(rows, said, pep, held, self.now)
            kernels.append(held)
        self.counts["elements seen"] += sum(len(held.elements) for held in kernels)
        return kernels
