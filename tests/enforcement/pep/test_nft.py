"""What nft is told about admissions: each with an end, none forever, harmless to repeat, and readable back."""

import ipaddress
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enforcement.pep import nft
from enforcement.pep.state import Admission

LAW = settings(max_examples=60, deadline=None)
NOW = 1_800_000_000.25
V4, V6 = ipaddress.ip_address("10.89.0.2"), ipaddress.ip_address("fd89::2")
SET = "device-access-to-fileshare"

addresses = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6).filter(lambda a: not a.ipv4_mapped))
names = st.sampled_from([SET, f"{SET}.v6", "device-access-to-wiki"])
elements = st.dictionaries(st.tuples(names, addresses), st.one_of(st.none(), st.integers(1, 2**40)), max_size=12)


def admission(address=V4, seconds=60):
    return Admission("fileshare", address, int(NOW) + seconds)


@LAW
@given(elements)
def test_what_is_parsed_is_what_was_rendered(wanted):
    assert nft.parse(nft.render(wanted)) == wanted


@LAW
@given(elements)
def test_every_element_that_stays_has_a_timeout_of_at_least_a_millisecond(wanted):
    stays = [line for line in nft.render(wanted).splitlines() if "timeout" in line]
    assert all(re.fullmatch(r"(, )?\S+ timeout [1-9]\d*ms", part) for line in stays for part in line[line.index("{ ") + 2 : -2].split(", "))


@LAW
@given(elements)
def test_nothing_is_deleted_that_was_not_added_first(wanted):
    lines = nft.render(wanted).splitlines()
    deleted = [n for n, line in enumerate(lines) if line.startswith("delete")]
    assert all(lines[n - 1] == lines[n].replace("delete", "add", 1) for n in deleted)


@pytest.mark.parametrize("milliseconds", [0, -1])
def test_forever_cannot_be_rendered(milliseconds):
    with pytest.raises(ValueError, match="forever"):
        nft.render({(SET, V4): milliseconds})


def test_remaining_time_is_rounded_down_to_milliseconds():
    assert nft.parse(nft.admit([admission(seconds=60)], NOW)) == {(SET, V4): 59750}
    assert nft.parse(nft.admit([admission(seconds=60)], NOW + 0.0009)) == {(SET, V4): 59749}


@pytest.mark.parametrize("seconds", [0, -1, -100_000])
def test_a_deadline_that_has_passed_only_removes(seconds):
    assert nft.parse(nft.admit([admission(seconds=seconds)], NOW)) == {(SET, V4): None}


def test_an_admission_goes_into_the_set_of_its_family():
    assert nft.parse(nft.admit([admission(V6)], NOW)) == {(f"{SET}.v6", V6): 59750}
    assert nft.parse(nft.expel([admission(V6), admission(V4)])) == {(f"{SET}.v6", V6): None, (SET, V4): None}


def test_a_large_transaction_gives_away_the_time_it_takes():
    many = [admission(V4 + n) for n in range(20_000)]
    assert set(nft.parse(nft.admit(many, NOW)).values()) == {59750 - 400}


def test_nothing_to_do_is_no_command():
    assert nft.admit([], NOW) == nft.expel([]) == ""
