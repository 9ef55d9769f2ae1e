"""Where enrolment needs approval: a new device waits, reaches nothing, and an admin who is not its owner decides."""

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from enrollment import facts, lifecycle, notices
from enrollment.models import AuditEvent, Device
from enrollment.policy import decide
from tests import factories
from tests.factories import a_device, a_request, later


@pytest.fixture(autouse=True)
def _approval(settings):
    settings.ENROLMENT_NEEDS_APPROVAL = True


@pytest.fixture
def gina(db):
    """A second admin."""
    return factories.a_person("gina", groups=[factories.ADMINS])


def why_not(device, resource, now):
    return decide(facts.facts_of(device, resource, now), now).reasons


def last_event():
    event = AuditEvent.objects.first()
    return event.verb, event.actor, event.data.get("from"), event.data.get("to")


def test_without_the_setting_a_device_is_in_at_once(alice, settings):
    settings.ENROLMENT_NEEDS_APPROVAL = False
    assert a_device(alice).state == "enrolled"


def test_a_new_device_waits_with_its_addresses(laptop):
    assert (laptop.state, laptop.addresses) == ("pending", ("10.89.0.2", "fd89::2"))
    assert last_event() == ("device.enrolled", "Alice", None, "pending")


def test_what_waits_counts_against_the_limit(alice, settings):
    settings.DEVICE_LIMIT = 1
    a_device(alice)
    with pytest.raises(lifecycle.Refused, match="that is the limit"):
        a_device(alice, "phone")


def test_nothing_can_be_asked_for_with_it(alice, laptop, fileshare, now):
    with pytest.raises(lifecycle.Refused, match="cannot be used now: it is pending"):
        a_request(alice, fileshare, [laptop])
    assert "The device waits for approval." in why_not(laptop, fileshare, now)


def test_an_admin_lets_it_in(alice, dave, laptop, fileshare):
    lifecycle.approve_device(laptop, actor=dave, now=later(60))
    assert (laptop.state, laptop.approved_by, laptop.approved_at) == ("enrolled", dave, later(60))
    assert last_event() == ("device.approved", "Dave", "pending", "enrolled")
    assert a_request(alice, fileshare, [laptop]).state == "pending"


def test_an_admin_refuses_it_for_good(dave, laptop):
    lifecycle.refuse_device(laptop, actor=dave, reason="not a company laptop", now=later(60))
    assert (laptop.state, laptop.retired_at, laptop.refusal) == ("retired", later(60), "not a company laptop")
    assert laptop.keys.get().until == later(60)
    assert last_event() == ("device.refused", "Dave", "pending", "retired")
    with pytest.raises(lifecycle.Conflict, match="refused by Dave on 2026-03-02 at 09:01:00"):
        lifecycle.approve_device(laptop, actor=dave, now=later(120))


def test_a_refusal_says_why(dave, laptop, now):
    with pytest.raises(lifecycle.Refused, match="Give a reason"):
        lifecycle.refuse_device(laptop, actor=dave, reason=" ", now=now)
    laptop.refresh_from_db()
    assert laptop.state == "pending"


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "erin"])
def test_nobody_but_an_admin_decides(request, name, laptop, now):
    person = request.getfixturevalue(name)
    with pytest.raises(lifecycle.Refused, match="Only an admin"):
        lifecycle.approve_device(laptop, actor=person, now=now)
    with pytest.raises(lifecycle.Refused, match="Only an admin"):
        lifecycle.refuse_device(laptop, actor=person, reason="no", now=now)
    laptop.refresh_from_db()
    assert laptop.state == "pending"


def test_not_even_a_superuser_lets_in_a_device_of_their_own(dave, gina, now):
    own = a_device(dave, "own")
    with pytest.raises(lifecycle.Refused, match="Ask another admin"):
        lifecycle.approve_device(own, actor=dave, now=now)
    with pytest.raises(lifecycle.Refused, match="Ask another admin"):
        lifecycle.refuse_device(own, actor=dave, reason="mine", now=now)
    lifecycle.approve_device(own, actor=gina, now=now)
    assert own.state == "enrolled"


def test_the_database_holds_no_device_that_its_owner_let_in(dave, now):
    own = a_device(dave, "own")
    with pytest.raises(IntegrityError, match="device_not_let_in_by_its_owner"), transaction.atomic():
        Device.objects.filter(pk=own.pk).update(state="enrolled", approved_by=dave, approved_at=now)


def test_an_admin_who_was_disabled_decides_nothing(dave, laptop, now):
    lifecycle.disable_user(dave, actor=None, now=now)
    with pytest.raises(lifecycle.Refused, match="Only an admin"):
        lifecycle.approve_device(laptop, actor=dave, now=now)


def test_the_device_of_a_disabled_account_is_not_let_in(alice, dave, laptop, now):
    lifecycle.disable_user(alice, actor=dave, now=now)
    with pytest.raises(lifecycle.Refused, match="disabled"):
        lifecycle.approve_device(laptop, actor=dave, now=now)


