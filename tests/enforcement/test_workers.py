"""A real worker and a real broker: a nudge is fast, the sweep makes it true, and a message can name a PEP and no more."""

import time

import pytest
import redis
from django.utils import timezone

from enforcement import tasks
from enforcement.models import Drift, Enforcement, PepStatus
from enrollment import lifecycle
from enrollment.models import AuditEvent, Grant
from tests import factories
from tests.enforcement.sites import GRANT_AGAIN, MAKE_A_WORLD, portal, running_site, wait_for, wait_until
from tests.enforcement.world import BOTH
from tests.postgresql import Cluster

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]


@pytest.fixture
def site(gateway, transactional_db):
    with running_site(gateway, {"pep-1": gateway.agent_argv, "pep-2": ["/bin/sleep", "60"]}) as site:
        yield site


def test_a_nudge_is_enforced_and_ended_though_another_pep_hangs(site, granted):
    hanging = factories.a_pep(2, now=timezone.now())
    site.start_broker()
    site.start_worker()
    tasks.nudge_peps(pep_ids=[hanging.pk])
    grant = granted()
    wait_for("in_force", grant, seconds=5)
    assert site.gateway.admitted() == BOTH
    lifecycle.revoke(grant, actor=None, reason="done", now=timezone.now())
    wait_for("gone", grant, seconds=5)
    assert (site.gateway.admitted(), PepStatus.objects.get(pk=hanging.pk).reached_at) == (set(), None)


def test_without_a_broker_approving_is_quick_and_the_sweep_makes_it_true(site, granted):
    began = time.monotonic()
    grant = granted()
    assert time.monotonic() - began < 2
    assert Grant.objects.get().state == "active"
    site.start_broker()
    site.start_worker()
    site.start_beat()
    wait_for("in_force", grant)
    assert site.gateway.admitted() == BOTH
    short = granted(2)
    wait_for("gone", short)
    wait_until(Grant.objects.filter(pk=short.pk, state="expired").exists)
    assert (Enforcement.objects.get(grant=grant).state, site.gateway.admitted()) == ("in_force", BOTH)


def test_what_was_flushed_by_hand_is_back_with_a_sweep_and_told(site, granted):
    site.start_broker()
    site.start_worker()
    site.start_beat()
    grant = granted()
    wait_for("in_force", grant)
    site.gateway.sh("nft flush ruleset")
    wait_until(Drift.objects.filter(kind="table missing").exists, seconds=1 + 9)  # a sweep every second, and a pass
    assert site.gateway.admitted() == BOTH
    assert AuditEvent.objects.get(verb="pep.drift").data["words"] == list(Drift.objects.order_by("pk").values_list("words", flat=True))
    assert Enforcement.objects.get(grant=grant).state == "in_force"


FORGERIES = [-1, 0, 999, 2**70, "1", "1; nft flush ruleset", None, [1], {"pep": 1}, True, 1.0]


@pytest.mark.parametrize("forged", FORGERIES, ids=repr)
def test_a_message_that_names_no_pep_does_nothing(forged):
    pep = factories.a_pep()
    tasks.reconcile_pep(forged)
    assert PepStatus.objects.get(pk=pep.pk).generation == 0


def test_a_hundred_copies_of_one_message_are_one_pass(gateway, granted):
    granted()
    pep_id = PepStatus.objects.get().pk
    [tasks.reconcile_pep(pep_id) for _ in range(100)]
    assert (PepStatus.objects.get().generation, gateway.admitted()) == (1, BOTH)


def test_the_sweep_goes_on_past_a_part_that_fails(granted, monkeypatch, caplog):
    def broken(*, now):
        raise RuntimeError("no disk")

    granted()
    asked = []
    monkeypatch.setattr(tasks, "HOUSEKEEPING", (broken, *tasks.HOUSEKEEPING))
    monkeypatch.setattr(tasks.reconcile_pep, "apply_async", lambda ids, **_: asked.extend(ids))
    tasks.sweep_due_peps()
    assert asked == [PepStatus.objects.get().pk]
    assert "the sweep goes on without broken" in caplog.text


