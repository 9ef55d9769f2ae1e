"""Somebody leaves: what ends for good, what stays, and what waits for nobody then."""

import pytest
from django.urls import reverse
from django.utils import timezone

from enrollment import facts, lifecycle
from enrollment.models import AuditEvent, Device, DeviceKey, Grant
from enrollment.policy import decide
from tests.factories import APPROVERS, a_device, a_key, a_person, a_policy, a_request, a_resource, later


def leave(user, actor, seconds=60):
    lifecycle.disable_user(user, actor=actor, now=later(seconds), leaves=True)


def test_a_leavers_devices_are_retired_for_good_whatever_state_they_were_in(alice, dave, laptop, settings):
    phone = a_device(alice, "phone")
    a_device(alice, "tablet")
    lifecycle.report_lost(phone, actor=alice, reason="", now=later(1))
    settings.ENROLMENT_NEEDS_APPROVAL = True
    a_device(alice, "new")
    leave(alice, dave)
    assert set(Device.objects.values_list("state", "retired_by", "retired_at")) == {("retired", dave.pk, later(60))}
    assert not DeviceKey.objects.filter(until=None).exists()
    told = dict(AuditEvent.objects.filter(verb="device.retired").values_list("subject", "data"))
    assert {name: (data["from"], data["to"]) for name, data in told.items()} == {
        "laptop": ("enrolled", "retired"),
        "phone": ("suspended", "retired"),
        "tablet": ("enrolled", "retired"),
        "new": ("pending", "retired"),
    }


def test_nothing_revives_when_a_leaver_comes_back(alice, dave, laptop, fileshare, grant_of_alice):
    leave(alice, dave)
    lifecycle.enable_user(alice, actor=dave, now=later(120))
    laptop.refresh_from_db()
    assert not decide(facts.facts_of(laptop, fileshare, later(120)), later(120))
    for verb in (lifecycle.resume_device, lifecycle.suspend_device):
        with pytest.raises(lifecycle.Conflict, match="retired by Dave"):
            verb(laptop, actor=dave, reason="", now=later(120))
    with pytest.raises(lifecycle.Refused, match="cannot be used"):
        a_device(alice, "again", key=laptop.public_key, now=later(120))
    assert a_device(alice, "laptop", key=a_key(), now=later(120)).state == "enrolled"


def test_who_is_only_disabled_keeps_their_devices(alice, dave, laptop, now):
    lifecycle.disable_user(alice, actor=dave, now=now)
    laptop.refresh_from_db()
    assert laptop.state == "enrolled"


def test_an_account_that_was_disabled_before_can_still_be_ended_for_good(alice, dave, laptop, fileshare, grant_of_alice, now):
    lifecycle.disable_user(alice, actor=dave, now=now)
    leave(alice, dave)
    assert (Grant.objects.get().state, Device.objects.get().state) == ("revoked", "retired")
    event = AuditEvent.objects.filter(verb="user.disabled").first()
    assert (event.data["from"], event.data["to"], event.data["leaves"]) == ("disabled", "disabled", True)
    with pytest.raises(lifecycle.Conflict, match="disabled by Dave"):
        leave(alice, dave, 120)


def test_what_a_leaver_granted_to_others_stays(bob, dave, laptop, fileshare, grant_of_alice):
    leave(bob, dave)
    assert decide(facts.facts_of(laptop, fileshare, later(60)), later(60))


def test_nobody_elses_devices_are_retired(alice, erin, dave):
    hers = a_device(erin)
    leave(alice, dave)
    hers.refresh_from_db()
    assert hers.state == "enrolled"


def test_the_log_alone_tells_when_a_leaver_was_out(alice, dave, laptop, fileshare, grant_of_alice):
    leave(alice, dave)
    assert [bool(facts.reachable_by(fileshare, later(at))) for at in (59, 60)] == [True, False]


def test_a_request_whose_last_approver_left_waits_in_vain(bob, dave, request_of_alice):
    assert facts.orphans(later(60)) == frozenset()
    leave(bob, dave)
    assert facts.orphans(later(60)) == {request_of_alice.pk}


def test_it_waits_no_longer_in_vain_when_somebody_joins_the_group(bob, dave, request_of_alice):
    leave(bob, dave)
    a_person("gina", groups=[APPROVERS])
    assert facts.orphans(later(60)) == frozenset()


