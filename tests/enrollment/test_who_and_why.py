"""Who could reach what at a moment, told from the log alone; and why, in the words of the page."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enrollment import facts, lifecycle
from enrollment.models import Grant
from tests.factories import HOUR, a_device, a_grant, a_policy, a_resource, later


def names(resource, at):
    return [(reach.user, reach.device) for reach in facts.reachable_by(resource, at)]


def said(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_the_log_tells_who_could_reach_it_from_the_start_up_to_not_at_the_end(grant_of_alice, fileshare):
    assert names(fileshare, later(-1)) == []
    assert names(fileshare, later(0)) == [("Alice", "laptop")]
    assert names(fileshare, later(HOUR, microseconds=-1)) == [("Alice", "laptop")]
    assert names(fileshare, later(HOUR)) == []


def test_what_was_revoked_later_was_still_reachable_before(grant_of_alice, bob, fileshare):
    lifecycle.revoke(grant_of_alice, actor=bob, reason="", now=later(600))
    assert names(fileshare, later(599)) == [("Alice", "laptop")]
    assert names(fileshare, later(600)) == []


def test_a_suspension_of_then_is_seen_though_it_is_over_now(grant_of_alice, alice, laptop, fileshare):
    lifecycle.suspend_device(laptop, actor=alice, reason="", now=later(60))
    lifecycle.resume_device(laptop, actor=alice, reason="", now=later(120))
    assert [bool(names(fileshare, later(at))) for at in (59, 60, 119, 120)] == [True, False, False, True]


def test_a_disabled_account_of_then_is_seen_too(grant_of_alice, alice, fileshare):
    lifecycle.disable_user(alice, actor=None, now=later(60))
    lifecycle.enable_user(alice, actor=None, now=later(120))
    assert [bool(names(fileshare, later(at))) for at in (59, 60, 119, 120)] == [True, False, False, True]


def test_a_retired_resource_was_reachable_before(grant_of_alice, dave, fileshare):
    lifecycle.retire_resource(fileshare, actor=dave, now=later(60))
    assert [bool(names(fileshare, later(at))) for at in (59, 60)] == [True, False]


def test_a_session_that_ran_out_is_seen(alice, bob, laptop, pep):
    fresh = a_resource("fresh", pep=pep, policy=a_policy("fresh", session_length=600))
    a_grant(alice, fresh, [laptop], reviewer=bob)
    assert [bool(names(fresh, later(at))) for at in (599, 600)] == [True, False]


def test_rows_that_somebody_changed_do_not_change_history(grant_of_alice, fileshare):
    Grant.objects.update(ends_at=later(-1), starts_at=later(-2))
    assert names(fileshare, later(60)) == [("Alice", "laptop")]


def test_it_names_the_grants_that_stood_at_that_moment(grant_of_alice, alice, bob, laptop, fileshare):
    longer = a_grant(alice, fileshare, [laptop], reviewer=bob, seconds=2 * HOUR)
    third = a_grant(alice, fileshare, [laptop], reviewer=bob, seconds=2 * HOUR)
    lifecycle.revoke(third, actor=bob, reason="", now=later(60))
    stood = [facts.reachable_by(fileshare, later(at))[0].grants for at in (59, 60, HOUR)]
    assert stood == [(grant_of_alice.pk, longer.pk, third.pk), (grant_of_alice.pk, longer.pk), (longer.pk,)]


def test_what_one_person_could_reach(grant_of_alice, alice, erin):
    assert [reach.resource for reach in facts.reachable_of(alice, later(60))] == ["fileshare"]
    assert facts.reachable_of(erin, later(60)) == ()


@pytest.fixture
def story(alice, bob, erin, laptop, fileshare):
    """Overlapping grants of two people, some of them cut short."""
    hers, times = a_device(erin), [(0, 600, None), (300, 900, 450), (700, 600, 701), (1200, 60, None)]
    for start, seconds, cut in times:
        for person, device in ((alice, laptop), (erin, hers)):
            grant = a_grant(person, fileshare, [device], reviewer=bob, now=later(start), seconds=seconds)
            if cut and person == alice:
                lifecycle.revoke(grant, actor=bob, reason="", now=later(cut))
    return fileshare


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-1, 1400) | st.sampled_from([0, 300, 450, 600, 700, 701, 1200, 1260]))
def test_the_log_and_the_rows_tell_the_same(story, second):
    at = later(second)
    over = Grant.objects.filter(resource=story, starts_at__lte=at, ends_at__gt=at)
    by_rows = {grant.user.name for grant in over if grant.ended_at is None or grant.ended_at > at}
    assert {user for user, _device in names(story, at)} == by_rows


def test_who_says_it_in_words_and_in_json(grant_of_alice):
    told = said("who", "fileshare", "--at", "2026-03-02T09:30:00Z")
    assert told == "Alice with laptop: authorised until 2026-03-02 at 10:00:00 UTC; in force nowhere\n"
    assert said("who", "fileshare", "--at", "2026-03-02T11:00:00+01:00") == "Nobody, on 2026-03-02 at 10:00:00 UTC.\n"
    told = json.loads(said("who", "fileshare", "--at", "2026-03-02T09:30:00Z", "--json"))
    found = [(reach["user"], reach["authorised"], reach["until"], reach["enforced"]) for reach in told["reach"]]
    assert found == [("Alice", True, "2026-03-02T10:00:00.000000Z", [])]


def test_who_says_what_one_person_could_reach(grant_of_alice, alice, erin):
    for word in ("Alice", "alice@example.com", str(alice.pk)):
        told = said("who", "--user", word, "--at", "2026-03-02T09:30:00Z")
        assert told == "Alice with laptop to fileshare: authorised until 2026-03-02 at 10:00:00 UTC; in force nowhere\n"
    assert said("who", "--user", "Erin", "--at", "2026-03-02T09:30:00Z") == "Nothing, on 2026-03-02 at 09:30:00 UTC.\n"
    assert said("who", "fileshare", "--user", "Erin", "--at", "2026-03-02T09:30:00Z") == "Nobody, on 2026-03-02 at 09:30:00 UTC.\n"


def test_who_asks_back_where_several_people_match(grant_of_alice, alice, erin):
    type(erin).objects.filter(pk=erin.pk).update(name="Alice")
    with pytest.raises(CommandError, match=rf"{alice.pk} \(Alice, alice@example.com\), {erin.pk} \("):
        said("who", "--user", "Alice")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["--user", "nobody"],
        ["--user", "9" * 30],
        ["fileshare", "--at", "yesterday"],
        ["fileshare", "--at", "9998-12-31T00:00:00Z"],
        ["fileshare", "--at", "1999-12-31T00:00:00Z"],
        ["fileshare", "--at", "2026-03-02T09:30:00"],
        ["fileshare", "--at", "9999-12-31T23:59:59-12:00"],
    ],
)
def test_who_refuses_what_it_cannot_answer(fileshare, arguments):
    with pytest.raises(CommandError):
        said("who", *arguments)


def test_why_says_what_the_page_says(laptop, fileshare):
    assert said("why", "laptop", "fileshare") == "No.\nThere is no access to this resource. Ask for it.\n"
    assert json.loads(said("why", laptop.public_key, "fileshare", "--json"))["allowed"] is False


@pytest.mark.parametrize("word", ["laptop", "10.89.0.2", "fd89::2"])
def test_why_finds_a_device_by_what_people_have_at_hand(laptop, fileshare, word):
    assert said("why", word, "fileshare").startswith("No.")


def test_why_asks_back_where_several_devices_match(laptop, erin, fileshare):
    a_device(erin, "laptop")
    with pytest.raises(CommandError, match=r"laptop of Alice.*laptop of Erin"):
        said("why", "laptop", "fileshare")
    with pytest.raises(CommandError, match="no device"):
        said("why", "toaster", "fileshare")
