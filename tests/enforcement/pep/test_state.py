"""What may be a state of a PEP, and what is refused with a sentence."""

import base64
import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enforcement.pep.state import StateError, digest, from_json, to_json
from tests.enforcement.pep.agents import key

LAW = settings(max_examples=60, deadline=None)
GOOD = {
    "placements": [
        {
            "id": 7,
            "slug": "fileshare",
            "ports": [["tcp", 139, 139], ["tcp", 445, 445]],
            "overlay_v4": "10.89.65.2",
            "target_v4": "192.168.89.10",
            "overlay_v6": None,
            "target_v6": None,
        }
    ],
    "peers": [[key(2), ["10.89.0.2", "fd89::2"]]],
    "admissions": [["fileshare", "10.89.0.2", 1_800_000_000]],
}


def broken(path, value):
    """Return the good state with one value replaced; the path is a list of indexes."""
    state = copy.deepcopy(GOOD)
    *way, last = path
    part = state
    for step in way:
        part = part[step]
    part[last] = value
    return state


PLACEMENT, PEER, ADMISSION = ["placements", 0], ["peers", 0], ["admissions", 0]
KEY_OF_ZEROS = base64.b64encode(bytes(32)).decode()
SLUGS = ["", "File", "9lives", "-a", "a" * 32, "a b", "a\n", "a}", "a;b", "a.v6", "ä", "a/..", None, 7, ["a"]]
ADDRESSES = ["localhost", "10.0.0.256", "a, b", "10.31", "0x0a00001f", "010.0.0.1", "10.0.0.1/24", "::ffff:10.0.0.1", "fe80::1%eth0"]
ADDRESSES += ["10.0.0.1\n", " 10.0.0.1", "", None, 167772161, True, ["10.0.0.1"]]
KEYS = ["", "A" * 43, "A" * 44, key(2)[:-1], key(2)[:-2] + "B=", key(2) + "\n", key(2).replace("=", ""), KEY_OF_ZEROS, "ü" * 44, None, 5]
PORTS = [
    ["tcp", 0, 1],
    ["tcp", 1, 65536],
    ["tcp", 5, 4],
    ["icmp", 1, 1],
    ["tcp; accept", 1, 1],
    ["tcp", "80", 80],
    ["tcp", 1.0, 2],
    ["tcp", 80],
    "tcp",
]
DEADLINES = [0, -1, 253402300800, 1.5, "1800000000", None, True, 2**70]
BAD = {
    **{f"slug {value!r}": broken([*PLACEMENT, "slug"], value) for value in SLUGS},
    **{f"resource {value!r}": broken([*ADMISSION, 0], value) for value in SLUGS},
    **{f"overlay {value!r}": broken([*PLACEMENT, "overlay_v4"], value) for value in ADDRESSES},
    **{f"target {value!r}": broken([*PLACEMENT, "target_v4"], value) for value in ADDRESSES},
    **{f"peer address {value!r}": broken([*PEER, 1], [value]) for value in ADDRESSES},
    **{f"admission of {value!r}": broken([*ADMISSION, 1], value) for value in ADDRESSES},
    **{f"key {value!r}": broken([*PEER, 0], value) for value in KEYS},
    **{f"port {value!r}": broken([*PLACEMENT, "ports"], [value]) for value in PORTS},
    **{f"deadline {value!r}": broken([*ADMISSION, 2], value) for value in DEADLINES},
    **{f"id {value!r}": broken([*PLACEMENT, "id"], value) for value in (0, -1, "7", 2**63, True, None)},
    "no ports": broken([*PLACEMENT, "ports"], []),
    "an overlay without a target": broken([*PLACEMENT, "target_v4"], None),
    "a v6 target of v4": broken([*PLACEMENT, "target_v6"], "10.0.0.1"),
    "a peer without addresses": broken([*PEER, 1], []),
    "a peer with two of a family": broken([*PEER, 1], ["10.89.0.2", "10.89.0.3"]),
    "addresses that are no list": broken(["peers", 0, 1], "10.89.0.2"),
    "a peer twice": broken(["peers"], GOOD["peers"] * 2),
    "one address, two peers": broken(["peers"], [*GOOD["peers"], [key(3), ["10.89.0.2"]]]),
    "an admission twice": broken(["admissions"], GOOD["admissions"] * 2),
    "an unknown resource": broken([*ADMISSION, 0], "wiki"),
    "an unknown device": broken([*ADMISSION, 1], "10.89.0.9"),
    "a placement twice": broken(["placements"], GOOD["placements"] * 2),
    "a field too many": GOOD | {"run": "id"},
    "a field too few": {name: GOOD[name] for name in ("placements", "peers")},
    "a list": [],
    "nothing": None,
}


@pytest.mark.parametrize("value", BAD.values(), ids=BAD)
def test_what_is_no_state_is_refused_with_a_sentence(value):
    with pytest.raises(StateError) as refusal:
        from_json(value)
    assert 10 < len(str(refusal.value)) < 250
    assert str(refusal.value).isascii()


def test_a_state_is_read_back_as_it_was_printed():
    assert to_json(from_json(GOOD)) == GOOD


def test_the_digest_does_not_depend_on_the_order():
    shuffled = broken([*PLACEMENT, "ports"], GOOD["placements"][0]["ports"][::-1])
    assert digest(from_json(shuffled)) == digest(from_json(GOOD))


@pytest.mark.parametrize(
    ("path", "value"), [([*ADMISSION, 2], 1_800_000_001), ([*PLACEMENT, "target_v4"], "192.168.89.11"), ([*PEER, 0], key(4))]
)
def test_the_digest_tells_every_difference(path, value):
    assert digest(from_json(broken(path, value))) != digest(from_json(GOOD))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["placements", "peers", "admissions", "id"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@LAW
@given(json_values)
def test_whatever_arrives_is_a_state_or_a_state_error(value):
    try:
        state = from_json(json.loads(json.dumps(value)))
    except StateError:
        return
    assert from_json(to_json(state)) == state
