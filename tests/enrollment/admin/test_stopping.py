"""Before something of a person, a device or a resource is ended, the page says which access stops with it."""

import pytest

from tests import factories

VERBS = ["device_suspend", "device_lost", "device_retire", "user_disable", "user_leave", "resource_retire"]
ALICES_ACCESS = "Access that stops with it: Alice: Fileshare, until "


@pytest.fixture
def look(browse, dave, url, words, laptop, alice, fileshare):
    """What the confirm page of a verb says of alice, her laptop or what she has access to."""
    rows = {"device": laptop, "user": alice, "resource": fileshare}
    return lambda verb: words(browse(dave).get(url(verb, rows[verb.partition("_")[0]].pk)))


@pytest.mark.parametrize("verb", VERBS)
def test_the_page_says_whose_access_stops(look, granted, verb):
    page = look(verb)
    assert ALICES_ACCESS in page
    assert "alice@example.com" in page or verb == "resource_retire"


@pytest.mark.parametrize("verb", VERBS)
def test_where_none_would_it_says_so(look, verb):
    assert "No access hangs on it now." in look(verb)


def test_of_much_access_it_names_what_ends_first_and_counts_the_rest(look, fileshare, bob, now):
    for number in range(23):
        person = factories.a_person(f"person{number}", now=now)
        device = factories.a_device(person, f"device {number}", now=now)
        factories.a_grant(person, fileshare, [device], reviewer=bob, now=now, seconds=3600 - 60 * number)
    page = look("resource_retire")
    assert "Person22: " in page
    assert "Person2: " not in page
    assert "And 3 more." in page


def test_each_of_several_names_its_own(browse, dave, act, granted, laptop, words):
    idle = factories.a_device(granted.user, "idle", now=granted.created_at)
    page = words(act(browse(dave), "device", "suspend", laptop, idle))
    assert (page.count(ALICES_ACCESS), page.count("No access hangs on it now.")) == (1, 1)
