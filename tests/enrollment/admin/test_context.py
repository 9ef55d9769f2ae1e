"""What an approver reads before they answer: what was had before and whether it was used, and who else must agree."""

from datetime import timedelta

import pytest
from django.utils import timezone

from enforcement.models import Enforcement
from enrollment import lifecycle
from tests import factories
from tests.factories import later

HEARD = "once, last until 2026-03-02 at 10:00:00 UTC; used, last heard on 2026-03-02 at 09:40:00 UTC"


@pytest.fixture
def again(alice, bob, fileshare, laptop, pep, now):
    """What alice asks again: she had it once and used it, and was refused it once."""
    first = factories.a_grant(alice, fileshare, [laptop], reviewer=bob)
    times = {"wanted_at": later(), "in_force_at": later(1), "heard_at": later(2400)}
    Enforcement.objects.create(grant=first, device=laptop, pep=pep, state="gone", **times)
    lifecycle.expire_due(now=later(hours=2))
    refused = factories.a_request(alice, fileshare, [laptop], now=later(days=1))
    lifecycle.deny(refused, reviewer=bob, comment="use the mirror", now=later(60, days=1))
    return factories.a_request(alice, fileshare, [laptop], now=now)


def test_what_was_had_before_and_whether_it_was_used_stands_on_every_page(browse, bob, again, url, words):
    client = browse(bob)
    assert HEARD in words(client.get(url("accessrequest_changelist")))
    page = words(client.get(url("accessrequest_change", again.pk)))
    assert HEARD in page
    assert "2026-03-03 09:00 UTC, for 1 h: Bob: denied: use the mirror 2026-03-02 09:00 UTC, for 1 h: expired, until" in page
    assert "Had it before once, last until 2 Mar 2026, 10:00 UTC ; used, last heard" in words(
        client.get(url("accessrequest_approve", again.pk))
    )


def test_what_others_had_is_not_said_of_them(browse, bob, again, erin, fileshare, url, words):
    asked = factories.a_request(erin, fileshare, [factories.a_device(erin)], now=timezone.now())
    page = words(browse(bob).get(url("accessrequest_change", asked.pk)))
    assert "last heard" not in page
    assert "use the mirror" not in page


def test_what_they_have_now_or_will_have_is_told_apart_from_what_they_had(browse, bob, again, fileshare, now, url, words):
    client, laptop = browse(bob), again.requester.devices.get()
    held = lifecycle.approve(again, reviewer=bob, now=now)
    more = factories.a_request(again.requester, fileshare, [laptop], now=now + timedelta(seconds=1), extends=held)
    for page in (url("accessrequest_changelist"), url("accessrequest_change", more.pk), url("accessrequest_approve", more.pk)):
        said = words(client.get(page))
        assert f"has it now, until {held.ends_at:%Y-%m-%d at %H:%M:%S} UTC" in said, page
        assert "once, last until" in said, page
    lifecycle.approve(more, reviewer=bob, now=now + timedelta(seconds=2))
    # What came later than a request was not had before it.
    first = words(client.get(url("accessrequest_change", again.pk)))
    assert ("has it now" in first, "will have it" in first, HEARD in first) == (False, False, True)
    third = factories.a_request(
        again.requester, fileshare, [laptop], now=now + timedelta(seconds=3), seconds=600, starts_at=later(days=3, since=now)
    )
    assert f"will have it from {held.ends_at:%Y-%m-%d at %H:%M:%S} UTC until" in words(client.get(url("accessrequest_change", third.pk)))


def test_emergency_access_that_they_have_is_called_so(browse, bob, erin, pep, now, url, words):
    policy = factories.a_policy("servers", break_glass_longest=3600, now=now)
    servers = factories.a_resource("servers", pep=pep, policy=policy, number=30, now=now)
    device = factories.a_device(erin)
    factories.an_emergency(erin, servers, [device], now=now)
    asked = factories.a_request(erin, servers, [device], now=now + timedelta(seconds=1))
    page = words(browse(bob).get(url("accessrequest_change", asked.pk)))
    assert "has it now, until" in page
    assert "emergency access, not reviewed yet" in page
    assert "once" not in page


@pytest.fixture
def staged(alice, bob, laptop, pep, now):
    """Two of the approvers and then one owner must agree; bob has."""
    for name, group in (("gina", factories.APPROVERS), ("harry", factories.APPROVERS), ("olga", "owners")):
        factories.a_person(name, groups=["employees", group])
    policy = factories.a_policy("staged", stages=[(factories.APPROVERS, 2), ("owners", 1)])
    asked = factories.a_request(alice, factories.a_resource("ledger", pep=pep, policy=policy, number=20), [laptop], now=now)
    lifecycle.approve(asked, reviewer=bob, now=now)
    return asked


def test_who_must_agree_stands_there_one_after_the_other_and_who_can_answer_now(browse, carol, bob, staged, url, words):
    page = words(browse(carol).get(url("accessrequest_change", staged.pk)))
    assert f"2 of {factories.APPROVERS}: yes by Bob: waits for 1 then 1 of owners: not its turn yet" in page
    assert "Who can answer now: Gina, Harry " in page
    assert f"Who must agree 2 of {factories.APPROVERS}: yes by Bob: waits for 1" in words(
        browse(bob).get(url("accessrequest_approve", staged.pk))
    )


def test_of_a_closed_request_nothing_waits_any_more(browse, carol, alice, staged, url, words):
    lifecycle.cancel_request(staged, actor=alice, now=timezone.now())
    page = words(browse(carol).get(url("accessrequest_change", staged.pk)))
    assert f"2 of {factories.APPROVERS}: yes by Bob then 1 of owners " in page
    assert "Who can answer now: - " in page
