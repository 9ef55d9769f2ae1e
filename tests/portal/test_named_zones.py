"""Every instant that a page shows names its zone: a time without one could mean two."""

import re

import pytest
from django.test import Client

from tests.portal.test_german import words_of
from tests.portal.test_url_matrix import ROUTES, filled_in, number_things

pytestmark = pytest.mark.django_db
BARE = re.compile(r"(?:\d{1,2}\.? \w{3,4}\.? \d{4},|\d{4}-\d\d-\d\d(?: at| um)?) \d\d:\d\d(?::\d\d)?(?! ?UTC|\d|:|Z)")


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave"])
def test_no_page_shows_an_instant_without_its_zone(name, language, request, pep, fileshare, alice, bob, laptop):
    numbers = number_things(pep, fileshare, alice, bob, laptop)
    browser = Client(headers={"accept-language": language})
    browser.force_login(request.getfixturevalue(name))
    bare = {}
    for route in ROUTES:
        answer = browser.get(filled_in(route, numbers))
        if answer.headers.get("content-type", "").startswith("text/html") and not answer.streaming:
            found = [text for text in words_of(answer.text).found if BARE.search(text)]
            bare |= {route: found} if found else {}
    assert bare == {}


@pytest.mark.parametrize(
    ("text", "is_bare"),
    [
        ("29 Nov 2026, 01:44", True),
        ("29. Nov. 2026, 01:44:05", True),
        ("since 2026-11-29 01:44, answer", True),
        ("29 Nov 2026, 01:44:05 UTC", False),
        ("2026-11-29 um 01:44:05 UTC", False),
        ("2026-11-29 01:44:05Z", False),
    ],
)
def test_what_counts_as_bare(text, is_bare):
    assert bool(BARE.search(text)) is is_bare
