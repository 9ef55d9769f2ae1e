"""Keys that are none, at every door that takes one: enrolling, a new key, and a PEP's page. Each refused at its field, in words.

One world for all rows of the table: nothing may be left of any of them.
"""

import base64
import re
from uuid import uuid4

import pytest
from django.urls import reverse

from enrollment import keys, lifecycle
from enrollment.models import Device, DeviceKey, Pep
from tests import factories
from tests.enrollment.test_keys import EIGHT, GOOD, LOW, POINT, TOP, P, spelled

LOOKALIKES = {"A": "\u0410", "a": "\u0430", "e": "\u0435", "o": "\u043e", "+": "\uff0b", "=": "\uff1d"}
STRAY = {"A": "B", "E": "F", "I": "J", "M": "N", "Q": "R", "U": "V", "Y": "Z", "c": "d", "g": "h", "k": "l", "o": "p", "s": "t", "w": "x"}
SHAPELESS = {
    "E16, 31 bytes": base64.b64encode(b"\1" * 31).decode(),
    "E17, 33 bytes": base64.b64encode(b"\1" * 33).decode(),
    "E18, no =": GOOD.rstrip("="),
    "E19, the alphabet of addresses": "-_" + GOOD[2:],
    "E21, a line end": GOOD[:20] + "\n" + GOOD[21:],
    "E21, a blank": GOOD[:20] + " " + GOOD[21:],
    "E22, hex": base64.b64decode(GOOD).hex(),
    "E23, look-alikes": "".join(LOOKALIKES.get(letter, letter) for letter in GOOD),
    "E24, too long for a key": "A" * 150,
}
UNUSABLE = {f"E1 to E8, {point}": spelled(point) for each in LOW[:5] for point in (each, each + TOP)}
NOT_CANONICAL = {
    "E9, bit 255": spelled(POINT + TOP),
    "E10, the prime and 9": spelled(P + 9),
    "E10, all ones": spelled(2**255 - 1),
    "E20, stray bits": GOOD[:42] + (STRAY.get(GOOD[42]) or chr(ord(GOOD[42]) + 1)) + "=",
}


@pytest.fixture
def taken(alice, erin, pep):
    """Keys that somebody has or had, and one half of a pair that is known here."""
    retired, theirs = factories.a_device(alice, "old", key=factories.a_key("mine once")), factories.a_device(erin)
    lifecycle.retire_device(retired, actor=alice, reason="", now=factories.NOW)
    other, [private, public] = factories.a_pep(2), factories.a_pair()
    factories.a_device(erin, "phone", key=public)
    known = {"E11, a PEP's": pep.public_key, "E12, another PEP's": other.public_key, "E13, another person's": theirs.public_key}
    flipped = spelled(int.from_bytes(base64.b64decode(retired.public_key), "little") + TOP)
    known["E14, my own of before"] = retired.public_key
    return known, {"E15, flipped": flipped}, {"E25, known here": private}


@pytest.fixture
def expected(taken):
    """What is typed, and the sentence that answers it."""
    known, flipped, private = taken
    said = {keys.NOT_A_KEY: SHAPELESS, keys.UNUSABLE: UNUSABLE, keys.NOT_CANONICAL: NOT_CANONICAL | flipped}
    said |= {keys.KNOWN_ALREADY: known, keys.PRIVATE: private, keys.LOOKS_PRIVATE: {"E25": factories.a_pair()[0]}}
    return [(name, text, sentence) for sentence, table in said.items() for name, text in table.items()]


def beside(page):
    found = re.search(r'id="id_public_key_error">([^<]*)<', page.text)
    return found[1].replace("&#x27;", "'") if found else ""


def insisting(sentence):
    """Say that it is the public key where the form would ask first."""
    return {"is_public": "on"} if sentence == keys.PRIVATE else {}


def kept():
    return list(Device.objects.values().order_by("pk")), list(DeviceKey.objects.values().order_by("pk")), list(Pep.objects.values())


