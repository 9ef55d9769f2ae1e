"""What may stand in a name or a text that people type: nothing that hides, breaks a line unasked, or reorders what is around it.

Such text lies on screens, in mails, in logs and in exports, between the words of others.
"""

from __future__ import annotations

import unicodedata

HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})  # categories: controls, formats, private, halves, unassigned, breaks
# Letters and marks by their category, and yet nothing is seen: fillers, joiners, the empty Braille pattern.
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
BREAKS = frozenset("\n\t")


def tidied(text: str) -> str:
    """Return a name as it is kept: composed, with one blank where there were several."""
    return " ".join(unicodedata.normalize("NFC", text).split(" ")).strip()


def is_plain(text: str, *, breaks: bool = False) -> bool:
    """Tell whether everything in it is seen as what it is; `breaks`: line ends and tabs may be in it."""
    return not any(_hides(letter) for letter in (text.replace("\r\n", "\n") if breaks else text) if not (breaks and letter in BREAKS))


def shown(text: str) -> str:
    """Return what is seen of a text that others write: the provider or the directory may let people choose it."""
    return "".join(letter for letter in text if not _hides(letter)).strip()


def same_name(text: str) -> str:
    """Return what two names have in common that people would take for one: case and width do not tell them apart."""
    return tidied(unicodedata.normalize("NFKC", text).casefold())


def _hides(letter: str) -> bool:
    return letter in BLANK or unicodedata.category(letter) in HIDDEN or (unicodedata.category(letter) == "Zs" and letter != " ")
