"""What a WireGuard public key must be before anything of ours accepts it.

WireGuard itself takes keys that nobody can own (points of low order, where every shared
secret is zero) and two spellings of one key (bit 255 is ignored), so one key could pass
for two. Only the one canonical spelling of a usable point passes here; the rest is
refused with a sentence that says what to do, and never repeats what was typed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from enrollment.sentences import say

LENGTH = 44
PRIME = 2**255 - 19
TOP_BIT = 1 << 255
# The u-coordinates below 2^255-19 whose order divides 8 (RFC 7748, section 6.1, and https://cr.yp.to/ecdh.html#validate).
LOW_ORDER = frozenset(
    {
        0,
        1,
        PRIME - 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    }
)
SHAPE = re.compile(r"[A-Za-z0-9+/]{43}=", re.ASCII)

# One sentence for every way of being known, so that nobody learns whose key it is.
KNOWN_ALREADY = say("This key cannot be used here: it is in use, or was once. Make a new one.")
NOT_A_KEY = say("This is not a WireGuard public key: that has 44 characters, letters, digits, + and /, and ends in =.")
NOT_CANONICAL = say("This key is not written the way WireGuard writes it. Copy it again, or make a new one.")
UNUSABLE = say("This key protects nothing: everybody can compute its secrets. Make a new one with your WireGuard app.")

PRIVATE = say(
    "This is a private key, and its public half is known here. Throw it away now: make a new pair, and give out the public key alone."
)
LOOKS_PRIVATE = say(
    "This looks like a private key. If it is one, throw it away now and make a new pair: it has left your device."
    " One public key in 16 looks so too: if you have checked that this is the public key, paste it again and say so below."
)


class BadKey(ValueError):  # noqa: N818 - it reads as what it is where it is caught
    """The text is no key we accept; the message is a sentence for the person who typed it."""


def check(text: str) -> str:
    """Return the key, unchanged, or raise BadKey."""
    if len(text) != LENGTH or not SHAPE.fullmatch(text):
        raise BadKey(NOT_A_KEY)
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise BadKey(NOT_A_KEY) from error
    if base64.b64encode(raw).decode() != text:
        raise BadKey(NOT_CANONICAL)
    point = int.from_bytes(raw, "little")
    if point % TOP_BIT in LOW_ORDER:
        raise BadKey(UNUSABLE)
    if point >= PRIME:
        raise BadKey(NOT_CANONICAL)
    return text


def looks_private(key: str) -> bool:
    """Tell whether a key is shaped as `wg genkey` shapes private ones. No more can be told: both are any 32 bytes."""
    raw = base64.b64decode(key)
    return raw[0] % 8 == 0 and raw[31] >> 6 == 1  # RFC 7748, section 5


def fingerprint(key: str) -> str:
    """Return 16 letters in groups of four, short enough to compare by eye on two screens."""
    short = base64.b32encode(hashlib.sha256(key.encode()).digest())[:16].decode().lower()
    return "-".join(short[start : start + 4] for start in range(0, 16, 4))
