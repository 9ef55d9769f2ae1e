"""Asking: times in the viewer's own zone, and several resources at once."""

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from enrollment.models import AccessRequest, User
from tests import factories
from tests.e2e import estate
from tests.e2e.looks import check_looks

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
    page.get_by_label("Minutes").fill("100000")
    says.wait_for(state="hidden")  # nobody can approve that
    page.get_by_label("Minutes").fill("300")
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


def test_several_are_ticked_looked_for_refused_and_asked_for(person, world):
    pep, now = estate.plant(), timezone.now()
    person("bob").context.close()
    page = person("alice")
    alice = User.objects.get(subject="demo-alice")
    device = factories.a_device(alice, "Kitchen laptop", now=now)
    brief = factories.a_policy("Ask for a while", longest_grant=7200, now=now)
    factories.a_resource("bakery", pep=pep, number=71, now=now)
    brewery = factories.a_resource("brewery", pep=pep, policy=brief, number=72, now=now)

    page.goto("/resources/")
    for name in ("Bakery", "Brewery"):
        page.get_by_role("searchbox").fill(name)
        page.get_by_role("searchbox").press("Enter")
        page.get_by_role("listitem").filter(has_text=name).get_by_label("Tick").check()
    page.get_by_role("button", name="Ask for what is ticked").click()
    page.get_by_text("At most 2 h for all of them: Brewery allows no more.").wait_for()
    page.get_by_label("Kitchen laptop").check()
    page.get_by_label("Reason").fill("For the feast")
    factories.a_request(alice, brewery, [device], now=now)  # meanwhile, elsewhere
    page.get_by_role("button", name="Send the requests").click()
    page.get_by_text("that request waits for an answer").wait_for()
    check_looks(page, "bundle-refused")
    page.get_by_label("Brewery").uncheck()
    page.get_by_role("button", name="Send the requests").click()
    page.get_by_role("heading", name="My requests").wait_for()
    assert [asked.reason for asked in AccessRequest.objects.filter(resource__slug="bakery")] == ["For the feast"]