def test_no_bad_key_enrols_a_device_and_the_name_typed_stays(browse, alice, expected, told_peps):
    client, before, missed = browse(alice), kept(), []
    for name, text, sentence in expected:
        values = {"name": "My typed name", "kind": "phone", "way": "pasted", "public_key": text, "once": str(uuid4())}
        page = client.post(reverse("device-new"), values | insisting(sentence))
        stays = 'value="My typed name"' in page.text and re.search(r'value="phone"\s+selected', page.text)
        if page.status_code != 200 or sentence not in beside(page) or not stays or text[:40] in page.text:
            missed.append((name, beside(page)))
    assert missed == []
    assert kept() == before
    assert told_peps == []


def test_no_bad_key_replaces_a_devices(browse, alice, expected, told_peps):
    device = factories.a_device(alice, "in use")
    client, before, missed = browse(alice), kept(), []
    for name, text, sentence in [*expected, ("E14, the one it has", device.public_key, keys.KNOWN_ALREADY)]:
        values = {"way": "pasted", "public_key": text, "once": str(uuid4())}
        page = client.post(reverse("device-key", args=[device.pk]), values | insisting(sentence))
        if page.status_code != 200 or sentence not in beside(page):
            missed.append((name, beside(page)))
    assert missed == []
    assert kept() == before
    assert told_peps == []


def test_no_bad_key_makes_a_pep_and_what_else_was_typed_stays(browse, dave, expected, told_peps):
    client, before, missed = browse(dave), kept(), []
    rest = {
        "name": "pep-9",
        "endpoint_host": "vpn.example.com",
        "endpoint_port": "51820",
        "lease_seconds": "8 h",
        "ssh_port": "22",
        "is_enabled": "on",
    }
    rest |= {"prefix_v4": "10.89.90.0/24", "prefix_v6": "fd89:0:0:90::/64"}
    rest |= {f"placements-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    for name, text, sentence in expected:
        page = client.post(reverse("admin:enrollment_pep_add"), {**rest, "public_key": text})
        form = page.context["adminform"].form
        said = " ".join(form.errors.get("public_key", []))
        wanted = sentence if len(text) <= keys.LENGTH else "at most 44 characters"
        if (
            wanted not in said
            or list(form.errors) != ["public_key"]
            or text[:40] in page.text
            or 'value="vpn.example.com"' not in page.text
        ):
            missed.append((name, said))
    assert missed == []
    assert kept() == before
    assert told_peps == []


def test_a_public_key_that_looks_private_is_taken_once_somebody_has_checked(browse, alice, dave):
    _private, public = factories.a_pair(looks_private=True)
    values = {"name": "Phone", "kind": "phone", "way": "pasted", "public_key": public, "once": str(uuid4())}
    client = browse(alice)
    page = client.post(reverse("device-new"), values)
    assert (public in page.text, 'name="is_public"' in page.text) == (False, True)
    assert not re.search(r"data-private\s+hidden", page.text)
    client.post(reverse("device-new"), {**values, "is_public": "on"})
    assert Device.objects.get().public_key == public


def test_a_key_made_by_the_browser_is_never_asked_about(browse, alice):
    _private, public = factories.a_pair(looks_private=True)
    browse(alice).post(reverse("device-new"), {"name": "Phone", "kind": "phone", "way": "browser", "public_key": public, "once": uuid4()})
    assert Device.objects.get().key_origin == "browser"


def test_every_private_key_of_wireguard_looks_so_and_one_public_key_in_16():
    pairs = [factories.a_pair(looks_private=False)[0] for _pair in range(20)]
    assert all(map(keys.looks_private, pairs))
    assert keys.looks_private(base64.b64encode(b"\x08" + b"\1" * 30 + b"\x40").decode())
    assert not keys.looks_private(base64.b64encode(b"\x09" + b"\1" * 30 + b"\x40").decode())
    assert not keys.looks_private(base64.b64encode(b"\x08" + b"\1" * 30 + b"\x3f").decode())


@pytest.mark.parametrize("point", EIGHT)
def test_a_refused_key_is_in_no_sentence(point):
    with pytest.raises(keys.BadKey) as refused:
        keys.check(spelled(point))
    assert spelled(point)[:12] not in str(refused.value)
