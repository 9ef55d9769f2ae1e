"""The page of one PEP: whether it is reached, what it lacks and why, what was done to it, and what to do about each."""

import html
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from enforcement import turns
from enforcement.fitness import why_too_old
from enforcement.models import Drift, Enforcement, PepStatus, Receipt
from enforcement.reconcile import reconcile
from enrollment import lifecycle
from tests import factories

FEW, MANY = 2, 60
KNOWN = {"outcome": "applied", "peers": 3, "admissions": 4, "took_ms": 1.5, "wanted_digest": "sha256:1"}


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def status(pep, now):
    return a_status(pep, now)


@pytest.fixture
def grant_of_alice(alice, bob, laptop, fileshare, now):
    return factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=now)


@pytest.fixture
def reads(client, carol):
    """Return what the page of a PEP says, without its markup and with its blanks tidied."""
    client.force_login(carol)
    return lambda pep: html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", client.get(address(pep)).text)))


def a_status(pep, now, **fields):
    values = {
        "busy_until": now,
        "due_at": now,
        "reached_at": now,
        "agreed_at": now,
        "agent_version": "0.1.0",
        "skew_seconds": 0.2,
        "error": "",
    }
    return PepStatus.objects.update_or_create(pep=pep, defaults={**values, **fields})[0]


def address(pep):
    return reverse("admin:enforcement_pepstatus_change", args=[pep.pk])


def at(moment):
    return f"{moment:%Y-%m-%d at %H:%M:%S} UTC"


def test_a_pep_that_is_well_says_so(reads, pep, status, now):
    Receipt.objects.create(pep=pep, generation=7, at=now, digest="sha256:abc", **KNOWN)
    said = reads(pep)
    for words in ("Reachable yes", "Holds what is wanted yes", ": applied", "sha256:abc", "3 peers, 4 admissions", "Agent 0.1.0"):
        assert words in said
    for words in ("to a second", "Nothing: what is wanted", "Nothing was found.", "by the system"):
        assert words in said
    assert "obstacle" not in said


def test_a_pep_that_nobody_tried_to_reach_says_so(reads, pep, now):
    a_status(pep, now, reached_at=None, agreed_at=None, agent_version="", skew_seconds=None)
    said = reads(pep)
    for words in ("nobody has tried yet", "Last receipt none yet", "not compared yet", "Agent not known yet"):
        assert words in said
    assert said.count("Not known: nothing was ever read there.") == 2  # neither what it lacks nor what was changed by hand
    assert ("Nothing: what is" in said, "Nothing was found" in said) == (False, False)


def test_one_that_is_not_reached_says_since_when_why_and_how_long_it_keeps_what_it_holds(reads, now):
    pep, since = factories.a_pep(lease_seconds=900), now - timedelta(minutes=5)
    a_status(pep, now, reached_at=since, unreached_since=since, failing_since=since, error="pep-1 did not answer within 15 s")
    said = reads(pep)
    assert f"Not reachable since {at(since)}: pep-1 did not answer within 15 s" in said
    assert "keeps access after a revoke for 15 minutes at most" in said
    assert f"What it holds now ends by {at(since + timedelta(minutes=15))}." in said
    assert "Nothing that was known at its last answer. What it holds now is not known." in said


def test_one_that_no_pass_ends_over_says_where_to_look(reads, pep, now):
    a_status(pep, now, unreached_since=now, error="")
    assert f"Not reachable since {at(now)}: No pass over it comes to an end: see what the workers log." in reads(pep)


def test_without_a_lease_it_says_that_only_the_deadline_ends_access(reads, pep, status):
    assert "keeps access after a revoke until its deadline" in reads(pep)


@pytest.mark.parametrize(
    ("skew", "saying"),
    [
        (5.0, ""),
        (-5.0, ""),
        (12.4, "12 s ahead: access there ends too early"),
        (-3600.0, "3600 s behind: access there ends by the portal's"),
    ],
)
def test_a_clock_that_is_off_is_told_in_words_from_five_seconds_on(reads, pep, now, skew, saying):
    a_status(pep, now, skew_seconds=skew)
    said = reads(pep)
    assert f"{abs(skew):.1f} s " in said
    assert ("NTP" in said, saying in said) == (bool(saying), True)


@pytest.mark.parametrize(
    ("agent", "is_old"),
    [("", False), ("0.1.0", False), ("0.2.0", False), ("1.0.0", False), ("0.10.0", False), ("0.0.9", True), ("odd", True)],
)
def test_an_agent_that_is_too_old_is_told_with_what_to_do(reads, pep, now, agent, is_old):
    a_status(pep, now, agent_version=agent)
    assert ("run manage.py bootstrap_pep pep-1 again" in reads(pep)) is is_old
    assert bool(why_too_old("pep-1", agent)) is is_old


def test_what_is_wanted_and_not_in_force_is_named_with_its_reason_and_leads_to_it(client, reads, pep, status, grant_of_alice, laptop, now):
    row = {"grant": grant_of_alice, "device": laptop, "pep": pep, "wanted_at": now}
    Enforcement.objects.create(**row, error="beyond the caps of this PEP")
    assert re.search(r"Alice → Fileshare , laptop : applying, since .* beyond the caps of this PEP", reads(pep))
    page = client.get(address(pep)).text
    assert reverse("admin:enrollment_grant_change", args=[grant_of_alice.pk]) in page
    assert reverse("admin:enrollment_device_change", args=[laptop.pk]) in page


