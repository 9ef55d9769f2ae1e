"""Too many in a minute: 429 with words and a time, whoever one says one is; and never for what ends access."""

import re

import pytest
from django.core.cache import caches
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from enrollment import lifecycle
from enrollment.models import AccessRequest, AuditEvent, User
from portal import limits
from portal.too_many import ENDING_VERBS, ENDINGS
from tests import factories
from tests.portal.scim import TOKEN, Directory
from tests.portal.test_backchannel_logout import URL as LOGOUT
from tests.portal.test_backchannel_logout import token_of
from tests.portal.test_url_matrix import ROUTES, filled_in, numbers  # noqa: F401 - a fixture

START, CALLBACK = "/accounts/oidc/login/", "/accounts/oidc/login/callback/"
ASK = "/resources/fileshare/request/"
NEW = "/devices/new/"


@pytest.fixture
def three(settings, monkeypatch):
    """Three of each in a minute; which is as long as a week here, so that none begins in the middle of a test."""
    monkeypatch.setattr(limits, "MINUTE", 7 * 86400)
    settings.LIMITS = dict.fromkeys(settings.LIMITS, 3)
    caches["limits"].clear()
    return settings


def signed_in(who):
    browser = Client()
    browser.force_login(who)
    return browser


def statuses(answers):
    return [answer.status_code for answer in answers]


def check_refused(answer):
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= limits.MINUTE
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("ask", [lambda **more: Client().post(START, **more), lambda **more: Client().get(CALLBACK, **more)])
def test_signing_in_is_limited_by_address_and_a_forged_one_changes_nothing(three, db, ask):
    forged = [ask(REMOTE_ADDR="203.0.113.7", headers={"X-Forwarded-For": f"198.51.100.{number}"}) for number in range(4)]
    assert statuses(forged[:3]) == [503] * 3  # no provider is set up here
    check_refused(forged[3])
    assert "Too much at once" in forged[3].text
    assert ask(REMOTE_ADDR="203.0.113.8").status_code == 503


