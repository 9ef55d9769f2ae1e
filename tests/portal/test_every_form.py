"""Every form that anybody is shown: fields it does not show change nothing, and nothing typed into it is an error of ours.

Each POST here is undone again, so that the next one finds the same world.
"""

import re
from collections import Counter

import pytest
from django.db import transaction
from django.test import Client, override_settings
from django.urls import resolve
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enforcement.models import PepStatus
from enrollment import clock, lifecycle
from enrollment.models import Resource
from tests import factories
from tests.enrollment.test_break_glass import TERMS
from tests.portal.bad_inputs import ALLOWED, fields_of
from tests.portal.forms import Form, Tried, every_form, last_part, rows
from tests.portal.test_url_matrix import REFUSED, ROUTES, SEVEN, an_approver_of_that, filled_in, in_a_word, may_send, number_things

pytestmark = pytest.mark.django_db
HARMLESS = re.compile(r"/(accounts/logout|admin/logout|language)/$")  # on every page, about the browser alone
FORGED = (
    *("is_staff", "is_superuser", "is_auditor", "is_active", "groups", "user_permissions", "password", "memberships-0-group"),
    *("state", "status", "starts_at", "ends_at", "expires_at", "ended_at", "retired_at", "suspended_at", "lost_at", "created_at"),
    *("approved_by", "closed_by", "ended_by", "suspended_by", "reviewer", "owner", "user", "requester", "delegator", "actor"),
    *("address_v4", "address_v6", "slot", "public_key", "key_origin", "review_due", "is_break_glass", "policy_version", "verdict"),
    *("seconds", "slug", "id", "pk", "seq", "hash", "lease_seconds", "retired_by", "address_freed_at"),
)


class Site:
    """Everybody's pages, and every form on them."""

    def __init__(self):
        self.people = {name: factories.a_person(name) for name in SEVEN if name not in {"nobody", "grace"}}
        self.pep = factories.a_pep()
        self.people["grace"] = an_approver_of_that(self.pep)
        fileshare = factories.a_resource("fileshare", pep=self.pep)
        alice, bob = self.people["alice"], self.people["bob"]
        self.numbers = number_things(self.pep, fileshare, alice, bob, factories.a_device(alice))
        factories.a_resource("printers", pep=self.pep, number=30)
        more = self.more_of(alice, fileshare)
        self.browsers = {name: self.signed_in(person) for name, person in self.people.items()}
        pages = [*dict.fromkeys(filled_in(route, self.numbers) for route in ROUTES), *more]
        before = rows()
        shown = [(name, form) for name, browser in self.browsers.items() for form in every_form(browser, pages)]
        self.looked_at = before, rows()
        each_once = {self.key(name, form): (name, form) for name, form in shown if not HARMLESS.search(form.action)}.values()
        self.forms = [(name, form) for name, form in each_once if form.method == "post"]
        self.questions = [(name, form) for name, form in each_once if form.method == "get"]
        self.before = rows()

    def more_of(self, alice, fileshare):
        """What is not in its usual state, so that pages offer what they offer then."""
        now = timezone.now()
        lost, waiting = (factories.a_device(alice, name, now=now) for name in ("lost", "put away"))
        lifecycle.report_lost(lost, actor=alice, reason="on a train", now=now)
        lifecycle.suspend_device(waiting, actor=alice, reason="for the holidays", now=now)
        live = alice.grants.get()
        printers, scanners = Resource.objects.get(slug="printers"), factories.a_resource("scanners", pep=self.pep, number=31)
        places = [f"/devices/{each.pk}/{page}" for each in (lost, waiting) for page in ("", "key/")]
        places += [f"/requests/{live.request_id}/", "/resources/printers/request/", f"/resources/wiki/request/?extends={live.pk}"]
        return [
            *places,
            f"/requests/new/?resource={scanners.pk}&resource={printers.pk}",
            *self.urgent(now),
            *self.in_the_admin(waiting, now),
        ]

    def urgent(self, now):
        """Emergency access: to take, and what somebody took and waits for its review."""
        servers = factories.a_resource("servers", pep=self.pep, policy=factories.a_policy("servers", **TERMS), number=32)
        henry = factories.a_person("henry")
        taken = factories.an_emergency(henry, servers, [factories.a_device(henry, now=now)], now=now)
        return [
            "/resources/servers/emergency/",
            *(f"/admin/enrollment/grant/{taken.pk}/{verb}/" for verb in ("justified", "not_justified")),
        ]

    def in_the_admin(self, waiting, now):
        """What is only done to what is not as usual: let in, let in again, reach no more."""
        with override_settings(ENROLMENT_NEEDS_APPROVAL=True):
            new = factories.a_device(self.people["alice"], "new", now=now)
        pep = factories.a_pep(2)
        PepStatus.objects.update_or_create(pep=pep, defaults={"busy_until": now, "due_at": now, "lock": PepStatus.Lock.LOST})
        places = [f"/admin/enrollment/device/{new.pk}/refuse/", f"/admin/enrollment/device/{waiting.pk}/resume/"]
        return [*places, f"/admin/enforcement/pepstatus/{pep.pk}/leave_open/"]

    def signed_in(self, person):
        browser = Client(raise_request_exception=False)  # an error of ours is an answer of 500, with where it came from in the log
        browser.force_login(person)
        return browser

    def key(self, name, form):
        return name, form.action, form.page, tuple(sorted(set(form.sent) | set(form.options)))

    def send(self, person, form, more=None):
        return Tried(self.browsers[person], form, {**form.filled(), **(more or {})})


