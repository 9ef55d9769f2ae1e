"""One decision sent twice at the same moment, by two windows of one person: one page says done, the other says who was faster."""

import pytest
from django.urls import reverse
from django.utils import timezone

from enrollment import lifecycle
from enrollment.models import AccessPolicy, AuditEvent, AuditHead, User
from tests import factories
from tests.races import at_once, check_log

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]


@pytest.fixture
def rows(asked, foreign, frank, bob, alice, laptop, fileshare, now):
    """What there is to decide about, by name."""
    granted = lifecycle.approve(foreign, reviewer=frank, now=now)
    return {"asked": asked, "granted": granted, "laptop": laptop, "fileshare": fileshare, "alice": alice}


DECISIONS = [
    ("bob", "admin:enrollment_accessrequest_approve", "asked", {"at_most": "", "comment": ""}, "request.approved"),
    ("bob", "admin:enrollment_accessrequest_deny", "asked", {"comment": "no"}, "request.denied"),
    ("frank", "admin:enrollment_grant_revoke", "granted", {"reason": "enough"}, "grant.revoked"),
    ("dave", "admin:enrollment_device_suspend", "laptop", {"reason": "why"}, "device.suspended"),
    ("dave", "admin:enrollment_device_retire", "laptop", {"reason": "why"}, "device.retired"),
    ("dave", "admin:enrollment_user_disable", "alice", {}, "user.disabled"),
    ("dave", "admin:enrollment_resource_retire", "fileshare", {}, "resource.retired"),
    ("alice", "request-cancel", "asked", {}, "request.cancelled"),
    ("alice", "grant-end", "granted", {"reason": ""}, "grant.revoked"),
    ("alice", "device-suspend", "laptop", {}, "device.suspended"),
    ("alice", "device-lost", "laptop", {}, "device.reported_lost"),
    ("alice", "device-retire", "laptop", {}, "device.retired"),
]


@pytest.mark.parametrize("decision", DECISIONS, ids=[f"{who}: {verb}" for who, *_, verb in DECISIONS])
def test_a_decision_sent_twice_at_once_is_made_once_and_a_409(decision, dave, browse, rows, words):
    who, page, about, answer, verb = decision
    before = AuditHead.objects.get().seq
    windows = [browse(User.objects.get(name=who.title())) for _ in range(2)]
    address = reverse(page, args=[rows[about].pk])
    responses = at_once(*(lambda window=window: window.post(address, answer) for window in windows), lined_up=True)
    assert sorted(response.status_code for response in responses) == [302, 409]
    loser = next(response for response in responses if response.status_code == 409)
    assert f"by {who.title()} on {timezone.now():%Y-%m-%d}" in words(loser)
    assert AuditEvent.objects.filter(verb=verb, seq__gt=before).count() == 1
    check_log()


def test_a_bulk_decision_sent_twice_at_once_is_made_once(browse, bob, asked, url, words):
    windows = [browse(bob) for _ in range(2)]
    answer = {"ids": str(asked.pk), "at_most": "", "comment": ""}
    sent = [lambda window=window: window.post(url("accessrequest_approve_many"), answer, follow=True) for window in windows]
    pages = [words(page) for page in at_once(*sent, lined_up=True)]
    assert sorted("Alice: Fileshare: Approved until" in page for page in pages) == [False, True]
    assert sorted("Alice: Fileshare: The request was approved by Bob on" in page for page in pages) == [False, True]
    assert AuditEvent.objects.filter(verb="grant.made").count() == 1
    check_log()


@pytest.mark.parametrize("terms_first", [True, False])
def test_new_terms_and_the_sign_in_of_somebody_they_name_do_not_wait_for_each_other(terms_first, browse, dave, erin, fileshare, url, now):
    """Terms name the group that erin loses at that moment: whichever comes first, she answers nothing afterwards."""
    policy = AccessPolicy.objects.get()
    terms = {"name": "Renamed", "time_to_answer": "1 d", "longest_grant": "8 h", "rolling_total": "1 d 16 h", "rolling_window": "7 d"}
    empty = {"group_2": "", "need_2": "", "group_3": "", "need_3": "", "session_length": "", "versions-INITIAL_FORMS": "0"}
    named = {"group_1": factories.a_group("employees").pk, "need_1": "1", "versions-TOTAL_FORMS": "0"}
    window = browse(dave)
    save = lambda: window.post(url("accesspolicy_change", policy.pk), {**terms, **empty, **named}).status_code  # noqa: E731
    sign_in = lambda: lifecycle.sign_in(erin, groups=[], name="Erin", email="erin@example.com", auth_time=now, now=now) and None  # noqa: E731
    first, second = (save, sign_in) if terms_first else (sign_in, save)
    assert set(at_once(first, second, in_order=True)) == {302, None}
    assert policy.current.stages.get().group.name == "employees"
    assert not User.objects.get(pk=erin.pk).is_staff
    check_log()
