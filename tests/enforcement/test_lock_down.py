"""Lock-down as the portal keeps it: who may ask, what is tried once, and what a PEP then says of itself."""

import sys
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from enforcement import lock_down, tasks
from enforcement.lock_down import LONGEST_TRIAL, LOST
from enforcement.models import PepStatus
from enrollment.lifecycle import Conflict, Refused
from enrollment.models import AuditEvent, Pep

pytestmark = pytest.mark.django_db

Lock = PepStatus.Lock
# Each process answers one line: what the trial says, then what the confirmation says. "" ends without a word.
ANSWERS = """
import json, os, sys
asked = json.loads(sys.stdin.readline())
said = {said}["confirmed" if asked["token"] else "begun"]
if said:
    print(json.dumps({{"version": 1, "kind": "lock", "pep": "pep-1", **said}}), flush=True)
    sys.stdin.read()
"""
TRIAL, LOCKED = {"state": "trial", "token": "a" * 32}, {"state": "locked"}


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def status(pep, now):
    return PepStatus.objects.create(pep=pep, busy_until=now, due_at=now)


@pytest.fixture
def answers(settings, tmp_path):
    """Have somebody speak for pep-1 who answers so."""

    def give(begun, confirmed=""):
        path = tmp_path / "pep.py"
        path.write_text(ANSWERS.format(said={"begun": begun, "confirmed": confirmed}))
        settings.PEP_ARGV = {"pep-1": [sys.executable, "-I", "-S", str(path)]}

    return give


@pytest.fixture
def attempt(status, dave, now, answers):
    """Ask, and have a worker try it with a PEP that answers so."""

    def do(*said):
        answers(*said)
        lock_down.ask(status.pep, actor=dave, now=now)
        lock_down.attempt(status.pk, now)
        status.refresh_from_db()
        return status.lock, status.lock_words

    return do


def events():
    return list(AuditEvent.objects.filter(subject_type="pep").exclude(verb="pep.added").order_by("seq").values_list("verb", flat=True))


def test_a_trial_that_a_second_connection_confirms_lasts(attempt):
    assert attempt(TRIAL, LOCKED) == (Lock.LOCKED, "")
    assert events() == ["pep.lock_down_asked", "pep.locked_down"]


def test_a_pep_that_is_locked_down_already_needs_no_second_connection(attempt):
    assert attempt(LOCKED) == (Lock.LOCKED, "")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (("",), "ended before it answered"),
        (({"kind": "error", "why": ["the verb is hello, apply, read or witnesses"]},), "the verb is hello, apply, read or witnesses"),
        (({"kind": "error", "why": ["this PEP's own file keeps nothing open"]},), "keeps nothing open"),
        ((TRIAL, ""), "pep-1 was closed on trial, and no new connection got in, so it opens again within a minute: "),
        ((TRIAL, {"kind": "error", "why": ["this PEP is open again"]}), "open again"),
        ((TRIAL, {"state": "trial"}), "did not stay so: it says that it is trial"),
        (({"state": 7},), "its field state is not text"),
        (({"pep": "pep-2"},), "pep-2"),
    ],
)
def test_whatever_goes_wrong_leaves_it_open_and_says_why(attempt, said, words):
    lock, why = attempt(*said)
    assert (lock, words in why) == (Lock.OPEN, True), why
    assert events() == ["pep.lock_down_asked", "pep.lock_down_failed"]
    assert AuditEvent.objects.get(verb="pep.lock_down_failed").data["words"] == [why]


def test_what_failed_is_not_tried_again_until_somebody_asks(attempt, status, now, answers):
    attempt("")
    answers(TRIAL, LOCKED)
    lock_down.attempt(status.pk, now)
    assert lock_down.asked() == []
    assert attempt(TRIAL, LOCKED) == (Lock.LOCKED, "")


def test_two_workers_try_it_once(status, dave, now, answers):
    answers(TRIAL, LOCKED)
    lock_down.ask(status.pep, actor=dave, now=now)
    for _worker in range(2):
        tasks.lock_down_pep(status.pk)
    assert events() == ["pep.lock_down_asked", "pep.locked_down"]


def test_a_lost_message_is_made_good_by_the_sweep(status, dave, now):
    lock_down.ask(status.pep, actor=dave, now=now)
    assert lock_down.asked() == [status.pk]


def test_an_attempt_whose_worker_died_is_given_up(status, dave, now):
    lock_down.ask(status.pep, actor=dave, now=now)
    PepStatus.objects.update(lock=Lock.TRYING, lock_since=now)
    lock_down.give_up(now + LONGEST_TRIAL - timedelta(seconds=1))
    assert PepStatus.objects.get().lock == Lock.TRYING
    lock_down.give_up(now + LONGEST_TRIAL)
    assert (PepStatus.objects.get().lock, PepStatus.objects.get().lock_words) == (Lock.OPEN, lock_down.DIED)


@pytest.mark.parametrize("lock", [Lock.ASKED, Lock.TRYING, Lock.LOCKED])
def test_asking_twice_is_a_conflict(status, dave, now, lock):
    PepStatus.objects.update(lock=lock)
    with pytest.raises(Conflict, match=str(Lock(lock).label)):
        lock_down.ask(status.pep, actor=dave, now=now)