def test_the_requester_is_nobody_who_could_answer(bob, dave, pep, now):
    gina = a_person("gina", groups=[APPROVERS])
    wiki = a_resource("wiki", pep=pep, number=20)
    asked = a_request(bob, wiki, [a_device(bob, "bobs")])
    assert facts.orphans(now) == frozenset()
    leave(gina, dave)
    assert facts.orphans(later(60)) == {asked.pk}


def test_who_said_yes_already_does_not_count_as_somebody_who_could(alice, bob, dave, laptop, pep, now):
    brenda = a_person("brenda", groups=[APPROVERS])
    vault = a_resource("vault", pep=pep, policy=a_policy("vault", stages=[(APPROVERS, 2)]))
    asked = a_request(alice, vault, [laptop])
    lifecycle.approve(asked, reviewer=bob, now=now)
    assert facts.orphans(later(60)) == frozenset()
    leave(brenda, dave)
    assert facts.orphans(later(60)) == {asked.pk}


def test_a_leavers_yes_must_be_given_by_somebody_else(alice, bob, dave, laptop, pep, now):
    brenda, frank = (a_person(name, groups=[APPROVERS]) for name in ("brenda", "frank"))
    vault = a_resource("vault", pep=pep, policy=a_policy("vault", stages=[(APPROVERS, 2)]))
    asked = a_request(alice, vault, [laptop])
    lifecycle.approve(asked, reviewer=bob, now=now)
    leave(bob, dave)
    assert lifecycle.approve(asked, reviewer=brenda, now=later(70)) is None
    assert facts.orphans(later(80)) == frozenset()
    leave(frank, dave, 90)
    assert facts.orphans(later(100)) == {asked.pk}


def test_nobody_fills_two_seats(alice, bob, dave, laptop, pep):
    both = a_person("both", groups=[APPROVERS, "security"])
    sam = a_person("sam", groups=["security"])
    vault = a_resource("vault", pep=pep, policy=a_policy("vault", stages=[(APPROVERS, 1), ("security", 1)]))
    asked = a_request(alice, vault, [laptop])
    leave(bob, dave)
    assert facts.orphans(later(60)) == frozenset()
    leave(sam, dave)
    assert both.is_active
    assert facts.orphans(later(60)) == {asked.pk}


def test_an_orphan_still_lapses_in_time(bob, dave, request_of_alice):
    leave(bob, dave)
    assert lifecycle.lapse_due(request_of_alice.answer_by) == 1
    assert facts.orphans(request_of_alice.answer_by) == frozenset()


@pytest.fixture
def orphan(alice, bob, laptop, fileshare, dave):
    now = timezone.now()
    asked = a_request(alice, fileshare, [laptop], now=now)
    lifecycle.disable_user(bob, actor=dave, now=now, leaves=True)
    return asked


def test_the_requester_is_told_that_nobody_can_answer(client, alice, orphan):
    client.force_login(alice)
    pages = [client.get(page).text for page in (reverse("request", args=[orphan.pk]), "/")]
    assert [("Nobody can answer this any more" in page, "Waiting in vain" in page) for page in pages] == [(True, True)] * 2


def test_admins_find_it_in_a_list_of_its_own(client, dave, carol, orphan):
    client.force_login(dave)
    assert "One request can be answered by nobody any more" in client.get("/").text
    rows = client.get(reverse("admin:enrollment_accessrequest_changelist"), {"waiting": "orphans"}).context["cl"].result_list
    assert [asked.pk for asked in rows] == [orphan.pk]
    client.force_login(carol)
    assert "answered by nobody" not in client.get("/").text


def test_a_request_that_can_be_answered_says_nothing_of_the_kind(client, alice, dave, laptop, fileshare):
    asked = a_request(alice, fileshare, [laptop], now=timezone.now())
    client.force_login(alice)
    assert "in vain" not in client.get(reverse("request", args=[asked.pk])).text
    client.force_login(dave)
    assert not client.get(reverse("admin:enrollment_accessrequest_changelist"), {"waiting": "orphans"}).context["cl"].result_list


def test_an_admin_records_that_somebody_left(client, alice, dave, laptop):
    client.force_login(dave)
    page = client.get(reverse("admin:enrollment_user_change", args=[alice.pk]))
    assert [offer["label"] for offer in page.context["verbs"]] == ["Disable", "Has left"]
    client.post(reverse("admin:enrollment_user_leave", args=[alice.pk]), {})
    laptop.refresh_from_db()
    assert laptop.state == "retired"
    page = client.get(reverse("admin:enrollment_user_change", args=[alice.pk]))
    assert [offer["label"] for offer in page.context["verbs"]] == ["Enable"]
