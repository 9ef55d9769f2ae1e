"""Every address there is, asked by everybody there is. The addresses come from the URL configuration, so none is left out.

`EXPECTED` says what each kind of address answers; an address that no line describes fails
the test. Everything alice can have exists, so erin's answers are about rights, not absence.
"""

import re
from fnmatch import fnmatchcase

import pytest
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from enforcement.models import Drift, Enforcement, PepStatus, Receipt
from enrollment import lifecycle
from enrollment.models import AuditEvent, DirectoryGroup, HeldChange
from tests import factories
from tests.portal.forms import rows

SEVEN = ("nobody", "alice", "bob", "grace", "carol", "dave", "erin")
# What GET answers to them, of whom bob approves for what alice has, and grace for something else. A status; "sign" for being
# sent to sign in; "away" for being sent elsewhere. One word: the same to everybody. The first line that fits speaks for an address.
EXPECTED = {
    "": "sign 200 200 200 200 200 200",
    "devices/": "sign 200 200 200 200 200 200",
    "devices/new/": "sign 200 200 200 200 200 200",
    "devices/<int:pk>/": "sign 200 404 404 404 404 404",
    "devices/<int:pk>/key/": "sign 200 404 404 404 404 404",
    "devices/<int:pk>/*/": "405",
    "handovers/": "405",
    "handovers/<int:pk>/": "sign 200 404 404 404 404 404",
    "handovers/<int:pk>/*/": "405",
    "phone/": "200",  # to whoever scans; what it may do, its session says: tests/enrollment/test_phone_pages.py
    "phone/key/": "405",
    "resources/": "sign 200 200 200 200 200 200",
    "resources/<slug:slug>/request/": "sign 200 200 200 200 200 200",
    "requests/": "sign 200 200 200 200 200 200",
    "requests/new/": "sign 200 200 200 200 200 200",
    "resources/<slug:slug>/emergency/": "sign 200 200 200 200 200 200",
    "requests/<int:pk>/": "sign 200 404 404 404 404 404",
    "requests/<int:pk>/cancel/": "405",
    "requests/<int:pk>/remind/": "405",
    "grants/<int:pk>/end/": "405",
    "healthz": "200",
    "readyz": "200",
    "metrics": "200",  # to this machine, or to whoever has the token: tests/portal/test_metrics.py
    "language/": "405",  # by POST, from the footer
    "scim/v2/*": "404",  # where no token is set; with one, its bearer alone: tests/portal/test_scim_door.py
    "accounts/login/": "sign",
    "accounts/oidc/login/": "503 away away away away away away",  # no provider is configured here
    "accounts/oidc/login/callback/": "503",
    "accounts/oidc/logout/": "405",  # the provider's, by POST
    "accounts/*": "200",
    "admin/": "sign sign 200 200 200 200 sign",
    "admin/login/": "sign 403 away away away away 403",
    "admin/logout/": "away away 200 200 200 200 away",
    "admin/password_change/*": "sign sign 404 404 404 404 sign",
    "admin/autocomplete/": "sign sign 403 403 403 403 sign",
    "admin/jsi18n/": "sign sign 200 200 200 200 sign",
    "admin/r/*": "sign sign 404 404 404 404 sign",
    "admin/^*": "sign sign 200 200 200 200 sign",
    "admin/(*": "sign sign 404 404 404 404 sign",
    # Nobody deletes; admins add what an estate is made of; what people and machines did is added by nobody.
    "admin/*/delete/": "sign sign 403 403 403 403 sign",
    "admin/enrollment/pep/add/": "sign sign 403 403 403 200 sign",
    "admin/enrollment/resource/add/": "sign sign 403 403 403 200 sign",
    "admin/enrollment/accesspolicy/add/": "sign sign 403 403 403 200 sign",
    "admin/auth/group/add/": "sign sign 403 403 403 200 sign",
    "admin/enrollment/delegation/add/": "sign sign 200 200 403 403 sign",
    "admin/*/add/": "sign sign 403 403 403 403 sign",
    # Approvers answer, and nobody for them; approvers and admins revoke; admins suspend, retire, disable.
    "admin/enrollment/accessrequest/approve/": "sign sign away away 403 403 sign",
    "admin/enrollment/accessrequest/deny/": "sign sign away away 403 403 sign",
    "admin/enrollment/accessrequest/<int:pk>/*/": "sign sign 200 404 403 403 sign",
    "admin/enrollment/delegation/end/": "sign sign away 403 403 away sign",
    "admin/enrollment/delegation/<int:pk>/end/": "sign sign 200 403 403 200 sign",
    "admin/enrollment/grant/<int:pk>/*justified/": "sign sign 200 404 403 403 sign",
    "admin/enrollment/grant/*justified/": "sign sign away away 403 403 sign",
    "admin/enrollment/grant/revoke/": "sign sign away away 403 away sign",
    "admin/enrollment/grant/<int:pk>/*/": "sign sign 200 404 403 200 sign",
    "admin/enrollment/*/<int:pk>/*/": "sign sign 403 403 403 200 sign",
    "admin/enrollment/accessrequest/export/": "sign sign 403 403 200 200 sign",
    "admin/enrollment/grant/export/": "sign sign 403 403 200 200 sign",
    "admin/enrollment/auditevent/export/": "sign sign 403 403 200 200 sign",
    "admin/enrollment/auditevent/verify/": "sign sign 403 403 200 200 sign",
    "admin/enrollment/auditevent/reach/": "sign sign 403 403 200 200 sign",
    "admin/enrollment/review/export/": "sign sign 403 403 200 200 sign",
    "admin/enrollment/review/approvers/": "sign sign 403 403 200 200 sign",
    "admin/*/<path:object_id>/": "sign sign away away away away sign",
    # Approvers read what they may answer; auditors and admins read everything, and the audit log, which is what a history is.
    "admin/*/<path:object_id>/history/": "sign sign 403 403 200 200 sign",
    "admin/enrollment/accessrequest/<path:object_id>/*/": "sign sign 200 away 200 200 sign",
    "admin/enrollment/delegation/<path:object_id>/*/": "sign sign 200 away 200 200 sign",
    "admin/enrollment/grant/<path:object_id>/*/": "sign sign 200 away 200 200 sign",
    "admin/enrollment/review/<path:object_id>/*/": "sign sign 200 away 200 200 sign",
    "admin/enrollment/accessrequest/*": "sign sign 200 200 200 200 sign",
    "admin/enrollment/delegation/*": "sign sign 200 200 200 200 sign",
    "admin/enrollment/grant/*": "sign sign 200 200 200 200 sign",
    "admin/enrollment/review/*": "sign sign 200 200 200 200 sign",
    "admin/enrollment/device/re*/": "sign sign 403 403 403 away sign",
    "admin/enrollment/device/suspend/": "sign sign 403 403 403 away sign",
    "admin/enrollment/device/approve/": "sign sign 403 403 403 away sign",
    "admin/enrollment/device/lost/": "sign sign 403 403 403 away sign",
    "admin/enrollment/user/*able/": "sign sign 403 403 403 away sign",
    "admin/enrollment/user/leave/": "sign sign 403 403 403 away sign",
    "admin/enrollment/resource/retire/": "sign sign 403 403 403 away sign",
    "admin/enrollment/heldchange/confirm/": "sign sign 403 403 403 away sign",
    "admin/enrollment/heldchange/dismiss/": "sign sign 403 403 403 away sign",
    "admin/enforcement/pepstatus/lock_down/": "sign sign 403 403 403 away sign",
    "admin/enforcement/pepstatus/leave_open/": "sign sign 403 403 403 away sign",
    "admin/enforcement/pepstatus/<int:pk>/lock_down/": "sign sign 403 403 403 200 sign",
    "admin/enforcement/pepstatus/<int:pk>/leave_open/": "sign sign 403 403 403 200 sign",
    "admin/*/*/": "sign sign 403 403 200 200 sign",
}
# What POST answers where GET is 405; "own": it is for whoever has it, and tests/portal/test_every_form.py sends what they would.
POSTED = {
    "devices/<int:pk>/*/": "sign own 404 404 404 404 404",
    "handovers/": "sign own own own own own own",
    "handovers/<int:pk>/*/": "sign own 404 404 404 404 404",
    "phone/key/": "404",  # nobody here has come with a link
    "requests/<int:pk>/*/": "sign own 404 404 404 404 404",
    "grants/<int:pk>/end/": "sign own 404 404 404 404 404",
    "language/": "own",
    "accounts/oidc/logout/": "400",
}
REFUSED = {"sign", "400", "403", "404"}
BY_TOKEN = ("scim/",)  # machines that hold a secret: no cookie counts there