@pytest.fixture(scope="module")
def site(django_db_setup, django_db_blocker):
    """One world for all tests here, at one moment: what is sent twice is then the same twice."""
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch, transaction.atomic():
        moment = timezone.now()
        patch.setattr(timezone, "now", lambda: moment)  # of what Django writes by itself
        patch.setattr(clock, "look", lambda: clock.Reading(moment, moment))
        yield Site()
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def plain(site):
    """What each form does, sent as it is meant."""
    return [(name, form, site.send(name, form)) for name, form in site.forms]


def test_fields_that_a_form_does_not_show_change_nothing(site, plain):
    erin = str(site.people["erin"].pk)
    values = {"state": "approved", "verdict": "approve", "public_key": factories.a_key("forged"), "address_v4": "10.89.0.99"}
    changed = []
    for name, form, as_meant in plain:
        own = {last_part(each) for each in {**form.sent, **form.options}}
        extra = {each: values.get(each, "2099-01-01" if each.endswith("_at") else erin) for each in FORGED if each not in own}
        if site.send(name, form, extra).rows != as_meant.rows:
            changed.append((name, form.action))
    assert changed == []


def test_most_forms_did_something_when_they_were_sent_as_meant(site, plain):
    did = Counter(name for name, _form, tried in plain if tried.rows not in (site.before, None))
    assert did["alice"] >= 9
    assert did["bob"] >= 5
    assert did["dave"] >= 18


def test_every_address_that_takes_a_post_from_somebody_has_a_form_that_was_sent(site, plain):
    """An address that changes something without a form here would never be tried by these tests."""
    sent = {resolve(form.action.partition("?")[0]).route for _name, form, _tried in plain}
    takes = set()
    for route in ROUTES:
        for browser in (site.browsers[name] for name in ("alice", "bob", "dave")):
            tried = Tried(browser, Form(action=filled_in(route, site.numbers)), {})
            if tried.answer.status_code in {409, 422} or tried.rows not in (site.before, None):
                takes.add(route)
    assert {route for route in takes if not HARMLESS.search("/" + route)} - sent == set()


def test_who_may_only_look_changes_nothing_but_what_is_their_own(site, plain):
    own = {
        "/devices/new/",
        "/handovers/",
        "/resources/printers/request/",
        "/requests/new/",
        "/admin/enrollment/accessrequest/export/",
        "/admin/enrollment/auditevent/export/",
        "/admin/enrollment/auditevent/verify/",
        "/admin/enrollment/grant/export/",
        "/admin/enrollment/review/approvers/",
        "/admin/enrollment/review/export/",
    }
    changed = {form.action.partition("?")[0] for name, form, tried in plain if name == "carol" and tried.rows not in (site.before, None)}
    assert changed <= own


