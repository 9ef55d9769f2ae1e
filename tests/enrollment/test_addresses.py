"""Which addresses a slot means."""

from ipaddress import ip_address, ip_network

import pytest

from enrollment import addresses

POOLS = (ip_network("10.89.0.0/18"), ip_network("fd89::/64"))


def test_a_slot_is_the_same_number_in_each_family():
    assert addresses.addresses_of(2, POOLS) == (ip_address("10.89.0.2"), ip_address("fd89::2"))
    assert addresses.addresses_of(300, POOLS) == (ip_address("10.89.1.44"), ip_address("fd89::12c"))


@pytest.mark.parametrize("slot", [-1, 0, 1, 2**14 - 1, 2**14])
def test_the_network_the_spare_the_broadcast_and_what_lies_outside_are_never_handed_out(slot):
    with pytest.raises(ValueError, match="not handed out"):
        addresses.addresses_of(slot, POOLS)


def test_the_last_slot_is_the_last_usable_address():
    assert addresses.addresses_of(2**14 - 2, POOLS)[0] == ip_address("10.89.63.254")
    assert addresses.capacity(POOLS) == 2**14 - 3


def test_a_family_without_a_pool_has_no_address():
    assert addresses.addresses_of(2, POOLS[:1]) == (ip_address("10.89.0.2"), None)
    assert addresses.addresses_of(2, POOLS[1:]) == (None, ip_address("fd89::2"))


def test_the_smaller_pool_decides_how_many_fit():
    assert addresses.capacity((ip_network("10.89.0.0/29"), ip_network("fd89::/64"))) == 5
    assert addresses.capacity((ip_network("10.89.0.0/31"),)) == 0
    assert addresses.capacity(()) == 0
    assert addresses.capacity(POOLS[1:]) > 2**62
