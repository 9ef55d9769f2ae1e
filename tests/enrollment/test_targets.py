"""Addresses: the next free one, and none where there is none."""

import pytest

from enrollment.targets import BadAddress, next_free, own_address, prefix


def test_the_first_address_is_the_peps_own():
    assert str(own_address("10.89.65.0/24")) == "10.89.65.1"
    assert str(own_address("fd89:0:0:1::/64")) == "fd89:0:0:1::1"


def test_the_lowest_free_address_comes_next():
    assert str(next_free("10.89.65.0/24", [])) == "10.89.65.2"
    assert str(next_free("10.89.65.0/24", ["10.89.65.2", "10.89.65.4"])) == "10.89.65.3"
    assert str(next_free("fd89:0:0:1::/64", ["fd89:0:0:1::2"])) == "fd89:0:0:1::3"


def test_addresses_elsewhere_take_nothing_away():
    assert str(next_free("10.89.65.0/29", [f"10.89.66.{number}" for number in range(2, 200)])) == "10.89.65.2"


def test_the_broadcast_address_is_never_given():
    with pytest.raises(BadAddress, match="no free address left"):
        next_free("10.89.65.0/29", [f"10.89.65.{number}" for number in range(2, 7)])


def test_an_overlay_of_one_family_has_no_prefix_of_the_other():
    with pytest.raises(BadAddress, match="must lie within the overlay"):
        prefix("fd89:0:0:1::/64", 6, overlay=(), pools=(), taken=())