def addresses(patterns, before=""):
    """Yield every route of a URL configuration, as it is written there."""
    for each in patterns:
        route = before + str(each.pattern)
        if hasattr(each, "url_patterns"):
            yield from addresses(each.url_patterns, route)
        else:
            yield route


ROUTES = tuple(addresses(get_resolver().url_patterns))


def expected(route, table=EXPECTED):
    line = next((words for pattern, words in table.items() if fnmatchcase(route, pattern.replace("[", "[[]"))), "no line describes it")
    return " ".join([line] * 7) if " " not in line else line


def may_send(route):
    """Say of each of the seven what a POST is answered: what GET is, or what the other table says where GET is for nobody."""
    return expected(route, POSTED if expected(route).startswith("405") else EXPECTED).split()


def filled_in(route, numbers):
    """Put real values into a route: the number of a thing that exists, and is alice's where it is anybody's."""
    kind = re.match(r"(?:admin/\w+/)?(\w+)/", route)
    number = str(numbers.get(kind[1].removesuffix("s") if kind else "", 1))
    for pattern, value in (
        (r"\(\?P<app_label>.*\)/\$", "enrollment/"),
        (r"\(\?P<url>.*", "nowhere"),
        ("<slug:slug>", "fileshare"),
        (r"<[^>]+>", number),
    ):
        route = re.sub(pattern, value, route)
    return "/" + route.replace("^", "")