@pytest.mark.parametrize("host", ["10.89.65.3", "fd89:0:0:1::3"])
def test_a_pep_that_is_reached_through_the_overlay_would_lock_out_the_workers_at_its_next_boot(status, dave, now, host):
    Pep.objects.update(ssh_host=host)
    with pytest.raises(Refused, match="outside the overlay"):
        lock_down.ask(Pep.objects.get(), actor=dave, now=now)
    assert PepStatus.objects.get().lock == Lock.OPEN


@pytest.mark.parametrize(
    ("before", "said", "after", "wrong", "verb"),
    [
        (Lock.LOCKED, "locked", Lock.LOCKED, "", None),
        (Lock.LOCKED, "", Lock.LOCKED, "", None),  # an agent from before there was lock-down
        (Lock.LOCKED, "open", Lock.LOST, LOST, "pep.lock_down_lost"),
        (Lock.LOST, "open", Lock.LOST, LOST, None),
        (Lock.LOST, "trial", Lock.LOST, LOST, None),
        (Lock.LOST, "locked", Lock.LOCKED, "", "pep.locked_down"),
        (Lock.OPEN, "open", Lock.OPEN, "", None),
        (Lock.OPEN, "locked", Lock.LOCKED, "", "pep.locked_down"),  # of a portal from a backup
        (Lock.TRYING, "locked", Lock.TRYING, "", None),
        (Lock.ASKED, "open", Lock.ASKED, "", None),
        (Lock.OPEN, "nonsense", Lock.OPEN, "", None),
    ],
)
def test_what_a_pep_says_of_itself_is_kept(status, now, before, said, after, wrong, verb):
    PepStatus.objects.update(lock=before)
    assert lock_down.hear(status.pep, before, said, now) == wrong
    assert (PepStatus.objects.get().lock, events()) == (after, [verb] if verb else [])


def test_only_what_is_lost_is_left_open(status, dave, now):
    with pytest.raises(Conflict):
        lock_down.leave_open(status.pep, actor=dave, reason="it moves house", now=now)
    PepStatus.objects.update(lock=Lock.LOST)
    lock_down.leave_open(status.pep, actor=dave, reason="it moves house", now=now)
    event = AuditEvent.objects.get(verb="pep.left_open")
    assert (PepStatus.objects.get().lock, event.actor_id, event.data["reason"]) == (Lock.OPEN, dave.pk, "it moves house")


class TestThePage:
    @pytest.fixture
    def url(self, status):
        return {name: reverse(f"admin:enforcement_pepstatus_{name}", args=[status.pk]) for name in ("change", "lock_down", "leave_open")}

    def test_an_admin_asks_and_a_worker_is_told(self, client, dave, url, django_capture_on_commit_callbacks):
        client.force_login(dave)
        assert "Lock down …" in client.get(url["change"]).text
        assert "closes for a minute" in client.get(url["lock_down"]).text
        assert PepStatus.objects.get().lock == Lock.OPEN  # looking changes nothing
        with django_capture_on_commit_callbacks() as told:
            answer = client.post(url["lock_down"], follow=True)
        assert [call for call in told if "nudge_lock_down" in repr(call)]
        assert "a worker tries to lock it down now" in answer.text
        assert (PepStatus.objects.get().lock, AuditEvent.objects.get(verb="pep.lock_down_asked").actor_id) == (Lock.ASKED, dave.pk)
        assert client.post(url["lock_down"]).status_code == 409

    def test_a_refusal_is_said_on_the_page(self, client, dave, url):
        Pep.objects.update(ssh_host="10.89.65.3")
        client.force_login(dave)
        answer = client.post(url["lock_down"])
        assert (answer.status_code, "outside the overlay" in answer.text) == (422, True)

    @pytest.mark.parametrize("who", ["alice", "bob", "carol"])
    @pytest.mark.parametrize("name", ["lock_down", "leave_open"])
    def test_nobody_else_does(self, client, request, url, who, name):
        PepStatus.objects.update(lock=Lock.LOST)
        client.force_login(request.getfixturevalue(who))
        assert client.post(url[name], {"reason": "because"}).status_code in {302, 403, 404}
        assert PepStatus.objects.get().lock == Lock.LOST
        assert "Lock down …" not in client.get(url["change"], follow=True).text

    @pytest.mark.parametrize(
        ("lock", "words"),
        [(Lock.OPEN, "not locked down"), (Lock.LOCKED, "boot unlock"), (Lock.LOST, LOST), (Lock.TRYING, "being locked down, on trial")],
    )
    def test_it_says_how_it_stands(self, client, carol, url, now, lock, words):
        PepStatus.objects.update(lock=lock, lock_since=now, lock_words=LOST if lock == Lock.LOST else "")
        client.force_login(carol)
        assert words in client.get(url["change"]).text

    def test_what_was_lost_is_left_open_with_a_reason(self, client, dave, url):
        PepStatus.objects.update(lock=Lock.LOST)
        client.force_login(dave)
        assert client.post(url["leave_open"], {"reason": ""}).status_code == 200
        assert PepStatus.objects.get().lock == Lock.LOST
        assert client.post(url["leave_open"], {"reason": "it moves house"}).status_code == 302
        assert PepStatus.objects.get().lock == Lock.OPEN
