"""Reading back what a page shows: a QR code by an independent reader, and every byte that a site has written."""

import base64
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import quote_plus

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.contrib.sessions.models import Session
from django.test import override_settings

from tests.e2e.looks import WAYS, turn

PRIVATE = re.compile(r"^PrivateKey = ([A-Za-z0-9+/]{43}=)$", re.MULTILINE)


def public_of(private_key):
    """Return the other half of a key, by another implementation than the browser's."""
    raw = X25519PrivateKey.from_private_bytes(base64.b64decode(private_key)).public_key().public_bytes_raw()
    return base64.b64encode(raw).decode()


def decode_qr(page, path: Path) -> bytes:
    """Photograph the QR code as it stands on the screen and let zbarimg read it."""
    page.locator("[data-qr] svg").screenshot(path=path)
    return read_qr(path)


def read_qr(path: Path) -> bytes:
    """Return what zbarimg reads of the QR code in a picture. In one of some thousand it sees a bar code as well, if it may."""
    argv = ["zbarimg", "--quiet", "--raw", "--oneshot", "-Sdisable", "-Sqrcode.enable", "-Sbinary", str(path)]
    return subprocess.run(argv, capture_output=True, check=True).stdout


def decode_qr_everywhere(page, path: Path) -> bytes:
    """Read the code in both widths and themes; it must say the same."""
    before, said = page.viewport_size, set()
    for way in WAYS:
        turn(page, *way)
        said.add(decode_qr(page, path))
    page.set_viewport_size(before)
    page.emulate_media(color_scheme="light")
    (one,) = said
    return one


def files_below(*places: Path) -> list[Path]:
    return [path for place in places for path in place.rglob("*") if path.is_file()]


def spellings(key: str) -> set[bytes]:
    """Return how a key may lie in a file: as text, as bytes, in hex, in a URL, or broken in two by a mail's line end."""
    raw = base64.b64decode(key)
    halves = {key[:20].encode(), key[20:40].encode()}
    return {key.encode(), raw, raw.hex().encode(), quote_plus(key).encode(), base64.urlsafe_b64encode(raw), *halves}


def where_written(key: str, *places: Path) -> list[Path]:
    """Return the files that hold this key, in whatever spelling."""
    known = spellings(key)
    return [path for path in files_below(*places) if any(spelling in path.read_bytes() for spelling in known)]


def sessions_in_clear(secret_key: str) -> str:
    """Return all that sessions hold, which lies signed and packed in the database."""
    with override_settings(SECRET_KEY=secret_key):
        return json.dumps([session.get_decoded() for session in Session.objects.all()])
