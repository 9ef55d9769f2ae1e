"""The portal as somebody in Berlin sees it: chosen in the footer, with their own time and its zone, and room for long words."""

import re

import pytest
from django.utils import timezone

from enrollment import lifecycle
from enrollment.models import User
from tests import factories
from tests.e2e import estate
from tests.e2e.looks import check_looks


@pytest.fixture(autouse=True)
def _english_again(world):
    """What somebody chose goes with them to every other browser: not to the tests that come after."""
    yield
    User.objects.filter(subject="demo-erin").update(language="", chose_language=False)


def test_the_pages_in_german_have_room_for_its_words_and_name_the_zone(person, world):
    pep, now = estate.plant(), timezone.now()
    person("bob").context.close()
    page = person("erin", locale="en-GB", timezone_id="Europe/Berlin")
    page.get_by_role("button", name="Deutsch").click()
    page.get_by_role("heading", name="Hallo Erin").wait_for()

    erin, wiki = User.objects.get(subject="demo-erin"), estate.Resource.objects.get(slug="wiki")
    asked = factories.a_request(erin, wiki, [factories.a_device(erin, "Reiselaptop", now=now)], now=now)
    estate.put_in_force(lifecycle.approve(asked, reviewer=User.objects.get(subject="demo-bob"), now=now), pep)
    page.reload()
    page.get_by_text("In Kraft auf pep-1 seit").wait_for()
    assert re.search(r"\d\d:\d\d MES?Z$", page.get_by_text("In Kraft auf pep-1 seit").locator("time").first.text_content())
    check_looks(page, "german-home")
    page.get_by_role("link", name="Geräte").click()
    page.get_by_role("button", name="Ein Gerät registrieren").click()
    check_looks(page, "german-enrol")