@pytest.mark.parametrize(
    ("state", "error", "is_told"), [("in_force", "", False), ("gone", "", False), ("in_force", "gone silent", True), ("ending", "", True)]
)
@pytest.mark.usefixtures("status")
def test_only_what_is_not_as_it_should_be_is_listed(reads, pep, grant_of_alice, laptop, now, state, error, is_told):
    Enforcement.objects.create(grant=grant_of_alice, device=laptop, pep=pep, wanted_at=now, state=state, error=error)
    assert ("Alice → Fileshare" in reads(pep)) is is_told


def test_what_was_done_by_hand_is_told_newest_first_and_leads_to_all(client, reads, pep, status, now):
    for number in range(12):
        Drift.objects.create(pep=pep, at=now, kind="element added", words=f"<b>number {number}</b>")
    page = client.get(address(pep)).text
    assert (page.index("number 11") < page.index("number 2"), "number 1&lt;" in page, "<b>number" in page) == (True, False, False)
    everything = f"{reverse('admin:enforcement_drift_changelist')}?pep__id__exact={pep.pk}"
    assert everything in page
    assert "number 1&lt;" in client.get(everything).text


def test_it_says_who_changed_the_pep_last(reads, pep, status, dave, now):
    lifecycle.estate_changed(pep, actor=dave, verb="changed", now=now)
    assert "by Dave" in reads(pep)


def test_another_peps_things_are_not_told(reads, pep, status, grant_of_alice, laptop, now):
    other = factories.a_pep(2)
    Drift.objects.create(pep=other, at=now, kind="element added", words="done elsewhere")
    Enforcement.objects.create(grant=grant_of_alice, device=laptop, pep=other, wanted_at=now)
    Receipt.objects.create(pep=other, generation=7, at=now, digest="sha256:abc", **KNOWN)
    said = reads(pep)
    assert not re.search("done elsewhere|Alice → Fileshare|sha256:abc", said)


@pytest.mark.parametrize("name", ["enrollment_pep", "enforcement_pepstatus"])
def test_both_lists_lead_there(client, carol, pep, status, name):
    client.force_login(carol)
    assert address(pep) in client.get(reverse(f"admin:{name}_changelist")).text


def test_it_leads_to_the_settings_and_they_lead_back(client, dave, pep, status):
    client.force_login(dave)
    settings = reverse("admin:enrollment_pep_change", args=[pep.pk])
    assert settings in client.get(address(pep)).text
    assert address(pep) in client.get(settings).text


def test_its_history_is_that_of_the_pep(client, carol, pep, status):
    client.force_login(carol)
    history = reverse("admin:enforcement_pepstatus_history", args=[pep.pk])
    assert history in client.get(address(pep)).text
    assert f"?subject_type=pep&amp;subject_id={pep.pk}" in client.get(history).text


def test_it_takes_as_many_queries_for_much_as_for_little(client, carol, bob, pep, status, fileshare, now, settings):
    settings.DEVICE_LIMIT = MANY * 2

    def grow(numbers):
        for number in numbers:
            person = factories.a_person(f"person {number}", now=now)
            device = factories.a_device(person, now=now)
            grant = factories.a_grant(person, fileshare, [device], reviewer=bob, now=now)
            Enforcement.objects.create(grant=grant, device=device, pep=pep, wanted_at=now, error="not yet")
            Drift.objects.create(pep=pep, at=now, kind="element added", words=f"number {number}")

    def queries():
        client.get(address(pep))  # what is read once a process
        with CaptureQueriesContext(connection) as counted:
            assert client.get(address(pep)).status_code == 200
        return len(counted)

    client.force_login(carol)
    grow(range(FEW))
    few = queries()
    grow(range(FEW, MANY))
    assert queries() == few
    assert "More, in the list of all" in client.get(address(pep)).text


@pytest.mark.django_db
def test_since_when_a_pep_is_not_reached_is_when_the_first_pass_without_an_answer_began(settings, reads):
    settings.PEP_ARGV = {"pep-1": ["/bin/false"]}
    pep, first = factories.a_pep(), timezone.now()
    for seconds in (0, 100):
        turns.mark_due([pep.pk])
        assert reconcile(pep.pk, first + timedelta(seconds=seconds)).error
    assert PepStatus.objects.get().unreached_since == first
    assert f"Not reachable since {at(first)}: pep-1: /bin/false ended" in reads(pep)


@pytest.mark.lab
def test_a_pep_that_answers_is_reached_again_and_its_page_tells_what_it_said(world, reads, settings):
    way, settings.PEP_ARGV = settings.PEP_ARGV, {"pep-1": ["/bin/false"]}
    world.grant()
    world.reconcile()
    assert world.status().unreached_since
    settings.PEP_ARGV = way
    world.reconcile()
    assert world.status().unreached_since is None
    said = reads(world.pep)
    assert ("Reachable yes" in said, "1 peer, 2 admissions" in said, Receipt.objects.latest("pk").digest in said) == (True, True, True)