def test_behind_proxies_the_address_is_the_one_that_they_added(three, db):
    three.ALLAUTH_TRUSTED_PROXY_COUNT = 2

    def ask(*said):
        return Client().post(START, REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": ", ".join(said)})

    same = [ask(f"198.51.100.{number}", "203.0.113.7", "192.0.2.2") for number in range(4)]
    assert statuses(same) == [503, 503, 503, 429]
    assert statuses([ask("203.0.113.7", "203.0.113.8", "192.0.2.2"), ask("203.0.113.7")]) == [503, 503]


def test_guessing_one_time_links_is_limited_by_address_and_the_true_one_works_elsewhere(three, alice):
    guesses = [Client().post("/phone/", {"token": "a" * 26}) for _ in range(4)]
    assert statuses(guesses[:3]) == [404] * 3
    check_refused(guesses[3])
    token = lifecycle.make_handover(alice, now=timezone.now())[1]
    assert statuses([Client().post("/phone/", {"token": token}), Client().post("/phone/key/")]) == [429, 429]
    assert Client().get("/phone/").status_code == 200
    assert Client().post("/phone/", {"token": token}, REMOTE_ADDR="192.0.2.9").status_code == 302


def test_a_link_that_is_somebody_elses_fills_no_log(three, alice, erin):
    token, browser = lifecycle.make_handover(alice, now=timezone.now())[1], signed_in(erin)
    assert statuses(browser.post("/phone/", {"token": token}) for _again in range(5)) == [403, 403, 403, 429, 429]
    assert AuditEvent.objects.filter(verb="handover.refused").count() == 3


def test_one_network_of_ipv6_is_one_address(three, db):
    answers = [Client().post(START, REMOTE_ADDR=f"2001:db8::{number}") for number in range(4)]
    assert statuses([*answers, Client().post(START, REMOTE_ADDR="2001:db8:0:1::1")]) == [503, 503, 503, 429, 503]


def test_ipv4_at_a_server_of_both_families_is_no_network_of_ipv6(three, db):
    answers = [Client().post(START, REMOTE_ADDR=f"::ffff:203.0.113.{number}") for number in (7, 7, 7, 7, 8)]
    assert statuses([*answers, Client().post(START, REMOTE_ADDR="203.0.113.7")]) == [503, 503, 503, 429, 503, 429]


def test_what_comes_by_a_socket_has_no_address_and_that_is_no_error(three, db):
    assert statuses(Client().post(START, REMOTE_ADDR="") for _again in range(4)) == [503, 503, 503, 429]


def test_what_one_person_sends_is_limited_and_what_another_does_is_not(three, alice, erin, fileshare):
    asking = signed_in(alice)
    assert statuses(asking.post(ASK) for _again in range(4)) == [200, 200, 200, 429]
    assert signed_in(alice).post(NEW).status_code == 429  # from another browser, on another page
    assert signed_in(erin).post(ASK).status_code == 200
    assert asking.get(ASK).status_code == 200


def test_what_was_typed_can_be_sent_again_as_it_was(three, alice, laptop, fileshare):
    typed = {"devices": [laptop.pk], "duration": "3600", "minutes": "", "reason": 'a "reason" & <more>', "ticket": ""}
    browser = signed_in(alice)
    check_refused([browser.post(ASK, typed) for _again in range(3)] and (refused := browser.post(ASK, typed)))
    kept = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', refused.text))
    assert kept["reason"] == "a &quot;reason&quot; &amp; &lt;more&gt;"
    assert {name: kept[name] for name in ("devices", "duration")} == {"devices": str(laptop.pk), "duration": "3600"}
    assert f'action="{ASK}"' in refused.text
    assert AccessRequest.objects.count() == 1


def test_a_key_is_not_sent_back(three, alice):
    browser = signed_in(alice)
    answers = [browser.post(NEW, {"name": "Old laptop", "public_key": "perhaps the private one"}) for _again in range(4)]
    check_refused(answers[3])
    assert ("Old laptop" in answers[3].text, "perhaps the private one" in answers[3].text) == (True, False)


def test_what_ends_access_is_never_limited(three, numbers, dave):  # noqa: F811
    browser = signed_in(dave)
    assert statuses(browser.post(NEW) for _again in range(4))[3] == 429
    of_admin = [route for route in ROUTES if re.search(rf"^admin/.*/({'|'.join(ENDING_VERBS)})/$", route)]
    mine = [route for route in ROUTES if re.search(r"^(devices|requests|grants)/<int:pk>/(lost|retire|suspend|cancel|end)/$", route)]
    answers = {route: browser.post(filled_in(route, numbers)).status_code for route in (*mine, *of_admin)}
    assert [route for route, status in answers.items() if status == 429] == []
    chosen = {"action": "revoke", "_selected_action": [numbers["grant"]]}
    assert browser.post(reverse("admin:enrollment_grant_changelist"), chosen).status_code == 200
    assert browser.post(reverse("admin:enrollment_user_changelist"), {**chosen, "action": "enable"}).status_code == 429
    assert (len(mine), len(of_admin)) == (5, 2 * 13)
    assert browser.post("/accounts/logout/").status_code == 302


def test_each_ending_is_an_address_there_is():
    assert all(reverse(name, args=[1] if "-" in name else []) for name in ENDINGS)


def test_nobody_walks_through_numbers(three, alice, erin, laptop, request_of_alice):
    walking = signed_in(erin)
    answers = [walking.get(f"/devices/{laptop.pk + number}/") for number in range(4)]
    assert statuses(answers) == [404, 404, 404, 429]
    check_refused(walking.get(f"/requests/{request_of_alice.pk}/"))
    mine = factories.a_device(erin)
    assert walking.get(f"/devices/{mine.pk}/").status_code == 429  # or what is there would show by not being refused
    assert statuses([walking.get("/devices/"), walking.post(f"/devices/{mine.pk}/lost/"), signed_in(alice).get("/devices/")]) == [
        200,
        302,
        200,
    ]


def test_nobody_walks_through_the_admins_numbers(three, bob):
    browser = signed_in(bob)
    answers = [browser.get(f"/admin/enrollment/accessrequest/{number}/change/") for number in range(1000, 1004)]
    assert statuses(answers) == [302, 302, 302, 429]


def test_guessing_at_scims_token_is_slowed_and_whoever_has_it_goes_on(three, directory, caplog):
    guessing = Directory(Client(), "a guess")
    answers = [guessing.get("Users") for _guess in range(4)]
    assert statuses(answers) == [401, 401, 401, 429]
    check_refused(answers[3])
    assert (answers[3].body["status"], answers[3].body["schemas"]) == ("429", ["urn:ietf:params:scim:api:messages:2.0:Error"])
    assert statuses(Directory(Client(), TOKEN).get("Users") for _again in range(5)) == [200] * 5
    assert caplog.text.count("SCIM refused") == 3


def test_false_logout_tokens_are_soon_not_even_judged_and_true_ones_never_limited(three, hostile, browser):
    hostile.id_token["sid"] = "s1"
    browser.sign_in("nobody")

    def tell(address, **claims):
        return Client(HTTP_HOST="localhost:8000").post(LOGOUT, {"logout_token": token_of(hostile, **claims)}, REMOTE_ADDR=address)

    answers = [tell("203.0.113.7", signature="another key") for _again in range(4)]
    assert statuses(answers) == [400, 400, 400, 429]
    check_refused(answers[3])
    assert statuses(tell("203.0.113.8", sid=f"s{number}") for number in range(5)) == [200] * 5
    assert User.objects.exists()


def test_all_begin_anew_with_the_next_minute(settings):
    settings.LIMITS = {"changes": 1}
    caches["limits"].clear()
    assert [limits.spend("changes", "person 1", now=now) for now in (1200.0, 1200.5, 1259.9, 1260.0, 1260.0)] == [
        False,
        True,
        True,
        False,
        True,
    ]
    assert [limits.seconds_left(now) for now in (1200.0, 1200.5, 1259.9, 1260.0)] == [60, 60, 1, 60]


def test_a_limit_of_nothing_is_none(three, alice):
    three.LIMITS = dict.fromkeys(three.LIMITS, 0)
    browser = signed_in(alice)
    assert statuses(browser.post(NEW) for _again in range(5)) == [200] * 5


def test_who_met_a_limit_is_logged_once(three, alice, caplog):
    browser = signed_in(alice)
    assert statuses(browser.post(NEW) for _again in range(6))[3:] == [429] * 3
    assert caplog.text.count(f"Too many in a minute: changes, by person {alice.pk}.") == 1
