"""The page of a gateway in a browser: one that is well, and one with everything wrong that can be."""

from datetime import timedelta

import pytest
from django.utils import timezone

from enforcement import lock_down
from enforcement.models import Alarm, Drift, Enforcement, PepStatus, Receipt
from enrollment import lifecycle
from enrollment.models import Device, Pep, Resource, User
from tests import factories
from tests.e2e import estate
from tests.e2e.looks import check_looks

DIGEST = f"sha256:{'0123456789abcdef' * 4}"


@pytest.fixture
def company(world, person):
    person("bob")
    person("alice")
    yield estate.plant()
    for device in Device.objects.filter(name="A laptop far away", state="enrolled"):
        lifecycle.retire_device(device, actor=None, reason="", now=timezone.now())


@pytest.fixture
def far(company):
    """A gateway that cannot be reached, changed by hand, with a clock that is off, an old agent, and a revoke that it has not confirmed."""
    now, alice = timezone.now(), User.objects.get(name="Alice Adler")
    pep = Pep.objects.filter(name="pep-7").first() or factories.a_pep(7, lease_seconds=28800, now=now)
    long_ago = now - timedelta(minutes=12)
    said = "pep-7 did not answer within 15 s: ssh: connect to host 203.0.113.7 port 22: Connection timed out"
    known = {
        "busy_until": now,
        "due_at": now,
        "reached_at": long_ago,
        "agreed_at": long_ago,
        "agent_version": "0.0.9",
        "skew_seconds": -42.25,
    }
    failing = {"unreached_since": long_ago, "failing_since": long_ago, "error": said}
    PepStatus.objects.update_or_create(pep=pep, defaults={**known, **failing})
    Receipt.objects.create(
        pep=pep,
        generation=7,
        at=long_ago,
        digest=DIGEST,
        wanted_digest=DIGEST,
        outcome="removals only",
        why=["the document is not fresh: its nonce is missing, used, or more than a minute old"],
        peers=12,
        admissions=31,
        took_ms=1.5,
    )
    device = factories.a_device(alice, "A laptop far away", now=now)
    bob, wiki = User.objects.get(name="Bob Brandt"), Resource.objects.get(slug="wiki")
    grant = factories.a_grant(alice, wiki, [device], reviewer=bob, now=now)
    stuck = {"state": "ending", "wanted_at": long_ago, "ending_at": long_ago, "error": said}
    Enforcement.objects.update_or_create(grant=grant, device=device, pep=pep, defaults=stuck)
    for kind in ("unreached", "unconfirmed", "drift"):
        Alarm.objects.update_or_create(pep=pep, kind=kind, defaults={"since": long_ago, "seen_at": now, "words": said})
    for address in ("10.89.0.17", "fd89::11"):
        words = f"{address} was made permanent in device-access-to-fileshare by hand; it was ended"
        Drift.objects.create(pep=pep, at=long_ago, kind="element made permanent", words=words)
    return pep


def test_the_page_of_a_gateway_with_all_that_can_be_wrong_looks_right(person, far):
    page = person("carol")
    page.goto("/admin/enrollment/pep/")
    page.get_by_role("link", name="pep-7 did not answer").click()
    page.get_by_text("is too old for this portal").wait_for()
    page.get_by_text("was made permanent in").first.wait_for()
    check_looks(page, "admin-pep-in-trouble")
    page.get_by_role("link", name="Alice Adler → Wiki").click()
    page.get_by_text("not confirmed yet").first.wait_for()


def test_the_page_of_a_gateway_that_is_well_looks_right(person, company):
    now = timezone.now()
    known = {
        "busy_until": now,
        "due_at": now,
        "reached_at": now,
        "agreed_at": now,
        "agent_version": "0.1.0",
        "skew_seconds": 0.1,
        "error": "",
    }
    PepStatus.objects.update_or_create(pep=company, defaults={**known, "failing_since": None})
    page = person("dave")
    page.goto("/admin/enforcement/pepstatus/")
    page.get_by_role("link", name="pep-1").click()
    page.get_by_text("Nothing: what is wanted").wait_for()
    check_looks(page, "admin-pep-well")
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="State").click()
    page.get_by_role("heading", name="pep-1").wait_for()


def test_an_admin_locks_a_gateway_down_and_sees_how_it_stands(person, far):
    status = PepStatus.objects.filter(pep=far)
    page = person("dave")
    page.goto(f"/admin/enforcement/pepstatus/{far.pk}/change/")
    page.get_by_role("link", name="Lock down").click()
    page.get_by_text("the PEP closes for a minute").wait_for()
    check_looks(page, "admin-pep-lock-down")
    page.get_by_role("button", name="Lock down").click()
    page.get_by_text("a worker tries to lock it down now").wait_for()
    for lock, words in ((PepStatus.Lock.LOCKED, ""), (PepStatus.Lock.LOST, lock_down.LOST)):
        status.update(lock=lock, lock_since=timezone.now(), lock_words=words)
        page.reload()
        page.get_by_text(str(lock.label), exact=False).first.wait_for()
        check_looks(page, f"admin-pep-{lock.value}")
    page.get_by_role("link", name="Leave open").click()
    page.get_by_label("Reason").fill("it moves house")
    page.get_by_role("button", name="Leave open").click()
    page.get_by_text("left open").wait_for()
    assert status.get().lock == PepStatus.Lock.OPEN
