"""Where Redis is there, all processes count together, as its one user may; and where it is not, nobody is held up."""

import os
import signal
import time

import pytest
from django.core.cache import caches
from django.test import override_settings

from portal import limits
from portal.counting import counting_in
from portal.demo.processes import Part
from tests import brokers

NOW = 1_800_000_000.0


@pytest.fixture
def redis_as_shipped(tmp_path_factory):
    broker = brokers.Redis(tmp_path_factory.mktemp("redis"))
    part = Part("redis", broker.argv, os.environ, broker.directory / "log")
    part.wait_until(broker.answers)
    yield broker, part
    part.process.send_signal(signal.SIGCONT)
    part.kill()


@pytest.fixture
def broker(redis_as_shipped, settings, monkeypatch):
    """Redis with its one user, counting for this process too, which has not missed it so far."""
    broker, _part = redis_as_shipped
    monkeypatch.setattr(limits, "AWAY", limits.Absence())
    with override_settings(CACHES={**settings.CACHES, "limits": counting_in(broker.url)}, LIMITS={"changes": 2, "misses": 2}):
        yield broker


def spent(times, *, now=NOW):
    return [limits.spend("changes", "person 1", now=now) for _again in range(times)]


def test_processes_count_together_and_redis_refuses_nothing(broker):
    assert spent(2) == [False, False]
    caches["limits"]._cache._pools.clear()  # noqa: SLF001 - as another process, which has connections of its own
    assert (spent(1), limits.is_spent("changes", "person 1", now=NOW)) == ([True], True)
    assert (spent(1, now=NOW + 60), limits.is_spent("misses", "person 1", now=NOW)) == ([False], False)
    with broker.as_admin() as admin:
        assert [(key.startswith(b"limits:"), 0 < admin.ttl(key) <= 120) for key in admin.scan_iter()] == [(True, True)] * 2
        assert [each["object"] for each in admin.acl_log() if each["object"] != "client|setinfo"] == []


def test_what_somebody_else_wrote_there_holds_nobody_up_and_is_not_unpickled(broker):
    spent(3)
    key = f"changes:person-1:{int(NOW) // 60}"
    with broker.as_its_user() as user:
        assert user.set(f"limits:1:{key}", b"cposix\nsystem\n(S'false'\ntR.", xx=True)
    with pytest.raises(ValueError, match="Expecting value"):
        caches["limits"].get(key)
    assert (spent(3), limits.is_spent("changes", "person 1", now=NOW)) == ([False] * 3, False)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "silent"])
def test_without_redis_all_goes_on_and_it_is_said_once(broker, redis_as_shipped, caplog, how, figure):
    spent(1)
    process = redis_as_shipped[1].process
    process.send_signal(how)
    began = time.monotonic()
    assert spent(50) == [False] * 50
    assert figure("fifty pages without Redis waited", time.monotonic() - began, 1) < 1
    assert caplog.text.count("Limits are not counted") == 1


@pytest.mark.parametrize(("url", "is_shared"), [("", False), ("amqp://broker", False), ("rediss://broker:6380/1", True)])
def test_without_a_redis_of_its_own_each_process_counts_for_itself(url, is_shared):
    assert counting_in(url)["BACKEND"].endswith("RedisCache" if is_shared else "LocMemCache")
