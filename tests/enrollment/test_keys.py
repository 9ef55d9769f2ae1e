"""What may be a device's public key: one spelling of one usable point (FACTS R17)."""

import base64
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from enrollment import keys
from tests.factories import a_key

P = 2**255 - 19
TOP = 1 << 255
EIGHT = (
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
)
LOW = (0, 1, *EIGHT, P - 1, P, P + 1)


def spelled(point):
    return base64.b64encode(point.to_bytes(32, "little")).decode()


GOOD = a_key("good")
POINT = int.from_bytes(base64.b64decode(GOOD), "little")


@pytest.mark.parametrize("seed", range(20))
def test_a_key_that_wireguard_made_is_taken_as_it_is(seed):
    assert keys.check(a_key(seed)) == a_key(seed)


@pytest.mark.parametrize("point", [number + top for number in LOW for top in (0, TOP)])
def test_a_point_of_low_order_is_refused_in_either_spelling(point):
    with pytest.raises(keys.BadKey):
        keys.check(spelled(point))


@pytest.mark.parametrize("point", LOW)
def test_the_points_of_low_order_are_those_whose_secrets_are_all_zero(point):
    with pytest.raises(ValueError, match="shared key"):
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(point.to_bytes(32, "little")))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        spelled(POINT + TOP),
        spelled(P + 9),
        spelled(2**255 - 1),
        spelled(2**256 - 1),
        base64.b64encode(b"\1" * 31).decode(),
        base64.b64encode(b"\1" * 33).decode(),
        GOOD.rstrip("="),
        GOOD + "=",
        "-" + GOOD[1:],
        "_" + GOOD[1:],
        GOOD[:42]
        + {"A": "B", "E": "F", "I": "J", "M": "N", "Q": "R", "U": "V", "Y": "Z", "c": "d"}.get(GOOD[42], chr(ord(GOOD[42]) + 1))
        + "=",
        GOOD[:20] + "\n" + GOOD[21:],
        GOOD[:20] + " " + GOOD[21:],
        GOOD[:20] + "\n" + GOOD[20:],
        " " + GOOD,
        GOOD + "\n",
        GOOD + "\x00",
        base64.b64decode(GOOD).hex(),
        "\u0410" + GOOD[1:],
        "\uff21" + GOOD[1:],
        "\u0661" * 43 + "=",
        GOOD[:43] + "\uff1d",
        '"; flush ruleset; #' + GOOD[19:],
        "=" * 44,
        "A" * 44,
    ],
)
def test_whatever_else_is_refused_with_a_sentence_that_does_not_repeat_it(text):
    with pytest.raises(keys.BadKey) as refused:
        keys.check(text)
    assert str(refused.value).endswith(".")
    assert len(text) < 9 or text[:9] not in str(refused.value)


def test_ten_megabytes_are_refused_at_once():
    text = "A" * 10_000_000
    started = time.perf_counter()
    with pytest.raises(keys.BadKey):
        keys.check(text)
    assert time.perf_counter() - started < 0.1


def test_a_fingerprint_is_short_stable_and_differs():
    assert keys.fingerprint(GOOD) == keys.fingerprint(GOOD)
    assert len({keys.fingerprint(a_key(seed)) for seed in range(50)}) == 50
    assert len(keys.fingerprint(GOOD)) == 19
