"""Times that are none, at the verbs and at the forms; and a form saved unchanged changes nothing, in whatever zone."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone as django_zone
from hypothesis import given, settings
from hypothesis import strategies as st

from enrollment import lifecycle
from enrollment.admin_forms.fields import DurationField
from enrollment.durations import LONGEST, exact, parse
from enrollment.lifecycle import Refused
from enrollment.models import AccessRequest, Grant, Review
from tests import factories
from tests.factories import HOUR, NOW, later

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns"]


@pytest.mark.parametrize(
    "seconds", [0, -1, -HOUR, 8 * HOUR + 1, 2**31, 2**63, 10**30, 1.5, float("nan"), float("inf"), 1e309, True, "3600"]
)
def test_no_length_but_whole_seconds_within_the_terms_is_asked_for(seconds, alice, fileshare, laptop, told_peps):
    with pytest.raises(Refused, match=r"\.$"):
        factories.a_request(alice, fileshare, [laptop], seconds=seconds)
    assert (AccessRequest.objects.count(), told_peps) == (0, [])


@pytest.mark.parametrize("seconds", [0, -1, HOUR + 1, 2**63, 1.5, float("nan"), float("inf"), True])
def test_an_approver_gives_whole_seconds_and_no_more_than_was_asked(seconds, request_of_alice, bob, told_peps):
    with pytest.raises(Refused, match="never lengthen"):
        lifecycle.approve(request_of_alice, reviewer=bob, now=NOW, seconds=seconds)
    assert (Review.objects.count(), Grant.objects.count(), told_peps) == (0, 0, [])


@pytest.mark.parametrize(
    ("start", "because"),
    [
        (datetime(2026, 3, 2, 10), "time zone"),  # noqa: DTZ001 - that is the case
        (datetime.max, "time zone"),  # noqa: DTZ901 - as above
        (NOW, "The start has passed"),
        (NOW - timedelta(seconds=1), "The start has passed"),
        (datetime(1, 1, 1, tzinfo=UTC), "The start has passed"),
        (datetime(9999, 12, 31, tzinfo=UTC), "too far away"),
        (datetime.max.replace(tzinfo=UTC), "too far away"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))), "too far away"),
    ],
)
def test_no_start_is_taken_but_one_soon_with_its_zone(start, because, alice, fileshare, laptop):
    with pytest.raises(Refused, match=because):
        factories.a_request(alice, fileshare, [laptop], starts_at=start)
    assert not AccessRequest.objects.exists()


@pytest.mark.parametrize("spring_or_autumn", [datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)])
def test_eight_hours_are_eight_hours_on_the_days_when_clocks_change(spring_or_autumn, alice, bob, fileshare, laptop):
    local = spring_or_autumn.astimezone(BERLIN)
    with django_zone.override(BERLIN):
        grant = factories.a_grant(
            alice, fileshare, [laptop], reviewer=bob, seconds=8 * HOUR, starts_at=local, now=spring_or_autumn - timedelta(hours=2)
        )
    grant.refresh_from_db()
    assert (grant.starts_at, grant.ends_at) == (spring_or_autumn, spring_or_autumn + timedelta(hours=8))
    assert (grant.starts_at.tzinfo, grant.ends_at.tzinfo) == (UTC, UTC)


@settings(max_examples=300, deadline=None, database=None)
@given(st.integers(1, LONGEST))
def test_a_duration_read_back_from_its_form_is_the_same_and_no_change(seconds):
    field = DurationField()
    shown = field.prepare_value(seconds)
    assert (parse(exact(seconds)), field.clean(shown), field.has_changed(seconds, shown)) == (seconds, seconds, False)


@settings(max_examples=200, deadline=None, database=None)
@given(st.text(max_size=45) | st.floats().map(str) | st.integers().map(lambda number: f"{number} h"))
def test_whatever_is_typed_as_a_duration_is_seconds_within_bounds_or_a_sentence(text):
    try:
        assert 1 <= parse(text) <= LONGEST
    except ValueError as refused:
        assert str(refused).endswith(".")  # noqa: PT017 - either of the two


@pytest.mark.parametrize("zone", ZONES)
def test_an_instant_in_the_database_is_utc_whatever_zone_is_on(zone, request_of_alice, bob):
    with django_zone.override(ZoneInfo(zone)):
        grant = lifecycle.approve(request_of_alice, reviewer=bob, now=NOW.astimezone(ZoneInfo(zone)))
    grant.refresh_from_db()
    assert (grant.starts_at, grant.starts_at.tzinfo, grant.ends_at) == (NOW, UTC, later(HOUR))
