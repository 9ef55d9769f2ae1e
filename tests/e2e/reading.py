"""Reading back what a page shows: a QR code by an independent reader, and every byte that a site has written."""

import subprocess
from pathlib import Path


def decode_qr(page, path: Path) -> bytes:
    """Photograph the QR code as it stands on the screen and let zbarimg read it."""
    page.locator("[data-qr] svg").screenshot(path=path)
    argv = ["zbarimg", "--quiet", "--raw", "--oneshot", "-Sbinary", str(path)]
    return subprocess.run(argv, capture_output=True, check=True).stdout


def files_below(*places: Path) -> list[Path]:
    return [path for place in places for path in place.rglob("*") if path.is_file()]


def where_written(secret: bytes, *places: Path) -> list[Path]:
    """Return the files that hold these bytes."""
    return [path for path in files_below(*places) if secret in path.read_bytes()]
