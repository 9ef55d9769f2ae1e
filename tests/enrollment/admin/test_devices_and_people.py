"""Cutting off a device or an account in the admin, and letting it back in."""

import pytest

from enrollment import lifecycle
from enrollment.models import AuditEvent, Device
from tests import factories

WHY = {"reason": "lost on a train"}


@pytest.fixture
def admin(browse, dave):
    return browse(dave)


@pytest.mark.parametrize(("verb", "state"), [("suspend", "suspended"), ("retire", "retired")])
def test_an_admin_takes_a_device_out(verb, state, admin, laptop, url):
    admin.post(url(f"device_{verb}", laptop.pk), WHY)
    laptop.refresh_from_db()
    assert laptop.state == state
    assert AuditEvent.objects.order_by("-seq").first().data["reason"] == "lost on a train"


def test_a_suspended_device_comes_back(admin, laptop, url):
    admin.post(url("device_suspend", laptop.pk), WHY)
    admin.post(url("device_resume", laptop.pk), {"reason": "found"})
    laptop.refresh_from_db()
    assert laptop.state == Device.State.ENROLLED


def test_a_retired_device_never_comes_back(admin, laptop, url, words, everything):
    admin.post(url("device_retire", laptop.pk), WHY)
    before = everything()
    response = admin.post(url("device_resume", laptop.pk), {"reason": "found"})
    assert response.status_code == 409
    assert "The device was retired on " in words(response)
    assert everything() == before


def test_only_what_can_be_done_is_offered(admin, laptop, url):
    names = [offer["label"] for offer in admin.get(url("device_change", laptop.pk)).context["verbs"]]
    assert names == ["Suspend", "Retire"]


def test_an_admin_may_take_over_what_its_owner_suspended(alice, admin, laptop, url, now):
    lifecycle.suspend_device(laptop, actor=alice, reason="left it at home", now=now)
    names = [offer["label"] for offer in admin.get(url("device_change", laptop.pk)).context["verbs"]]
    assert names == ["Suspend", "Resume", "Retire"]


def test_a_disabled_account_is_out_and_can_come_back(admin, erin, browse, url):
    inside = browse(erin)
    admin.post(url("user_disable", erin.pk), {})
    erin.refresh_from_db()
    assert not erin.is_active
    assert inside.get("/devices/").status_code == 302
    admin.post(url("user_enable", erin.pk), {})
    erin.refresh_from_db()
    assert erin.is_active


def test_disabling_twice_says_so(admin, erin, url):
    admin.post(url("user_disable", erin.pk), {})
    assert admin.post(url("user_disable", erin.pk), {}).status_code == 409


def test_a_hostile_name_of_a_device_is_escaped(admin, alice, url):
    factories.a_device(alice, "<script>alert(1)</script>")
    assert "<script>alert(1)" not in admin.get(url("device_changelist")).content.decode()
