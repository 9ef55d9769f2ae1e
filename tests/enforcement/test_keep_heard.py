"""Which grants a handshake speaks for: those that the gateway holds for that device, from the second on in which they were wanted."""

import pytest

from enforcement import rows
from enforcement.models import Enforcement, Handshake
from tests import factories


@pytest.mark.parametrize(
    ("state", "second", "counts"),
    [("in_force", 60, True), ("in_force", 0, True), ("in_force", -1, False), ("gone", 60, False), ("ending", 60, False)],
)
def test_a_handshake_counts_while_it_is_in_force_and_not_before(state, second, counts, pep, laptop, grant_of_alice):
    wanted_at, at = factories.later(0.5), factories.later(second)
    row = Enforcement.objects.create(grant=grant_of_alice, device=laptop, pep=pep, state=state, wanted_at=wanted_at)
    Handshake.objects.create(device=laptop, pep=pep, at=at)
    rows.keep_heard(pep, [laptop.pk])
    row.refresh_from_db()
    assert row.heard_at == (at if counts else None)


def test_a_handshake_of_one_device_or_gateway_says_nothing_of_another(pep, alice, laptop, grant_of_alice):
    elsewhere, phone = factories.a_pep(2), factories.a_device(alice, "phone")
    held = {"grant": grant_of_alice, "state": "in_force", "wanted_at": factories.NOW}
    others = [
        Enforcement.objects.create(device=laptop, pep=elsewhere, **held),
        Enforcement.objects.create(device=phone, pep=pep, **held),
    ]
    Handshake.objects.create(device=laptop, pep=pep, at=factories.later(60))
    rows.keep_heard(pep, [laptop.pk])
    assert [Enforcement.objects.get(pk=each.pk).heard_at for each in others] == [None, None]
