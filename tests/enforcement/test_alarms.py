"""What somebody must look at on a PEP: one mail when it begins, one when it is over, and neither a mail a minute nor a silence."""

import functools
import zipfile
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from enforcement import alarms, record, turns
from enforcement.desired import compile_state
from enforcement.models import Alarm, Enforcement, PepStatus
from enforcement.receipts import ALARM
from enforcement.zipapp import build
from enrollment import lifecycle, notices
from enrollment.models import AuditEvent, Notice, Pep
from enrollment.values import PepFacts
from tests import factories
from tests.enforcement.pep.agents import SET, shipped_argv
from tests.races import at_once

pytestmark = pytest.mark.django_db
NOTHING = compile_state(PepFacts(), factories.NOW)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def dave(db, now):
    """The admin; what he was told until now is long read."""
    person = factories.a_person("dave", now=now)
    Notice.objects.all().delete()
    return person


@pytest.fixture
def told(dave):
    """Return a function that sends the mails that wait, and tells their subjects."""

    def read():
        mail.outbox.clear()
        notices.send_due(timezone.now() + SECOND)
        return [message.subject for message in mail.outbox if message.to == ["dave@example.com"]]

    return read


def a_status(pep, now, **fields):
    values = {"busy_until": now, "due_at": now, "reached_at": now, "agreed_at": now, **fields}
    return PepStatus.objects.update_or_create(pep=pep, defaults=values)[0]


def events():
    return list(AuditEvent.objects.filter(verb__startswith="pep.alarm").order_by("seq").values_list("verb", "data__kind"))


def on():
    return set(Alarm.objects.exclude(since=None).values_list("kind", flat=True))


def test_a_pep_that_is_not_reached_is_told_once_and_once_that_it_is_over(pep, now, told):
    a_status(pep, now, unreached_since=now, failing_since=now, error="pep-1 did not answer within 15 s")
    alarms.judge(now + timedelta(seconds=49))
    assert told() == []
    for seconds in range(50, 600, 10):
        alarms.judge(now + timedelta(seconds=seconds))
    assert told() == ["ALARM: pep-1 cannot be reached"]
    assert "pep-1 did not answer within 15 s" in mail.outbox[0].body
    assert f"/admin/enforcement/pepstatus/{pep.pk}/change/" in mail.outbox[0].body
    a_status(pep, now + 10 * MINUTE, unreached_since=None, failing_since=None, error="")
    alarms.judge(now + 10 * MINUTE)
    assert told() == []
    for minutes in range(11, 15):
        a_status(pep, now + minutes * MINUTE)
        alarms.judge(now + minutes * MINUTE)
    assert told() == ["Over: pep-1 cannot be reached"]
    assert events() == [("pep.alarm", "unreached"), ("pep.alarm_over", "unreached")]


def test_one_that_comes_and_goes_is_one_alarm(pep, now, told):
    for seconds in range(0, 900, 10):
        is_away = seconds % 120 >= 40
        a_status(pep, now, unreached_since=now - MINUTE if is_away else None, error="gone again")
        alarms.judge(now + timedelta(seconds=seconds))
    assert told() == ["ALARM: pep-1 cannot be reached"]


def test_one_that_is_reached_and_lacks_something_for_long_is_told(pep, now, told):
    a_status(pep, now, failing_since=now, error="beyond the caps")
    alarms.judge(now + MINUTE)
    assert (told(), on()) == (["ALARM: pep-1 does not hold what is wanted"], {"lacking"})
    a_status(pep, now + 2 * MINUTE, failing_since=now, unreached_since=now + MINUTE, error="gone")
    alarms.judge(now + 9 * MINUTE)
    assert on() == {"lacking", "unreached"}  # it may be as it was
    a_status(pep, now + 12 * MINUTE, failing_since=None, unreached_since=None, error="")
    alarms.judge(now + 12 * MINUTE)
    assert on() == set()


def test_a_pep_that_is_switched_off_need_not_be_reached(pep, now, told):
    a_status(pep, now, unreached_since=now, failing_since=now, error="gone")
    Pep.objects.update(is_enabled=False)
    alarms.judge(now + 10 * MINUTE)
    assert told() == []


