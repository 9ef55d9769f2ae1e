"""An instant that somebody types comes back as it was typed, whatever zone they read it in; what is kept is UTC."""

from datetime import UTC, datetime, timedelta
from datetime import timezone as fixed

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enrollment.forms.access import RequestForm
from enrollment.models import AccessRequest, Device
from tests.factories import NOW, a_request

ZONES = [UTC, *(fixed(timedelta(minutes=minutes)) for minutes in (-210, 120, 345, 780))]
instants = st.datetimes(datetime(2026, 4, 1), datetime(2026, 5, 20)).map(lambda naive: naive.replace(second=0, microsecond=0))  # noqa: DTZ001 - as typed
laws = settings(max_examples=25, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_a_start_survives_form_database_and_form_in_every_zone(zone, alice, laptop, fileshare):
    asked = a_request(alice, fileshare, [laptop])

    @laws
    @given(instants)
    def law(typed):
        with timezone.override(zone):
            form = RequestForm(
                {"starts_at": f"{typed:%Y-%m-%dT%H:%M}", "duration": "3600", "reason": "work", "devices": [laptop.pk]},
                devices=Device.objects.all(),
                longest=3600,
                now=NOW,
            )
            assert form.is_valid(), form.errors
            AccessRequest.objects.filter(pk=asked.pk).update(starts_at=form.cleaned_data["starts_at"])
            kept = AccessRequest.objects.get(pk=asked.pk).starts_at
            assert (kept, kept.tzinfo) == (typed.replace(tzinfo=zone), UTC)
            assert form["starts_at"].field.prepare_value(kept).strftime("%Y-%m-%dT%H:%M") == f"{typed:%Y-%m-%dT%H:%M}"

    law()