class TestAfterACrash:
    """What is wanted is in force within 30 s of things being back, nothing lost, nothing too much."""

    BACK = 30.0

    @pytest.fixture
    def quick(self, gateway, latch, transactional_db):
        """A dead worker's turn is over sooner than in production, where it is `LYCHGATE_PEP_TIMEOUT_SECONDS` and a margin."""
        with running_site(gateway, {"pep-1": latch.before(gateway.agent_argv)}, LYCHGATE_PEP_TIMEOUT_SECONDS="5") as site:
            yield site

    @pytest.fixture
    def latch(self, tmp_path):
        return Latch(tmp_path)

    def test_a_worker_killed_in_mid_apply_opens_nothing_and_the_next_one_finishes(self, quick, latch, granted):
        first = revoke_and_hold_the_pass(quick, latch, granted)
        second = granted(1800)
        quick.stop("worker")
        latch.open()
        began = time.monotonic()
        quick.start_worker()
        quick.start_beat()
        wait_for("gone", first, self.BACK)
        wait_for("in_force", second, self.BACK)
        assert time.monotonic() - began < self.BACK
        assert quick.gateway.admitted() == BOTH
        lifecycle.revoke(second, actor=None, reason="done", now=timezone.now())
        wait_for("gone", second)
        assert (quick.gateway.admitted(), quick.gateway.peers()) == (set(), {})

    def test_a_worker_told_to_end_in_mid_apply_finishes_first(self, quick, latch, granted):
        first = revoke_and_hold_the_pass(quick, latch, granted)
        worker = quick.parts["worker"].process
        worker.terminate()
        latch.open()
        assert worker.wait(self.BACK) == 0
        wait_for("gone", first, seconds=1)
        assert quick.gateway.admitted() == set()

    def test_of_what_was_approved_while_the_broker_was_away_nothing_is_lost(self, quick, granted, rounds):
        quick.start_broker()
        quick.start_worker()
        quick.stop("broker")
        grants = [granted(1000 + number) for number in range(rounds(5, 100))]
        quick.start_broker()
        quick.start_beat()
        began = time.monotonic()
        for grant in grants:
            wait_for("in_force", grant, self.BACK)
        assert time.monotonic() - began < self.BACK
        assert quick.gateway.admitted() == BOTH

    def test_a_broker_that_forgot_everything_costs_time_only(self, quick, granted):
        quick.start_broker()
        grant = granted()
        with redis.Redis(unix_socket_path=str(quick.directory / "broker.sock")) as broker:
            assert broker.llen("pep") > 0
            broker.flushall()
        quick.start_worker()
        quick.start_beat()
        wait_for("in_force", grant, self.BACK)
        assert quick.gateway.admitted() == BOTH

    def test_a_database_that_was_away_in_mid_pass_loses_nothing(self, quick, latch):
        with Cluster() as cluster:
            quick.environment["DATABASE_URL"] = cluster.url
            portal(quick, MAKE_A_WORLD.format(key=quick.gateway.keys.public))
            quick.start_broker()
            quick.start_worker()
            quick.start_beat()
            wait_until(lambda: quick.gateway.admitted() == BOTH, self.BACK)
            quick.end("beat", "worker")
            portal(quick, "lifecycle.revoke(Grant.objects.get(), actor=None, reason='done', now=timezone.now())")
            latch.close()
            quick.start_worker()
            quick.start_beat()
            latch.wait_for_somebody()
            cluster.stop()
            latch.open()
            wait_until(lambda: not quick.gateway.admitted())  # what closes needs no database any more
            cluster.start()
            began = time.monotonic()
            wait_until(lambda: portal(quick, "print(Enforcement.objects.get().state)") == "gone", self.BACK)
            portal(quick, GRANT_AGAIN)
            wait_until(lambda: quick.gateway.admitted() == BOTH, self.BACK - (time.monotonic() - began))
            assert portal(quick, "from enrollment import audit; print(audit.verify())") == "[]"


class Latch:
    """Stands before an agent: while it is closed, a pass that has read its facts waits for the agent to speak."""

    def __init__(self, directory):
        self._closed, self._waiting = directory / "closed", directory / "waiting"

    def before(self, argv):
        script = 'closed=$1 waiting=$2; shift 2; while [ -e "$closed" ]; do touch "$waiting"; sleep 0.05; done; exec "$@"'
        return ["/bin/sh", "-c", script, "latch", str(self._closed), str(self._waiting), *argv]

    def close(self):
        self._waiting.unlink(missing_ok=True)
        self._closed.touch()

    def open(self):
        self._closed.unlink()

    def wait_for_somebody(self):
        wait_until(self._waiting.exists)


def revoke_and_hold_the_pass(site, latch, granted):
    """Return a grant that a pass is certainly under way to take away; it ends when the latch opens."""
    site.start_broker()
    site.start_worker()
    grant = granted()
    wait_for("in_force", grant)
    site.end("worker")  # its stream to the agent, too: the next one has to wait at the latch
    lifecycle.revoke(grant, actor=None, reason="done", now=timezone.now())
    latch.close()
    site.start_worker()
    latch.wait_for_somebody()
    return grant