class TestSilence:
    """No pass comes to an end, well or not: the workers die of it, or none is there for this PEP."""

    def test_it_is_told_once_and_once_that_it_is_over(self, pep, now, told):
        a_status(pep, now)
        for seconds in range(0, 600, 10):
            alarms.judge(now + timedelta(seconds=seconds))
        assert told() == ["ALARM: pep-1 cannot be reached"]
        assert "No pass over it comes to an end: see what the workers log." in mail.outbox[0].body
        a_status(pep, now + 10 * MINUTE, unreached_since=None)
        alarms.judge(now + 11 * MINUTE)
        assert (told(), on()) == (["Over: pep-1 cannot be reached"], set())

    def test_a_pep_that_answers_now_and_then_is_not_silent(self, pep, now, told):
        for seconds in range(0, 600, 10):
            a_status(pep, now + timedelta(seconds=seconds // 60 * 60))
            alarms.judge(now + timedelta(seconds=seconds))
        assert (told(), PepStatus.objects.get().unreached_since) == ([], None)

    def test_a_portal_that_was_off_itself_has_the_whole_wait_to_ask(self, pep, now, told):
        a_status(pep, now - 60 * MINUTE)
        alarms.judge(now)
        alarms.judge(now + timedelta(seconds=49))
        assert told() == []
        alarms.judge(now + timedelta(seconds=50))
        assert told() == ["ALARM: pep-1 cannot be reached"]

    def test_passes_that_fail_before_they_ask_are_not_said_to_be_unreached(self, pep, now, told):
        a_status(pep, now, failing_since=now, error="What is wanted contradicts itself")
        for seconds in range(0, 600, 10):
            alarms.judge(now + timedelta(seconds=seconds))
        assert (told(), PepStatus.objects.get().unreached_since) == (["ALARM: pep-1 does not hold what is wanted"], None)


def test_how_long_is_a_setting(pep, now, told, settings):
    settings.ALARM_SECONDS = 600
    a_status(pep, now, unreached_since=now, error="gone")
    alarms.judge(now + timedelta(seconds=589))
    assert told() == []
    alarms.judge(now + timedelta(seconds=590))
    assert told() == ["ALARM: pep-1 cannot be reached"]


class TestUnconfirmed:
    """What was to end and is not confirmed: for as long as the kernel may hold it."""

    @pytest.fixture
    def ending(self, pep, fileshare, alice, laptop, bob, now, told):
        grant = factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=now)
        lifecycle.revoke(grant, actor=bob, reason="done", now=now)
        a_status(pep, now)
        told()
        row = {"grant": grant, "device": laptop, "pep": pep, "wanted_at": now, "state": "ending", "ending_at": now + 15 * SECOND}
        return Enforcement.objects.create(**row, until=now + 5 * MINUTE)

    def test_it_is_told_by_the_time_of_the_revoke(self, ending, now, told):
        alarms.judge(now + timedelta(seconds=49))
        assert told() == []
        alarms.judge(now + timedelta(seconds=50))
        assert told() == ["ALARM: pep-1 has not confirmed that access ended"]

    @pytest.mark.parametrize("is_enabled", [True, False])
    def test_it_is_over_once_the_kernel_has_ended_it_by_itself(self, ending, pep, now, is_enabled):
        Pep.objects.update(is_enabled=is_enabled)
        alarms.judge(now + 5 * MINUTE)
        assert on() == {"unconfirmed"}
        a_status(pep, now + 8 * MINUTE, unreached_since=None)
        alarms.judge(now + 8 * MINUTE)
        assert on() == set()

    def test_it_is_over_once_it_is_confirmed(self, ending, now, told):
        alarms.judge(now + MINUTE)
        Enforcement.objects.update(state="gone")
        alarms.judge(now + 3 * MINUTE)
        assert told() == ["ALARM: pep-1 has not confirmed that access ended", "Over: pep-1 has not confirmed that access ended"]

    def test_what_ran_out_by_itself_is_no_alarm(self, ending, now, told):
        Enforcement.objects.update(until=now - MINUTE)
        alarms.judge(now + 2 * MINUTE)
        assert told() == []


@pytest.mark.parametrize(
    ("error", "kinds"), [(f"{ALARM}pep-1 answers with another SSH host key", {"host key"}), ("No route to host", set())]
)
def test_a_way_that_was_not_taken_because_somebody_else_stands_there_is_an_alarm(pep, now, told, error, kinds):
    turns.ensure_statuses(now)
    turn = turns.take(pep.pk, now)
    record.unreached(turn, pep, NOTHING, [], error, now)
    assert (on(), len(told())) == (kinds, len(kinds))


def test_a_pass_that_was_overtaken_raises_nothing(pep, now):
    turns.ensure_statuses(now)
    turn = turns.take(pep.pk, now)
    PepStatus.objects.update(generation=turn.generation + 1)
    record.unreached(turn, pep, NOTHING, [], f"{ALARM}another host key", now)
    assert on() == set()


@pytest.mark.postgresql
@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_on", [False, True])
def test_of_many_workers_that_see_it_at_once_one_tells(pep, now, dave, is_on):
    a_status(pep, now, unreached_since=now, error="gone")
    if is_on:
        alarms.judge(now + MINUTE)
        a_status(pep, now, unreached_since=None, error="")
    Notice.objects.all().delete()
    later = now + (10 * MINUTE if is_on else MINUTE)
    assert at_once(*[lambda: alarms.judge(later)] * 4) == [None] * 4
    assert [notice.subject for notice in Notice.objects.all()] == [f"{'Over' if is_on else 'ALARM'}: pep-1 cannot be reached"]
    assert len(events()) == 1 + is_on


def test_a_sweep_over_many_that_are_well_asks_as_little_as_over_few(now, dave):
    def queries():
        with CaptureQueriesContext(connection) as counted:
            alarms.judge(now)
        return len(counted)

    a_status(factories.a_pep(1), now)
    few = queries()
    for number in range(2, 12):
        a_status(factories.a_pep(number), now)
    assert queries() == few <= 4


@pytest.mark.lab
class TestHeard:
    """From a real agent and a real kernel."""

    @pytest.fixture
    def held(self, world, told):
        world.grant()
        world.reconcile()
        assert told() == []
        return world

    def test_anything_done_by_hand_is_told_though_it_was_healed(self, held, told):
        held.gateway.sh(f"nft 'add element inet lychgate {SET} {{ 10.89.0.77 timeout 9h }}'")
        held.reconcile()
        assert told() == ["ALARM: pep-1 was changed by hand"]
        assert "10.89.0.77 was added to device-access-to-fileshare by hand; removed" in mail.outbox[0].body
        held.gateway.sh("nft flush ruleset")
        held.reconcile()
        assert told() == []
        Alarm.objects.update(seen_at=timezone.now() - 2 * MINUTE)
        held.reconcile()
        alarms.judge(timezone.now())
        assert told() == ["Over: pep-1 was changed by hand"]

    def test_what_only_the_pep_can_tell_is_not_over_while_it_does_not_answer(self, held, told):
        held.gateway.sh("nft flush ruleset")
        held.reconcile()
        alarms.judge(timezone.now() + 10 * MINUTE)
        assert on() == {"drift"}

    def test_a_clock_that_is_off_is_told(self, held, told):
        held.reconcile(timezone.now() - timedelta(seconds=8))
        assert told() == ["ALARM: pep-1 has a clock that is off"]
        assert "Its clock is 8 s ahead" in mail.outbox[0].body

    def test_an_agent_that_is_too_old_is_told_with_what_to_do(self, held, told, settings, tmp_path):
        old = shipped_argv(an_older_agent(tmp_path), tmp_path / "agent.json")
        settings.PEP_ARGV = {"pep-1": held.gateway.argv("pep", old)}
        held.reconcile()
        assert told() == ["ALARM: pep-1 has an agent that is too old"]
        assert "run manage.py bootstrap_pep pep-1 again" in mail.outbox[0].body

    def test_one_that_is_too_old_to_take_the_document_is_told_too(self, held, told, settings, tmp_path):
        old = an_older_agent(tmp_path, (b'"apply"', b'"apple"'))
        settings.PEP_ARGV = {"pep-1": held.gateway.argv("pep", shipped_argv(old, tmp_path / "agent.json"))}
        assert "apply" in held.reconcile().error
        assert told() == ["ALARM: pep-1 has an agent that is too old"]
        assert held.status().agent_version == "0.0.9"

    def test_another_document_of_the_same_number_is_told(self, held, told):
        PepStatus.objects.update(generation=held.status().generation - 1)
        held.grant(7200)
        held.reconcile()
        assert on() == {"said"}
        assert told() == ["ALARM: pep-1 raises an alarm of its own"]

    def test_the_page_and_the_metrics_show_it(self, held, told, client, dave):
        held.gateway.sh("nft flush ruleset")
        held.reconcile()
        client.force_login(dave)
        page = client.get(f"/admin/enforcement/pepstatus/{held.pep.pk}/change/").text
        assert "pep-1 was changed by hand" in page
        numbers = client.get("/metrics").text
        assert 'lychgate_pep_alarm{pep="pep-1",kind="drift"} 1' in numbers
        assert "lychgate_peps_alarmed 1" in numbers


def an_older_agent(directory, *changes):
    """Build the agent as it was shipped once, by its word; `changes`: what else it spelt otherwise."""
    new, old = build(directory / "new.pyz"), directory / "agent.pyz"
    with zipfile.ZipFile(new) as ours, zipfile.ZipFile(old, "w") as theirs:
        for name in ours.namelist():
            source = ours.read(name).replace(b'AGENT = "0.1.0"', b'AGENT = "0.0.9"')
            theirs.writestr(name, functools.reduce(lambda text, change: text.replace(*change), changes, source))
    return old
