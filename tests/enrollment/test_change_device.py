"""Suspend, resume, retire, rotate: whose right it is, and what it does to access."""

import pytest

from enrollment import facts, lifecycle
from enrollment.models import AuditEvent, Device
from enrollment.policy import decide
from tests.factories import a_device, a_key, a_request, later

VERBS = ("suspend_device", "retire_device")


def allowed(device, resource, now):
    return bool(decide(facts.facts_of(device, resource, now), now))


@pytest.mark.parametrize("name", ["alice", "dave"])
def test_its_owner_and_an_admin_may_suspend_it_and_access_stops(request, name, laptop, fileshare, grant_of_alice, now):
    lifecycle.suspend_device(laptop, actor=request.getfixturevalue(name), reason="lost", now=now)
    assert not allowed(laptop, fileshare, now)
    grant_of_alice.refresh_from_db()
    assert grant_of_alice.state == "active"


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", ["bob", "carol", "erin"])
def test_nobody_else_may(request, verb, name, laptop, now):
    with pytest.raises(lifecycle.Refused, match="owner or an admin"):
        getattr(lifecycle, verb)(laptop, actor=request.getfixturevalue(name), reason="", now=now)
    laptop.refresh_from_db()
    assert laptop.state == "enrolled"


def test_its_owner_may_undo_what_the_owner_did(alice, laptop, fileshare, grant_of_alice, now):
    lifecycle.suspend_device(laptop, actor=alice, reason="lost", now=now)
    lifecycle.resume_device(laptop, actor=alice, reason="found", now=now)
    assert allowed(laptop, fileshare, now)


def test_its_owner_may_not_undo_what_an_admin_did(alice, dave, laptop, now):
    lifecycle.suspend_device(laptop, actor=dave, reason="malware", now=now)
    with pytest.raises(lifecycle.Refused, match="Ask an admin"):
        lifecycle.resume_device(laptop, actor=alice, reason="", now=now)
    lifecycle.resume_device(laptop, actor=dave, reason="cleaned", now=now)
    assert laptop.state == "enrolled"


def test_a_page_that_was_open_since_before_undoes_nothing_of_an_admins(alice, dave, laptop, now):
    lifecycle.suspend_device(laptop, actor=alice, reason="", now=now)
    as_seen = Device.objects.get(pk=laptop.pk)
    lifecycle.resume_device(laptop, actor=alice, reason="", now=now)
    lifecycle.suspend_device(laptop, actor=dave, reason="malware", now=now)
    with pytest.raises(lifecycle.Refused, match="Ask an admin"):
        lifecycle.resume_device(as_seen, actor=alice, reason="", now=now)
    laptop.refresh_from_db()
    assert laptop.state == "suspended"


def test_an_owner_cannot_forestall_an_admin_by_suspending_first(alice, dave, laptop, now):
    lifecycle.suspend_device(laptop, actor=alice, reason="", now=now)
    lifecycle.suspend_device(laptop, actor=dave, reason="malware", now=later(60))
    with pytest.raises(lifecycle.Refused, match="Ask an admin"):
        lifecycle.resume_device(laptop, actor=alice, reason="", now=later(120))
    with pytest.raises(lifecycle.Conflict, match="suspended by Dave"):
        lifecycle.suspend_device(laptop, actor=alice, reason="", now=later(120))


def test_doing_it_twice_says_who_did_it_and_writes_nothing(alice, laptop, now):
    lifecycle.suspend_device(laptop, actor=alice, reason="", now=now)
    before = AuditEvent.objects.count()
    with pytest.raises(lifecycle.Conflict, match="suspended by Alice on 2026-03-02"):
        lifecycle.suspend_device(laptop, actor=alice, reason="", now=later(60))
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("verb", ["resume_device", "suspend_device", "retire_device"])
def test_retired_is_final(alice, laptop, verb, now):
    lifecycle.retire_device(laptop, actor=alice, reason="", now=now)
    with pytest.raises((lifecycle.Conflict, lifecycle.Refused)):
        getattr(lifecycle, verb)(laptop, actor=alice, reason="", now=now)
    laptop.refresh_from_db()
    assert laptop.state == "retired"


def test_retiring_the_only_device_withdraws_the_question(request_of_alice, alice, bob, laptop, now):
    lifecycle.retire_device(laptop, actor=alice, reason="", now=now)
    with pytest.raises(lifecycle.Conflict, match="withdrawn"):
        lifecycle.approve(request_of_alice, reviewer=bob, now=now)


def test_retiring_one_of_two_leaves_the_question(alice, laptop, fileshare, now):
    asked = a_request(alice, fileshare, [laptop, a_device(alice, "phone")])
    lifecycle.retire_device(laptop, actor=alice, reason="", now=now)
    asked.refresh_from_db()
    assert asked.state == "pending"


def test_a_new_key_takes_the_place_of_the_old_one(alice, laptop, fileshare, grant_of_alice, now):
    old, new = laptop.public_key, a_key()
    lifecycle.rotate_key(laptop, public_key=new, key_origin="pasted", actor=alice, now=now)
    assert (laptop.public_key, laptop.key_origin, laptop.addresses) == (new, "pasted", ("10.89.0.2", "fd89::2"))
    assert list(laptop.keys.order_by("pk").values_list("public_key", "until")) == [(old, now), (new, None)]
    assert allowed(laptop, fileshare, now)


def test_an_old_key_never_returns(alice, laptop, now):
    old = laptop.public_key
    lifecycle.rotate_key(laptop, public_key=a_key(), key_origin="browser", actor=alice, now=now)
    with pytest.raises(lifecycle.Refused, match="cannot be used"):
        lifecycle.rotate_key(laptop, public_key=old, key_origin="browser", actor=alice, now=now)


def test_erin_rotates_nothing_of_alices(erin, laptop, now):
    with pytest.raises(lifecycle.Refused):
        lifecycle.rotate_key(laptop, public_key=a_key(), key_origin="browser", actor=erin, now=now)


def test_a_retired_device_takes_no_new_key(alice, laptop, now):
    lifecycle.retire_device(laptop, actor=alice, reason="", now=now)
    with pytest.raises(lifecycle.Conflict, match="retired"):
        lifecycle.rotate_key(laptop, public_key=a_key(), key_origin="browser", actor=alice, now=now)
