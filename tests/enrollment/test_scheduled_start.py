"""Access that begins later, and more time for access that runs: as asked for, as granted, and what ends it before it began."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from enrollment import facts, lifecycle
from enrollment.models import AccessRequest, Grant
from enrollment.policy import decide
from tests import factories
from tests.factories import HOUR, a_grant, a_policy, a_request, later


@pytest.fixture
def scheduled(alice, bob, laptop, fileshare):
    """From an hour from now on, for an hour."""
    return a_grant(alice, fileshare, [laptop], reviewer=bob, starts_at=later(HOUR))


def allowed(device, resource, at):
    device.refresh_from_db()
    return bool(decide(facts.facts_of(device, resource, at), at))


def test_it_holds_from_its_start_on_and_not_a_moment_sooner(scheduled, laptop, fileshare):
    edges = [later(HOUR, microseconds=-1), later(HOUR), later(2 * HOUR, microseconds=-1), later(2 * HOUR)]
    assert [allowed(laptop, fileshare, at) for at in edges] == [False, True, True, False]
    assert decide(facts.facts_of(laptop, fileshare, later()), later()).recheck_at == later(HOUR)


def test_the_sweep_marks_it_once_its_time_has_come(scheduled):
    assert [lifecycle.activate_due(at) for at in (later(HOUR, microseconds=-1), later(HOUR), later(HOUR))] == [0, 1, 0]
    assert Grant.objects.get().state == "active"


def out_of_the_group(alice, **_):
    lifecycle.sign_in(alice, groups=[], name="Alice", email="alice@example.com", auth_time=later(60), now=later(60))


def without_the_device(laptop, alice, **_):
    lifecycle.retire_device(laptop, actor=alice, reason="", now=later(60))


def without_the_resource(fileshare, **_):
    lifecycle.retire_resource(fileshare, actor=None, now=later(60))


def disabled(alice, **_):
    lifecycle.disable_user(alice, actor=None, now=later(60))


def gone(alice, **_):
    lifecycle.disable_user(alice, actor=None, now=later(60), leaves=True)


def with_a_lost_device(laptop, alice, **_):
    lifecycle.report_lost(laptop, actor=alice, reason="", now=later(60))


@pytest.mark.parametrize("loses", [out_of_the_group, without_the_device, without_the_resource, disabled, gone, with_a_lost_device])
def test_it_dies_with_eligibility(alice, bob, laptop, fileshare, loses):
    a_policy("policy of fileshare", requesters=["employees"])
    a_grant(alice, fileshare, [laptop], reviewer=bob, starts_at=later(HOUR))
    loses(alice=alice, laptop=laptop, fileshare=fileshare)
    lifecycle.activate_due(later(HOUR))
    fileshare.refresh_from_db()
    assert not allowed(laptop, fileshare, later(HOUR))


@pytest.mark.parametrize("name", ["alice", "bob", "dave"])
def test_its_owner_an_approver_and_an_admin_may_end_it_before_it_begins(request, name, scheduled, laptop, fileshare):
    lifecycle.revoke(scheduled, actor=request.getfixturevalue(name), reason="not needed", now=later(60))
    assert (Grant.objects.get().state, lifecycle.activate_due(later(HOUR))) == ("revoked", 0)
    assert not allowed(laptop, fileshare, later(HOUR))


def test_erin_may_not(scheduled, erin):
    with pytest.raises(lifecycle.Refused):
        lifecycle.revoke(scheduled, actor=erin, reason="", now=later(60))


def test_more_time_begins_where_the_access_ends_without_a_gap(alice, bob, laptop, fileshare, grant_of_alice):
    more = a_grant(alice, fileshare, [laptop], reviewer=bob, extends=grant_of_alice, now=later(HOUR, microseconds=-1))
    assert (more.starts_at, more.ends_at) == (later(HOUR), later(2 * HOUR))
    decision = decide(facts.facts_of(laptop, fileshare, later(HOUR, microseconds=-1)), later(HOUR, microseconds=-1))
    assert (bool(decision), decision.until) == (True, later(2 * HOUR))


def test_more_time_counts_against_the_rolling_total_and_so_does_asking_anew(alice, bob, laptop, pep):
    policy = a_policy("tight", longest_grant=HOUR, rolling_total=2 * HOUR)
    vault = factories.a_resource("vault", pep=pep, policy=policy, number=30)
    first = a_grant(alice, vault, [laptop], reviewer=bob)
    second = a_grant(alice, vault, [laptop], reviewer=bob, extends=first, now=later(60))
    for extends, at in ((second, later(120)), (None, later(3 * HOUR))):
        with pytest.raises(lifecycle.Refused, match="Of 2 hours within 7 days, no time is left"):
            a_request(alice, vault, [laptop], extends=extends, now=at)


def test_an_approver_cannot_go_beyond_the_rolling_total_either(alice, bob, laptop, pep):
    policy = a_policy("tight", longest_grant=HOUR, rolling_total=2 * HOUR)
    vault = factories.a_resource("vault", pep=pep, policy=policy, number=30)
    first = a_grant(alice, vault, [laptop], reviewer=bob)
    asked = a_request(alice, vault, [laptop], extends=first)
    other = factories.a_device(alice, "phone")
    a_grant(alice, vault, [other], reviewer=bob, now=later(60))
    with pytest.raises(lifecycle.Refused, match="no time is left"):
        lifecycle.approve(asked, reviewer=bob, now=later(120))


def typed(moment):
    return f"{moment:%Y-%m-%dT%H:%M}"


def ask(client, laptop, **values):
    data = {"devices": [laptop.pk], "duration": "3600", "minutes": "", "reason": "the night's work", "ticket": "", **values}
    return client.post(reverse("request-new", args=["fileshare"]), data, follow=True)


def test_a_start_that_is_asked_for_is_an_instant_in_utc(as_alice, laptop, fileshare):
    start = (timezone.now() + timedelta(days=1)).replace(second=0, microsecond=0)
    page = ask(as_alice, laptop, starts_at=typed(start))
    assert AccessRequest.objects.get().starts_at == start
    assert ("Not before" in page.text, f"{start:%Y-%m-%dT%H:%M:00Z}" in page.text) == (True, True)


def test_no_start_means_with_the_approval(as_alice, laptop, fileshare):
    ask(as_alice, laptop, starts_at="")
    assert AccessRequest.objects.get().starts_at is None


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (typed(datetime(2020, 1, 1, tzinfo=UTC)), "has passed"),
        ("9999-12-31T23:59", "too far away"),
        ("0001-01-01T00:00", "has passed"),
        ("tomorrow", "valid date"),
        ("2026-02-30T09:00", "valid date"),
        ("9" * 500, "valid date"),
    ],
)
def test_a_start_that_is_none_is_refused_at_its_field_and_nothing_is_lost(as_alice, laptop, fileshare, start, says):
    page = ask(as_alice, laptop, starts_at=start)
    assert page.status_code == 200
    assert says in page.text.split('id="id_starts_at_error">')[1].split("<")[0]
    assert ("the night&#x27;s work" in page.text, AccessRequest.objects.exists()) == (True, False)


def test_a_scheduled_grant_says_when_it_begins_and_can_be_ended(as_alice, alice, bob, laptop, fileshare):
    now = timezone.now()
    grant = a_grant(alice, fileshare, [laptop], reviewer=bob, starts_at=later(HOUR, since=now), now=now)
    begins = f"{grant.starts_at:%Y-%m-%dT%H:%M:%SZ}"
    for page in ("/", reverse("request", args=[grant.request_id])):
        text = as_alice.get(page).text
        assert ("It begins at" in text, begins in text, "Scheduled" in text) == (True, True, True)
    assert "It begins by itself" in as_alice.get(reverse("request", args=[grant.request_id])).text
    as_alice.post(reverse("grant-end", args=[grant.pk]), {})
    grant.refresh_from_db()
    assert grant.state == "revoked"


def test_the_page_for_more_time_says_where_it_begins_and_asks_for_no_start(as_alice, alice, bob, laptop, fileshare):
    now = timezone.now()
    grant = a_grant(alice, fileshare, [laptop], reviewer=bob, now=now)
    text = as_alice.get(reverse("request-new", args=["fileshare"]), {"extends": grant.pk}).text
    assert ("The new time begins at" in text, 'name="starts_at"' in text) == (True, False)
    assert "counted from the approval" not in text
