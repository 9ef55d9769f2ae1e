"""Redis as deploy/redis-acl.conf has it: workers work as its one user, who may do nothing else, and a restart costs seconds only."""

import os
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest
import redis
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from kombu import Connection
from redis.backoff import NoBackoff
from redis.retry import Retry

from enforcement import tasks
from enrollment import lifecycle
from enrollment.models import Pep, User
from portal.demo.processes import Part
from tests import brokers, factories
from tests.enforcement.sites import running_site, wait_for, wait_until
from tests.enforcement.world import BOTH

BACK = 30.0


@pytest.fixture
def site(gateway, transactional_db):
    """As in every other test of workers, with Redis for a broker."""
    with running_site(gateway, {"pep-1": gateway.agent_argv}, kind=brokers.Redis) as site:
        yield site


@pytest.fixture
def broker(tmp_path_factory):
    """Redis alone."""
    broker = brokers.Redis(tmp_path_factory.mktemp("redis"))
    part = Part("redis", broker.argv, os.environ, broker.directory / "log")
    part.wait_until(broker.answers)
    yield broker
    part.kill()


def refused(broker):
    """Return what Redis has refused to its user since it was started, but for a client's introduction, which newer ones take."""
    with broker.as_admin() as admin:
        return [each["object"] for each in admin.acl_log(count=128) if each["object"] != "client|setinfo"]


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
def test_portal_worker_and_beat_work_as_the_brokers_own_user(site, granted):
    (site.directory / "url").write_text(site.environment.pop("REDIS_URL"), encoding="utf-8")
    site.environment["REDIS_URL_FILE"] = str(site.directory / "url")
    site.start()
    grant = granted()
    wait_for("in_force", grant, BACK)
    assert site.gateway.admitted() == BOTH
    lifecycle.revoke(grant, actor=None, reason="done", now=timezone.now())
    wait_for("gone", grant, BACK)
    site.parts["worker"].stop()  # it hands back what it holds
    assert (site.gateway.admitted(), refused(site.broker)) == (set(), [])
    assert not any(site.broker.PASSWORD in site.said(name) for name in ("broker", "worker", "beat"))


@pytest.mark.parametrize("seconds", [0, 3600], ids=["it died", "it ended"])
def test_what_a_worker_took_and_did_not_finish_comes_back(broker, seconds):
    options = {"visibility_timeout": seconds}
    with Connection(broker.url, transport_options=options) as first, Connection(broker.url, transport_options=options) as second:
        with first.SimpleQueue("pep") as queue:
            queue.put("one")
        taken = first.default_channel.basic_get("pep")
        assert (taken.payload, second.default_channel.basic_get("pep")) == ("one", None)
        if seconds:
            first.default_channel.close()
        else:
            second.default_channel.qos.restore_visible(interval=1)
        assert second.default_channel.basic_get("pep").payload == "one"
    assert refused(broker) == []


