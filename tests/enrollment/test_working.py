"""Is it working? Each sentence, and the facts that it is said of."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from enforcement.models import Enforcement, Handshake, PepStatus
from enrollment import working
from tests import factories
from tests.factories import NOW

LONG_AGO = NOW - timedelta(hours=1)
PEP = working.Gateway("pep-1", "vpn.example.com:51820", open_since=LONG_AGO)
SIGHT = working.Sight("enrolled", LONG_AGO, has_grant=True, gateways=(PEP,))


def on(**facts):
    return replace(SIGHT, gateways=(replace(PEP, **facts),))


@pytest.mark.parametrize(
    ("sight", "kind", "words"),
    [
        (replace(SIGHT, condition="retired"), "retired", "it is retired"),
        (replace(SIGHT, condition="lost"), "lost", "reported lost"),
        (replace(SIGHT, condition="suspended"), "suspended", "until it is resumed"),
        (replace(SIGHT, condition="pending"), "pending", "an admin must let it in first"),
        (replace(SIGHT, is_held=True), "held", "held back"),
        (working.Sight("enrolled", LONG_AGO), "no grant", "nothing is granted"),
        (working.Sight("enrolled", LONG_AGO, starts_at=NOW), "scheduled", "has not begun"),
        (replace(SIGHT, gateways=()), "nowhere", "on no gateway"),
        (on(open_since=None), "applying", "being applied now"),
        (on(open_since=None, error="The disk is full."), "failing", "not applied yet: The disk is full."),
        (on(open_since=None, unreached_since=LONG_AGO, error="x"), "waits for it", "cannot reach this gateway"),
        (on(unreached_since=LONG_AGO, heard_at=LONG_AGO), "out of reach", "may work all the same"),
        (on(heard_at=NOW - timedelta(minutes=5)), "works", "yes, it hears the device"),
        (on(heard_at=NOW - timedelta(minutes=5, seconds=1)), "silent", "has not been heard for more than 5 minutes"),
        (replace(on(heard_at=LONG_AGO), key_since=NOW), "new key", "may still use the old config"),
        (replace(on(heard_at=NOW - timedelta(seconds=1)), key_since=NOW), "works", "yes"),
        (on(open_since=NOW - timedelta(seconds=59)), "just open", "Switch the tunnel on"),
        (on(open_since=NOW - timedelta(seconds=60)), "never heard", "never heard"),
        (replace(on(), key_since=NOW), "just open", "Switch the tunnel on"),
    ],
)
def test_it_says_how_it_stands(sight, kind, words):
    (found,) = working.findings(sight, NOW)
    assert (found.kind, words in found.words) == (kind, True)


@pytest.mark.parametrize(
    ("sight", "question"),
    [
        (on(), "switched on"),
        (on(), "UDP through to vpn.example.com:51820"),
        (on(), "One for an older key is not accepted"),
        (on(heard_at=LONG_AGO), "clock"),
        (on(heard_at=LONG_AGO), "UDP through"),
        (replace(on(heard_at=LONG_AGO), key_since=NOW), "Import the new config"),
        (working.Sight("enrolled", LONG_AGO), "Ask for a resource"),
    ],
)
def test_it_says_what_to_try(sight, question):
    assert question in " ".join(working.findings(sight, NOW)[0].advice)


def test_each_gateway_is_told_of_by_itself_and_a_clock_that_is_off_beside_it():
    second = replace(PEP, name="pep-2", heard_at=NOW, skew_seconds=-40.0)
    found = working.findings(replace(SIGHT, gateways=(replace(PEP, skew_seconds=5.0), second)), NOW)
    assert [(each.kind, each.words.partition(":")[0]) for each in found] == [
        ("never heard", "pep-1"),
        ("works", "pep-2"),
        ("skewed", "pep-2"),
    ]
    assert "its clock is 40 s off" in found[-1].words


class TestOnItsPage:
    """What is read from the rows that machines wrote."""

    @pytest.fixture
    def now(self):
        return timezone.now()

    @pytest.fixture
    def granted(self, alice, bob, pep, now):
        self.device = factories.a_device(alice, now=now - timedelta(hours=1))
        return factories.a_grant(alice, factories.a_resource("wiki", pep=pep, now=now), [self.device], reviewer=bob, now=now)

    def page(self, as_alice):
        return as_alice.get(f"/devices/{self.device.pk}/").text

    def test_from_a_grant_to_a_tunnel_that_is_heard(self, as_alice, granted, pep, now):
        assert "pep-1: granted, and being applied now" in self.page(as_alice)
        row = {"state": "wanted", "wanted_at": now, "in_force_at": now - timedelta(minutes=2)}  # it was lost since, by hand
        Enforcement.objects.update_or_create(grant=granted, device=self.device, pep=pep, defaults=row)
        assert "pep-1: granted, and being applied now" in self.page(as_alice)
        row["state"] = "in_force"
        Enforcement.objects.update_or_create(grant=granted, device=self.device, pep=pep, defaults=row)
        assert "through to pep-1.example.com:51820" in self.page(as_alice)
        Handshake.objects.create(device=self.device, pep=pep, at=now)
        assert "pep-1: yes, it hears the device." in self.page(as_alice)

    def test_a_gateway_out_of_reach_and_one_whose_clock_is_off(self, as_alice, granted, pep, now):
        status = {"busy_until": now, "due_at": now, "unreached_since": now, "skew_seconds": 60.0}
        PepStatus.objects.update_or_create(pep=pep, defaults=status)
        text = self.page(as_alice)
        assert ("the portal cannot reach this gateway" in text, "60 s off" in text) == (True, True)

    def test_what_has_not_begun_and_what_was_never_granted(self, as_alice, alice, bob, pep, now):
        self.device = factories.a_device(alice, now=now)
        assert "Not yet: nothing is granted to it" in self.page(as_alice)
        files = factories.a_resource("files", pep=pep, now=now)
        factories.a_grant(alice, files, [self.device], reviewer=bob, now=now, starts_at=now + timedelta(hours=2))
        assert "what was granted has not begun" in self.page(as_alice)

    def test_what_is_held_back(self, client, alice, bob, pep, now):
        client.force_login(alice, ago=None)
        self.device = factories.a_device(alice, now=now)
        strict = factories.a_policy("strict", session_length=3600, now=now)
        vault = factories.a_resource("vault", pep=pep, policy=strict, now=now)
        factories.a_grant(alice, vault, [self.device], reviewer=bob, now=now)
        assert "held back, for the reasons above" in self.page(client)
