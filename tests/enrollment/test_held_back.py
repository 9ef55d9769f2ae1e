"""Approved, and yet a device may not connect: every page says why, in the words of `manage.py why`."""

import json
from html import unescape
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from enforcement.models import Enforcement
from enrollment import lifecycle
from enrollment.models import Grant
from tests import factories

SUSPENDED = "The device is suspended. Resume it, or ask an admin."
TOO_OLD = "The sign-in is too old for this resource. Sign in again."
LEFT = "The account has left the groups that may have this access. Ask your identity team."


@pytest.fixture
def now():
    """Pages ask the clock themselves, so everything here happens now."""
    return timezone.now()


@pytest.fixture
def alice(db, now):
    return factories.a_person("alice", auth_time=now, now=now)


@pytest.fixture
def vault(pep, bob, now):
    """For employees alone, and half an hour after a sign-in."""
    policy = factories.a_policy("vault", requesters=["employees"], session_length=1800, now=now)
    return factories.a_resource("vault", pep=pep, policy=policy, number=20, now=now)


@pytest.fixture
def grant(alice, laptop, vault, bob, now):
    return factories.a_grant(alice, vault, [laptop], reviewer=bob, now=now)


@pytest.fixture
def phone(alice, now):
    return factories.a_device(alice, "phone", kind="phone", now=now)


@pytest.fixture
def both(alice, laptop, phone, vault, bob, now):
    """A grant for the laptop and the phone."""
    return factories.a_grant(alice, vault, [laptop, phone], reviewer=bob, now=now)


@pytest.fixture
def texts(client, alice):
    """What home, the request's page and the device's page say to alice about a grant."""
    client.force_login(alice)

    def read(grant, device):
        pages = [reverse("home"), reverse("request", args=[grant.request_id]), reverse("device", args=[device.pk])]
        return [unescape(client.get(page).text) for page in pages]

    return read


@pytest.fixture
def happens(alice, dave, laptop, now):
    """What keeps the laptop out, by a name for it."""
    ways = {
        "suspended": lambda: suspend(laptop, dave),
        "signed in long ago": lambda: alice.proofs.update(auth_time=factories.later(-1801, since=now)),
        "left the groups": lambda: lifecycle.sign_in(alice, groups=[], name="Alice", email="", auth_time=now, now=now),
    }
    return lambda *names: [ways[name]() for name in names]


@pytest.fixture
def enforced(pep, now):
    """What was read back of the PEP's kernel about a grant and a device."""

    def row(grant, device, state):
        at = {"in_force": {"in_force_at": now, "until": grant.ends_at}, "ending": {"ending_at": now}, "gone": {"gone_at": now}}
        values = {"state": state, "wanted_at": now, **at.get(state, {})}
        Enforcement.objects.update_or_create(grant=grant, device=device, pep=pep, defaults=values)

    return row


def suspend(device, admin):
    lifecycle.suspend_device(device, actor=admin, reason="", now=timezone.now())


def reasons_of_why(device, resource):
    out = StringIO()
    call_command("why", str(device.pk), resource.slug, "--json", stdout=out)
    return json.loads(out.getvalue())["reasons"]


@pytest.mark.parametrize(
    ("what", "reasons"),
    [
        (["suspended"], [SUSPENDED]),
        (["signed in long ago"], [TOO_OLD]),
        (["left the groups"], [LEFT]),
        (["left the groups", "suspended", "signed in long ago"], [TOO_OLD, LEFT, SUSPENDED]),
    ],
)
@pytest.mark.parametrize("state", ["wanted", "gone"])
def test_every_page_says_why_in_the_words_of_why(texts, laptop, grant, happens, enforced, what, reasons, state):
    enforced(grant, laptop, state)
    happens(*what)
    assert reasons_of_why(laptop, grant.resource) == reasons
    for text in texts(grant, laptop):
        assert [reason for reason in (TOO_OLD, LEFT, SUSPENDED) if f"<li>{reason}</li>" in text] == reasons
        assert "being applied" not in text


def test_so_it_is_where_no_pep_was_ever_told(texts, laptop, grant, happens):
    happens("signed in long ago")
    assert all(f"<li>{TOO_OLD}</li>" in text and "being applied" not in text for text in texts(grant, laptop))


def test_what_is_being_taken_away_is_not_called_gone(texts, laptop, grant, happens, enforced):
    enforced(grant, laptop, "ending")
    happens("suspended")
    home, page, _device = texts(grant, laptop)
    assert "not in force now" in home
    assert "being taken away on pep-1. Not confirmed yet." in home
    assert "data-refresh" in page


def test_what_the_kernel_still_holds_is_called_in_force_with_the_reasons(texts, laptop, grant, happens, enforced):
    enforced(grant, laptop, "in_force")
    happens("suspended")
    home, page, _device = texts(grant, laptop)
    assert "In force on pep-1" in home
    assert SUSPENDED in home
    assert "data-refresh" in page


def test_a_device_let_in_again_is_being_applied(texts, laptop, grant, enforced):
    enforced(grant, laptop, "gone")
    home, page, device = texts(grant, laptop)
    assert "being applied on pep-1" in home
    assert "being applied on pep-1" in page
    assert "no access now" not in home + page + device


def test_of_two_devices_only_the_one_that_is_kept_out_is_named(texts, both, laptop, phone, dave, enforced):
    enforced(both, laptop, "in_force")
    suspend(phone, dave)
    home, page, device = texts(both, laptop)
    assert "In force on pep-1" in home
    assert ("phone: no access now" in home, "phone: no access now" in page) == (True, True)
    assert "laptop: no access now" not in home + page
    assert "no access now" not in device
    assert "Vault: no access now" in texts(both, phone)[2]


def test_a_device_says_once_what_keeps_it_from_several_resources(texts, alice, laptop, grant, fileshare, bob, happens, now):
    factories.a_grant(alice, fileshare, [laptop], reviewer=bob, now=now)
    happens("suspended")
    page = texts(grant, laptop)[2]
    assert "Fileshare, Vault: no access now" in page
    assert page.count(SUSPENDED) == 1
    happens("signed in long ago")
    assert "Vault: no access now" in texts(grant, laptop)[2]


def test_a_grant_that_another_one_covers_says_why_it_alone_would_not(texts, alice, laptop, grant, bob, now, happens, enforced):
    """Terms for everybody came since, and alice left the groups that the first grant is for."""
    factories.a_policy("vault", now=now)
    wider = factories.a_grant(alice, grant.resource, [laptop], reviewer=bob, now=now)
    happens("left the groups")
    enforced(grant, laptop, "gone")
    enforced(wider, laptop, "in_force")
    assert reasons_of_why(laptop, grant.resource) == []
    assert LEFT in texts(grant, laptop)[1]
    assert LEFT not in texts(wider, laptop)[1]


@pytest.mark.parametrize("ends", ["later", "over", "revoked"])
def test_what_does_not_run_gives_no_reasons(texts, alice, laptop, grant, now, happens, ends):
    happens("suspended")
    if ends == "revoked":
        lifecycle.revoke(grant, actor=alice, reason="", now=now)
    else:
        begin, end = (600, 1200) if ends == "later" else (-1200, -600)
        Grant.objects.filter(pk=grant.pk).update(starts_at=factories.later(begin, since=now), ends_at=factories.later(end, since=now))
    assert not any("no access now" in text for text in texts(grant, laptop))


def test_erin_sees_none_of_it(client, erin, laptop, grant, happens):
    happens("suspended")
    client.force_login(erin)
    assert SUSPENDED not in client.get(reverse("home")).text
    assert client.get(reverse("device", args=[laptop.pk])).status_code == 404