FORBIDDEN = [
    *("EVAL return_1 0", "EVAL_RO return_1 0", "FCALL f 0", "FUNCTION LIST", "SCRIPT FLUSH", "SCRIPT KILL"),
    *("FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "CONFIG GET *", "CONFIG SET dir /tmp", "KEYS *", "SCAN 0", "RANDOMKEY", "DBSIZE", "SELECT 1"),
    *("ACL LIST", "ACL SETUSER lychgate +@all", "CLIENT LIST", "CLIENT KILL ID 1", "MONITOR", "INFO", "SHUTDOWN NOSAVE", "SAVE", "BGSAVE"),
    *("MODULE LIST", "REPLICAOF 203.0.113.9 6379", "MIGRATE 203.0.113.9 6379 pep 0 1", "SYNC", "LATENCY DOCTOR"),
    *("SUBSCRIBE news", "PSUBSCRIBE *", "PUBLISH news x", "SORT pep", "DUMP pep", "RESTORE pep 0 x", "RENAME pep x", "OBJECT ENCODING pep"),
    *("GET limits", "SET limit:1 x", "INCRBY session 1", "INCR limits:1:x", "EXPIRE limits:1:x 9"),
    *("GET session", "SET session x", "LPUSH celery x", "LPUSH pe x", "DEL session", "HGET unacked2 x"),
]


def test_the_brokers_user_may_queue_and_nothing_else(broker):
    done = []
    for command in FORBIDDEN:
        with broker.as_its_user() as user:
            try:
                done.append((command, user.execute_command(*command.split())))
            except redis.exceptions.NoPermissionError:
                pass
            except redis.exceptions.RedisError as error:
                done.append((command, error))
    assert done == []
    assert len(refused(broker)) > 30


@pytest.mark.parametrize("call", ["'FLUSHALL'", "'CONFIG', 'GET', 'dir'", "'KEYS', '*'", "'GET', 'session'", "'LPUSH', 'celery', 'x'"])
def test_a_script_may_no_more_than_its_user(broker, call):
    with broker.as_its_user() as user:
        script = user.script_load(f"return redis.call({call})")
        with pytest.raises(redis.exceptions.ResponseError, match=r"user executing the script can't|not allowed from script"):
            user.evalsha(script, 0)


@pytest.mark.parametrize("who", [{}, {"password": brokers.Redis.PASSWORD}, {"username": "lychgate", "password": "guessed"}], ids=str)
def test_nobody_else_is_let_in(broker, who):
    stranger = redis.Redis(unix_socket_path=str(broker.socket), retry=Retry(NoBackoff(), 0), **who)
    with pytest.raises(redis.exceptions.AuthenticationError):
        stranger.ping()
    stranger.close()


def test_before_it_has_a_password_it_does_not_start(broker):
    shipped = brokers.ROOT / "deploy/redis-acl.conf"
    done = subprocess.run([broker.argv[0], str(shipped)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "SHA256-OF-THE-PASSWORD" in done.stdout + done.stderr) == (1, True)


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
def test_a_worker_whose_hands_were_full_when_the_broker_died_goes_on(site, granted):
    site.start_broker()
    site.start_worker()
    full = settings.CELERY_WORKER_CONCURRENCY
    with site.broker.as_admin() as admin, transaction.atomic():  # every pass waits for us to let go of the database
        for _message in range(full):
            tasks.reconcile_pep.apply_async((Pep.objects.get().pk,))
        wait_until(lambda: admin.hlen("unacked") == full, BACK)
        site.stop("broker")
    wait_until(lambda: site.said("worker").count("succeeded in") == full, BACK)
    # It notices by the first that it cannot acknowledge. One that does not would try all of them before the broker is back.
    wait_until(lambda: "broker lost" in site.said("worker") or site.said("worker").count("Couldn't ack") == full, BACK)
    site.start_broker()
    wait_for("in_force", granted(), BACK)
    assert site.gateway.admitted() == BOTH


@contextmanager
def nudging(pep_id):
    """Nudge without a pause, and without caring whether anybody hears it. Yield the list of when."""
    told, enough = [], threading.Event()

    def nudge():
        while not enough.wait(0.05):
            tasks.nudge_peps(pep_ids=[pep_id])
            told.append(time.monotonic())
        connection.close()

    thread = threading.Thread(target=nudge)
    thread.start()
    try:
        yield told
    finally:
        enough.set()
        thread.join()


@pytest.mark.lab
@pytest.mark.django_db(transaction=True)
def test_a_broker_that_restarts_again_and_again_under_load_costs_seconds_and_no_deadline(site, granted, rounds):
    site.start()
    phone = factories.a_device(User.objects.get(name="Alice"), "phone", now=timezone.now())
    with nudging(Pep.objects.get().pk) as told:
        for number in range(rounds(3, 10)):
            site.stop("broker")
            grant = granted(1000 + number)
            site.start_broker()
            wait_for("in_force", grant, BACK)
        short = granted(20, device=phone)
        wait_for("in_force", short)
        assert site.gateway.admitted() > BOTH
        site.stop("broker")
        time.sleep(max(0.0, (factories.later(1, since=short.ends_at) - timezone.now()).total_seconds()))
        assert site.gateway.admitted() == BOTH  # by the kernel alone: nothing reaches the worker
        site.start_broker()
        wait_for("gone", short, BACK)
    assert len(told) > 20
    assert [site.parts[name].process.poll() for name in ("worker", "beat")] == [None, None]
