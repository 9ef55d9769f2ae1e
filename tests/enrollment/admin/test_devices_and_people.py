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
    assert "The device was retired by Dave on " in words(response)
    assert everything() == before


def test_only_what_can_be_done_is_offered(admin, laptop, url):
    names = [offer["label"] for offer in admin.get(url("device_change", laptop.pk)).context["verbs"]]
    assert names == ["Suspend", "Report lost", "Retire"]


def test_an_admin_may_take_over_what_its_owner_suspended(alice, admin, laptop, url, now):
    lifecycle.suspend_device(laptop, actor=alice, reason="left it at home", now=now)
    names = [offer["label"] for offer in admin.get(url("device_change", laptop.pk)).context["verbs"]]
    assert names == ["Suspend", "Resume", "Report lost", "Retire"]


def test_a_lost_device_is_resumed_by_nobody_before_it_has_another_key(admin, laptop, url, words):
    admin.post(url("device_lost", laptop.pk), WHY)
    page = admin.get(url("device_change", laptop.pk))
    assert [offer["label"] for offer in page.context["verbs"]] == ["Retire"]
    assert "reported lost" in words(page)
    response = admin.post(url("device_resume", laptop.pk), {"reason": "found"})
    assert (response.status_code, "Give it a new key first" in words(response)) == (422, True)
    laptop.refresh_from_db()
    assert laptop.condition == "lost"


@pytest.fixture
def waiting(alice, settings, now):
    settings.ENROLMENT_NEEDS_APPROVAL = True
    return factories.a_device(alice, "new phone", kind="phone", now=now)


def test_the_list_shows_what_waits_and_what_was_lost(admin, alice, laptop, waiting, url, now):
    lost = factories.a_device(alice, "tablet", now=now)
    lifecycle.approve_device(lost, actor=factories.a_person("gina", groups=[factories.ADMINS]), now=now)
    lifecycle.report_lost(lost, actor=alice, reason="", now=now)

    def listed(standing):
        return {device.name for device in admin.get(url("device_changelist"), {"standing": standing}).context["cl"].result_list}

    assert (listed("pending"), listed("lost"), listed("suspended"), listed("enrolled")) == (
        {"new phone"},
        {"tablet"},
        {"tablet"},
        {"laptop"},
    )


def test_an_admin_lets_a_device_in_after_comparing_its_fingerprint(admin, dave, waiting, url, words):
    page = admin.get(url("device_approve", waiting.pk))
    assert (waiting.fingerprint in words(page), "Alice <alice@example.com>" in words(page).replace("&lt;", "<").replace("&gt;", ">")) == (
        True,
        True,
    )
    assert [offer["label"] for offer in admin.get(url("device_change", waiting.pk)).context["verbs"]] == ["Approve", "Refuse", "Retire"]
    admin.post(url("device_approve", waiting.pk), {})
    waiting.refresh_from_db()
    assert (waiting.state, waiting.approved_by) == ("enrolled", dave)


def test_a_device_is_not_refused_without_a_reason(admin, waiting, url, everything, words):
    before = everything()
    assert "Say why: it is kept in the history." in words(admin.post(url("device_refuse", waiting.pk), {"reason": ""}))
    assert everything() == before
    admin.post(url("device_refuse", waiting.pk), {"reason": "not ours"})
    waiting.refresh_from_db()
    assert (waiting.state, waiting.refusal) == ("retired", "not ours")


def test_of_many_devices_an_admin_lets_in_all_but_their_own(admin, alice, dave, waiting, act, url, told, now):
    own = factories.a_device(dave, "own", now=now)
    assert "Let in?" in act(admin, "device", "approve", waiting, own).content.decode()
    response = admin.post(url("device_approve_many"), {"ids": f"{waiting.pk},{own.pk}"}, follow=True)
    assert sorted(told(response)) == [
        "new phone: Approved. Its owner can ask for access with it now.",
        "own: Nobody lets in or refuses a device of their own. Ask another admin.",
    ]
    assert dict(Device.objects.values_list("name", "state")) == {"new phone": "enrolled", "own": "pending"}


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
