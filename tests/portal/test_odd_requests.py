"""Requests that no page of ours makes: odd numbers, queries, cookies, character sets, sizes. A clear answer each, never a 500."""

import io
import re

import pytest
from django.test import Client
from django.urls import reverse

from tests.enrollment.pages import without_token
from tests.portal.test_url_matrix import ROUTES, browsers, filled_in, numbers  # noqa: F401 - fixtures

LISTS = [route for route in ROUTES if re.fullmatch(r"admin/(enrollment|enforcement|auth)/\w+/", route)]
PAGES = ["", "devices/", "resources/", "requests/", "resources/<slug:slug>/request/"]
MANY_WORDS = "+".join("a" * 1500)
QUERIES = [
    *("o=999.-1.x", "o=" + "9" * 5000, "p=999999999", "p=" + "9" * 5000, "page=999999999", "page=%00", "all=", "e=1"),
    *("_connector=OR%201=1", "_negated=1", "user__password__startswith=x", "requester__password__regex=(", "pk__in=" + "9" * 30),
    *("id=" + "9" * 30, "at__year=99999999999", "at__year=2026&at__month=13", "at__year=0", "resource__id__exact=" + "9" * 30),
    *(
        "state__exact=%00",
        "waiting=%00",
        "standing=%00",
        "q=%00",
        "q=%FF%FE",
        "%FF=%FE",
        f"q={MANY_WORDS}",
        "_to_field=password",
        "_popup=1",
    ),
    *("extends=%00", "extends=" + "9" * 30, "extends=" + "9" * 5000, "subject_id=" + "9" * 30, "subject_type=%00", "verb__isnull=7"),
]
NO_NUMBERS = ["abc", "-1", "1.5", "\x00", "9" * 19, "9" * 30, "9" * 5000, "\u0661"]


@pytest.fixture
def of_bob(numbers, browsers):  # noqa: F811 - the fixtures above
    return browsers[2]


def test_no_query_on_any_list_or_page_is_an_error_of_ours(numbers, browsers):  # noqa: F811
    asked = [(browsers[4], route) for route in LISTS] + [(browsers[1], route) for route in PAGES]
    answers = [
        (route, query, browser.get(f"{filled_in(route, numbers)}?{query}").status_code) for browser, route in asked for query in QUERIES
    ]
    assert len(LISTS) > 10
    assert [answer for answer in answers if answer[2] not in {200, 302, 400}] == []


@pytest.mark.parametrize("query", ["requester__password__startswith=!", "requester__groups__name=x", "_connector=OR", "id__gt=0"])
def test_a_lookup_that_no_filter_offers_never_reaches_the_database(query, of_bob):
    assert of_bob.get(reverse("admin:enrollment_accessrequest_changelist") + "?" + query).status_code == 400


def test_a_long_search_looks_for_its_beginning_and_says_so(of_bob):
    page = of_bob.get(reverse("admin:enrollment_accessrequest_changelist") + f"?q={MANY_WORDS}")
    assert "Only the first 100 characters were looked for." in page.text


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_chosen_rows_that_are_none_are_refused_in_words(number, of_bob):
    chosen = {"action": "approve", "_selected_action": [number]}
    page = of_bob.post(reverse("admin:enrollment_accessrequest_changelist"), chosen, follow=True)
    assert "what was chosen are no rows of this list" in page.text
    page = of_bob.post(reverse("admin:enrollment_accessrequest_approve_many"), {"ids": number}, follow=True)
    assert "what was chosen are no rows of this list" in page.text


@pytest.mark.parametrize("number", NO_NUMBERS)
def test_a_device_that_is_none_is_refused_at_its_field(number, browsers, numbers, alice):  # noqa: F811
    before = alice.access_requests.count()
    values = {"devices": [number], "duration": "3600", "minutes": "", "reason": "what I typed", "ticket": "OPS-7"}
    page = browsers[1].post("/resources/fileshare/request/", values)
    assert "Choose from your own devices." in re.search(r'id="id_devices_error">([^<]*)<', page.text)[1]
    assert ("what I typed" in page.text, "OPS-7" in page.text) == (True, True)
    assert alice.access_requests.count() == before


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"name=" + b"a" * 10_000_000, "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % number for number in range(2000)), "application/x-www-form-urlencoded"),
    ],
)
def test_ten_megabytes_or_two_thousand_fields_get_a_page_that_says_so(body, kind, browsers, alice):  # noqa: F811
    answer = browsers[1].generic("POST", "/devices/new/", body, kind)
    assert (answer.status_code, "more than any page here takes" in answer.text) == (413, True)
    assert not alice.devices.exists()


def test_a_nul_in_a_cookie_is_answered_400_before_it_is_looked_up(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = Client().get("/", headers={"cookie": 'lychgate-session="\\000aaaaaaaaaa"'})
    assert (answer.status_code, "That could not be read" in answer.text) == (400, True)


@pytest.mark.parametrize("charset", ["rot13", "hex", "idna", "utf-7", "utf-16", "no-such"])
def test_a_request_in_an_odd_character_set_is_read_as_utf_8(charset, db):
    from portal.wsgi import application  # noqa: PLC0415 - it insists on a safe deployment as it is imported

    answered = []
    environ = Client()._base_environ(PATH_INFO="/healthz", QUERY_STRING="q=a", CONTENT_TYPE=f"text/plain; charset={charset}")  # noqa: SLF001
    list(application({**environ, "wsgi.input": io.BytesIO()}, lambda status, _headers, *_rest: answered.append(status)))
    assert answered == ["200 OK"]


def test_an_unknown_number_and_somebody_elses_are_the_same_answer(numbers, browsers):  # noqa: F811
    """For erin, who has nothing; and in the admin for an approver of something else."""
    *_others, approver, _carol, _dave, erin = browsers
    mine = [route for route in ROUTES if "<int:pk>" in route and not route.startswith("admin/")]
    asked = [(erin, route) for route in mine]
    asked += [(approver, route) for route in ROUTES if re.match(r"admin/enrollment/(accessrequest|grant|delegation|review)/<", route)]
    told = [(route, method, as_told(browser, method, filled_in(route, numbers))) for browser, route in asked for method in ("get", "post")]
    nobodys = dict.fromkeys(numbers, 987654)
    assert told == [
        (route, method, as_told(browser, method, filled_in(route, nobodys))) for browser, route in asked for method in ("get", "post")
    ]
    assert len(told) > 60


def as_told(browser, method, address):
    answer = getattr(browser, method)(address)
    body = without_token(answer)
    number = re.search(r"/(\d+)/", address)[1]
    return (
        answer.status_code,
        answer.get("Location", "").replace(number, "N"),
        body.replace(f"/{number}/", "/N/").replace(f"\u201c{number}\u201d", "N"),
    )
