"""Asking, with JavaScript: times in the viewer's own zone."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from enrollment.models import AccessRequest, User
from tests import factories
from tests.e2e import estate

YEREVAN = {"timezone_id": "Asia/Yerevan", "locale": "en-GB"}  # 4 h ahead of UTC, all year
MORNING = datetime(2030, 1, 7, 9, 0, tzinfo=UTC)  # 13:00 there


def test_times_are_chosen_and_shown_in_the_viewers_own_zone(person, world):
    pep = estate.plant()
    person("bob").context.close()  # somebody must be there to answer
    page = person("alice", **YEREVAN)
    alice = User.objects.get(subject="demo-alice")
    device = factories.a_device(alice, "Travel laptop", now=timezone.now())
    factories.a_resource("atlas", pep=pep, number=70, now=timezone.now())
    page.clock.set_fixed_time(MORNING)
    page.goto("/resources/atlas/request/")
    says = page.get_by_role("status").filter(has_text="it would end at")
    page.get_by_role("button", name="Until 18:00").click()
    assert page.get_by_label("Minutes").input_value() == "300"
    assert "18:00 GMT+4" in says.text_content()

    page.get_by_label("Later").check()
    assert page.locator("label[for=id_starts_at]").text_content() == "Not before (Asia/Yerevan)"
    start = (timezone.now() + timedelta(days=2)).replace(second=0, microsecond=0)
    page.get_by_label("Not before").fill(f"{start + timedelta(hours=4):%Y-%m-%dT%H:%M}")
    page.get_by_label("2 h").check()
    page.get_by_label("Travel laptop").check()
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text("Say why you need it").wait_for()
    assert page.get_by_label("Not before").input_value() == f"{start + timedelta(hours=4):%Y-%m-%dT%H:%M}"
    page.get_by_label("Reason").fill("For the journey")
    page.get_by_role("button", name="Send the request").click()
    page.get_by_text("Waiting for lychgate-approvers").wait_for()
    asked = AccessRequest.objects.get(resource__slug="atlas")
    assert (asked.starts_at, asked.seconds, list(asked.devices.all())) == (start, 7200, [device])