def test_a_form_that_somebody_else_is_shown_does_nothing_and_is_refused_as_the_table_of_addresses_says(site):
    """Each form filled in and sent by each of the seven who is shown none like it there."""
    shown, wrong, count = {(name, form.action) for name, form in site.forms}, [], 0
    with transaction.atomic():
        fullest = sorted(((form.action, form.filled()) for _name, form in site.forms), key=lambda each: len(each[1]))
        for action, filled in dict(fullest).items():
            words = dict(zip(SEVEN, may_send(resolve(action.partition("?")[0]).route), strict=True))
            for name in (each for each in SEVEN if (each, action) not in shown):
                answer, count = in_a_word(site.browsers.get(name, Client()).post(action, filled)), count + 1
                if words[name] in REFUSED and answer not in {words[name], "405"}:
                    wrong.append((name, action, answer))
        after = rows()
        transaction.set_rollback(True)
    assert wrong == []
    assert after == site.before
    assert count > 400


def test_looking_at_every_page_as_everybody_changes_no_row(site):
    before, after = site.looked_at
    assert before == after


def test_whatever_is_wrong_in_a_field_is_said_at_it_in_both_languages_and_nothing_is_written(site, plain):
    did_first = sorted(plain, key=lambda each: each[2].rows in (site.before, None))
    fields = fields_of(site, [*((name, form) for name, form, _tried in did_first), *site.questions])
    faults = {str(each): found for each in fields if (found := each.faults(site.before))}
    assert faults == {}
    assert len(fields) > 100


def test_texts_that_nobody_should_mind_are_kept_as_they_are_and_shown_as_text(site, plain):
    did = [(name, form) for name, form, tried in plain if tried.rows not in (site.before, None) and "ids" not in form.sent]
    texts = [(each, text) for each in fields_of(site, did) for text in ALLOWED.get(each.kind, ())]
    assert [(str(each), text) for each, text in texts if not each.keeps(text, site.before)] == []
    assert len(texts) > 60


NASTY = [
    *("", " ", "\x00", "\r\nBcc: x@example.com", "\u202eexe.txt", "\u3164", "\ud800".encode("utf-8", "replace").decode(), "\U0001f512"),
    *("0", "-1", "1e309", "NaN", "9" * 19, "9" * 30, "9" * 5000, "1.5", "0x10", "\u0661", "2099-99-99", "9999-12-31 23:59", "24:00"),
    *(
        "<script>alert(1)</script>",
        "{{ 7*7 }}",
        "$(id)",
        "; flush ruleset; #",
        "' OR 1=1 --",
        "=cmd()",
        "../../etc/passwd",
        "%s%n",
        "a" * 10_000,
    ),
    *(b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80"),
]
texts = st.sampled_from(NASTY) | st.text(max_size=60) | st.integers(-(2**70), 2**70).map(str)


def test_whatever_is_typed_is_no_error_of_ours_and_leaves_nothing_half_done(site, rounds):
    @settings(max_examples=rounds(150, 5000), deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(site.forms), st.data())
    def type_anything(found, data):
        name, form = found
        fields = sorted({*form.filled(), *form.typed, *form.options})
        chosen = data.draw(st.lists(st.sampled_from(fields), min_size=1, max_size=3, unique=True)) if fields else []
        tried = site.send(name, form, {each: data.draw(st.lists(texts, max_size=2) if each in form.options else texts) for each in chosen})
        status = tried.answer.status_code
        assert status < 500
        is_done = status == 302 or tried.answer.streaming or b"data-ready" in tried.body or b"data-link" in tried.body
        is_done = is_done or form.action.endswith("/verify/")  # takes no words, and notes what came of it on the page that answers
        assert is_done or (tried.rows in (site.before, None) and not tried.nudges)

    type_anything()
