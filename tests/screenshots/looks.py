"""What pages look by: their templates and styles, as one digest that is kept beside the pictures."""

import hashlib

from tests.e2e.site import ROOT

KEPT = ROOT / "docs/screenshots.sha256"


def digest():
    """Return the SHA-256 of every template of a page and every style sheet, with their names."""
    found = hashlib.sha256()
    for path in sorted([*(ROOT / "templates").rglob("*.html"), *(ROOT / "static/css").rglob("*.css")]):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith("templates/mail/"):
            found.update(f"{name}\0{path.read_text(encoding='utf-8')}\0".encode())
    return found.hexdigest()
