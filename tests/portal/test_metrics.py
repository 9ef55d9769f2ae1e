"""What a monitoring system reads, and who else may not."""

import pytest
from django.utils import timezone

from enforcement.models import Enforcement, PepStatus
from enrollment import lifecycle
from enrollment.models import LatestMoment
from tests import factories

ELSEWHERE = "192.0.2.7"


def numbers(client, **headers):
    answer = client.get("/metrics", **headers)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in answer.content.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.fixture
def exposed(settings):
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "https://access.example.com", ["access.example.com", "testserver"]


def test_an_empty_portal_counts_nothing(client, db):
    nothing = (
        "lychgate_grants_live",
        "lychgate_requests_pending",
        "lychgate_peps_failing",
        "lychgate_peps_alarmed",
        "lychgate_emergencies_unreviewed",
        "lychgate_changes_held",
    )
    assert numbers(client) == dict.fromkeys((*nothing, "lychgate_clock_behind_seconds"), 0)


def test_it_counts_what_holds_now_and_what_waits(client, pep, fileshare, alice, bob, laptop):
    now = timezone.now()
    a_day_ago = factories.later(since=now, days=-1)
    factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=a_day_ago)
    grant = factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=now)
    wiki = factories.a_resource("wiki", pep=pep, number=20, now=now)
    factories.a_request(alice, wiki, [laptop], now=now)
    Enforcement.objects.create(grant=grant, device=laptop, pep=pep, wanted_at=now)
    found = numbers(client)
    assert (found["lychgate_grants_live"], found["lychgate_requests_pending"]) == (1, 1)
    assert found['lychgate_enforcements{state="wanted"}'] == 1


def test_it_counts_the_emergency_access_that_nobody_has_reviewed(client, pep, alice, bob, laptop):
    servers = factories.a_resource("servers", pep=pep, policy=factories.a_policy("loud", break_glass_longest=3600), number=30)
    taken = factories.an_emergency(alice, servers, [laptop])
    assert numbers(client)["lychgate_emergencies_unreviewed"] == 1
    lifecycle.review_break_glass(taken, reviewer=bob, justified=True, comment="", now=factories.later(60))
    assert numbers(client)["lychgate_emergencies_unreviewed"] == 0


def test_a_request_whose_time_to_answer_ran_out_waits_for_nobody(client, request_of_alice):
    assert numbers(client)["lychgate_requests_pending"] == 0


def test_it_says_since_when_each_pep_holds_what_is_wanted(client, db):
    now = timezone.now()
    well, never, _unplugged = factories.a_pep(1), factories.a_pep(2), factories.a_pep(3, is_enabled=False)
    PepStatus.objects.update_or_create(pep=well, defaults={"busy_until": now, "due_at": now, "agreed_at": factories.later(-30, since=now)})
    PepStatus.objects.update_or_create(pep=never, defaults={"busy_until": now, "due_at": now, "failing_since": now})
    found = numbers(client)
    assert found["lychgate_peps_failing"] == 1
    assert 30 <= found.pop('lychgate_pep_agreed_seconds{pep="pep-1"}') < 60
    assert {name: value for name, value in found.items() if "{" in name} == {'lychgate_pep_agreed_seconds{pep="pep-2"}': float("inf")}


def test_without_a_token_another_machine_finds_no_such_page(client, db):
    assert client.get("/metrics", REMOTE_ADDR=ELSEWHERE).status_code == 404


def test_without_a_token_a_portal_that_others_can_reach_tells_nobody(client, db, exposed):
    """Behind a proxy everybody seems to be this machine."""
    assert client.get("/metrics").status_code == 404


@pytest.mark.parametrize("said", ["", "Bearer", "Bearer ", "Bearer wrong", "a token of this test", "Basic a token of this test"])
def test_with_a_token_only_its_bearer_may_read(client, db, exposed, settings, said):
    settings.METRICS_TOKEN = "a token of this test"
    assert client.get("/metrics", HTTP_AUTHORIZATION=said).status_code == 404
    assert numbers(client, HTTP_AUTHORIZATION="Bearer a token of this test", REMOTE_ADDR=ELSEWHERE)


def test_it_costs_a_constant_number_of_queries(client, django_assert_num_queries, db):
    for number in range(1, 6):
        factories.a_pep(number)
    with django_assert_num_queries(8):  # seven, and what time it is
        client.get("/metrics")


def test_it_says_how_far_the_clock_is_behind(client, db):
    LatestMoment.objects.create(pk=1, seen_at=factories.later(3600, since=timezone.now()))
    assert 3590 <= numbers(client)["lychgate_clock_behind_seconds"] <= 3600