def test_the_second_admin_hears_who_decided_and_when(dave, gina, laptop):
    lifecycle.approve_device(laptop, actor=dave, now=later(0))
    before = AuditEvent.objects.count()
    for decide_again in (lambda: lifecycle.approve_device(laptop, actor=gina, now=later(9)), lambda: refuse(laptop, gina)):
        with pytest.raises(lifecycle.Conflict, match="approved by Dave on 2026-03-02 at 09:00:00"):
            decide_again()
    assert AuditEvent.objects.count() == before


def refuse(device, actor):
    lifecycle.refuse_device(device, actor=actor, reason="no", now=later(9))


def test_a_device_that_never_had_to_wait_cannot_be_let_in(alice, dave, settings, now):
    settings.ENROLMENT_NEEDS_APPROVAL = False
    with pytest.raises(lifecycle.Conflict, match="needs no approval"):
        lifecycle.approve_device(a_device(alice), actor=dave, now=now)


def test_its_owner_may_retire_what_waits_but_not_suspend_it_or_report_it_lost(alice, laptop, now):
    with pytest.raises(lifecycle.Conflict, match="waits for approval"):
        lifecycle.suspend_device(laptop, actor=alice, reason="", now=now)
    with pytest.raises(lifecycle.Refused, match="Retire it"):
        lifecycle.report_lost(laptop, actor=alice, reason="", now=now)
    lifecycle.retire_device(laptop, actor=alice, reason="", now=now)
    assert (laptop.state, laptop.refusal) == ("retired", "")


def test_a_device_that_waits_comes_in_by_no_other_way(alice, dave, laptop, now):
    new = {"public_key": factories.a_key(), "key_origin": "pasted", "actor": alice, "now": now}
    with pytest.raises(lifecycle.Conflict):
        lifecycle.resume_device(laptop, actor=dave, reason="", now=now)
    with pytest.raises(lifecycle.Conflict):
        lifecycle.bring_back_device(laptop, **new)
    lifecycle.rotate_key(laptop, **new)
    assert laptop.state == "pending"


def mails():
    mail.outbox.clear()
    notices.send_due(timezone.now() + factories.timedelta(seconds=1))
    return {(message.to[0], message.subject): message.body for message in mail.outbox}


def test_its_owner_and_the_other_admins_are_mailed_and_nobody_else(alice, bob, carol, dave, erin, laptop):
    found = mails()
    assert set(found) == {
        ("alice@example.com", "Your device laptop was enrolled, and waits for approval"),
        ("dave@example.com", "A device of Alice waits for approval"),
    }
    assert laptop.fingerprint in found["dave@example.com", "A device of Alice waits for approval"]
    assert "retire it on its page" in found["alice@example.com", "Your device laptop was enrolled, and waits for approval"]


def test_an_admin_is_not_asked_about_a_device_of_their_own(dave, gina):
    a_device(dave, "own")
    assert [to for to, subject in mails() if "of Dave waits" in subject] == ["gina@example.com"]


def test_its_owner_hears_what_was_decided(alice, dave, laptop, now):
    mails()
    lifecycle.approve_device(laptop, actor=dave, now=now)
    phone = a_device(alice, "phone")
    lifecycle.refuse_device(phone, actor=dave, reason="not ours", now=now)
    found = mails()
    assert "by Dave" in found["alice@example.com", "Your device laptop was approved"]
    assert "not ours" in found["alice@example.com", "Your device phone was refused"]


def test_the_device_page_says_that_it_waits_and_offers_only_to_retire_it(client, alice, laptop, fileshare):
    client.force_login(alice)
    page = client.get(reverse("device", args=[laptop.pk]))
    assert "Waits for approval: an admin must let it in" in page.text
    offered = [name for name in ("lost", "suspend", "resume", "retire") if reverse(f"device-{name}", args=[laptop.pk]) in page.text]
    assert offered == ["retire"]
    ask = client.get(reverse("request-new", args=["fileshare"]))
    assert ("must let it in first: laptop" in ask.text, "Enrol one first" in ask.text) == (True, False)


def test_a_refused_device_says_why_on_its_page(client, alice, dave, laptop, now):
    lifecycle.refuse_device(laptop, actor=dave, reason="<b>not ours</b>", now=now)
    client.force_login(alice)
    page = client.get(reverse("device", args=[laptop.pk]))
    assert ("refused to let it in" in page.text, "&lt;b&gt;not ours" in page.text, "<b>not" in page.text) == (True, True, False)


@pytest.mark.parametrize(("name", "sees"), [("dave", True), ("bob", False), ("carol", False), ("alice", False)])
def test_home_tells_admins_alone_what_waits(client, request, laptop, name, sees):
    client.force_login(request.getfixturevalue(name))
    assert ("One device waits to be let in" in client.get("/").text) == sees


def test_home_tells_an_admin_nothing_of_their_own_device(client, dave):
    a_device(dave, "own")
    client.force_login(dave)
    assert "waits to be let in" not in client.get("/").text