def in_a_word(answer):
    if answer.status_code not in {301, 302}:
        return str(answer.status_code)
    return "sign" if re.match(r"/(accounts/oidc|admin)/login/", answer.url) else "away"


@pytest.fixture
def numbers(pep, fileshare, alice, bob, laptop):
    return number_things(pep, fileshare, alice, bob, laptop)


def number_things(pep, fileshare, alice, bob, laptop):
    """Make everything alice can have; return the number of one thing of each kind."""
    now = timezone.now()
    waiting = factories.a_request(alice, fileshare, [laptop], now=now)
    other = factories.a_resource("wiki", pep=pep, policy=fileshare.policy, number=20, now=now)
    grant = factories.a_grant(alice, other, [laptop], reviewer=bob, now=now)
    PepStatus.objects.get_or_create(pep=pep, defaults={"busy_until": now, "due_at": now})
    held = Enforcement.objects.get_or_create(grant=grant, device=laptop, pep=pep, defaults={"wanted_at": now})[0]
    receipt = Receipt.objects.create(pep=pep, generation=1, at=now, outcome="applied", peers=1, admissions=1, took_ms=1)
    drift = Drift.objects.create(pep=pep, at=now, kind="element added", words="An element was added.")
    lent = factories.a_delegation(bob, delegate=factories.a_person("frank", groups=["employees"]), now=now)
    change = HeldChange.objects.create(group=alice.groups.first(), members=9, created_at=now, seen_at=now)
    DirectoryGroup.objects.create(group=change.group, since=now, changed_at=now)
    change.people.add(alice)
    handover, _token = lifecycle.make_handover(alice, now=now)
    lifecycle.offer_key(handover, public_key=factories.a_key("phone"), now=now)
    things = {
        "heldchange": change,
        "handover": handover,
        "delegation": lent,
        "user": alice,
        "pep": pep,
        "pepstatu": pep,
        "resource": fileshare,
        "device": laptop,
        "request": waiting,
        "accessrequest": waiting,
    }
    things |= {"grant": grant, "review": grant.request.reviews.get(), "auditevent": AuditEvent.objects.first(), "enforcement": held}
    things |= {"receipt": receipt, "drift": drift, "accesspolicy": fileshare.policy, "group": bob.groups.first()}
    return {name: thing.pk for name, thing in things.items()}


def an_approver_of_that(pep):
    """An approver, as bob is, of what nobody here has."""
    policy = factories.a_policy("of the printer", stages=[("printer-approvers", 1)])
    factories.a_resource("printer", pep=pep, policy=policy, number=35)
    return factories.a_person("grace", groups=["employees", "printer-approvers"])


@pytest.fixture
def browsers(pep, alice, bob, carol, dave, erin):
    """A browser for nobody, and one for each of them."""
    opened = [Client() for _person in range(7)]
    for browser, person in zip(opened[1:], (alice, bob, an_approver_of_that(pep), carol, dave, erin), strict=True):
        browser.force_login(person)
    return opened


def test_every_address_answers_everybody_as_the_table_says(numbers, browsers):
    found = {route: " ".join(in_a_word(browser.get(filled_in(route, numbers))) for browser in browsers) for route in ROUTES}
    assert found == {route: expected(route) for route in ROUTES}


def test_nobody_does_anything_by_post_where_they_may_not_look(numbers, browsers):
    """With nothing in it; what a person with the right would send, tests/portal/test_every_form.py sends for those without."""
    before = rows()
    asked = [(route, *each) for route in ROUTES for each in zip(may_send(route), browsers, strict=True) if each[0] in REFUSED]
    answers = [(route, word, in_a_word(browser.post(filled_in(route, numbers)))) for route, word, browser in asked]
    assert [each for each in answers if each[2] not in {each[1], "405"}] == []
    assert rows() == before
    assert len(answers) > 500


def test_nothing_can_be_sent_from_another_site(numbers, dave):
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(dave)
    by_cookie = [route for route in ROUTES if not route.startswith(BY_TOKEN)]
    answers = {route: forged.post(filled_in(route, numbers)) for route in by_cookie}
    said = {route: (answer.status_code, "The page was too old" in answer.text) for route, answer in answers.items()}
    signed = {"accounts/oidc/logout/": (400, False)}  # whoever has no signed token of the provider's gets nothing there
    assert said == dict.fromkeys(by_cookie, (403, True)) | signed


def test_what_goes_by_a_token_knows_no_session(numbers, dave, settings):
    settings.SCIM_TOKEN = "a token of this test, of more than 32 letters"
    signed_in = Client(enforce_csrf_checks=True)
    signed_in.force_login(dave)
    by_token = [route for route in ROUTES if route.startswith(BY_TOKEN)]
    assert by_token
    assert {signed_in.post(filled_in(route, numbers)).status_code for route in by_token} == {401}


def test_every_line_of_the_table_is_about_an_address_there_is():
    for table in (EXPECTED, POSTED):
        spoken_for = {next((pattern for pattern in table if fnmatchcase(route, pattern)), None) for route in ROUTES}
        assert set(table) - spoken_for == set()
