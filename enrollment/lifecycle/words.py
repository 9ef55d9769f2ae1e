"""What people type, checked once: a name for a thing, and a text with a reason in it.

Neither may hold characters that do not print or that reorder what is around them: such
text lies on screens, in mails and in exports.
"""

from __future__ import annotations

import unicodedata

from enrollment.lifecycle.outcomes import Refused

NAME_LENGTH = 40
TEXT_LENGTH = 1000
TICKET_LENGTH = 80
HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}


def clean_name(text: str) -> str:
    """Return the name with its blanks tidied, or refuse."""
    if len(text) > NAME_LENGTH * 4:
        raise Refused(f"The name is too long: {NAME_LENGTH} characters at most.")
    name = " ".join(unicodedata.normalize("NFC", text).split(" ")).strip()
    if not name:
        raise Refused("Give the device a name.")
    if len(name) > NAME_LENGTH:
        raise Refused(f"The name is too long: {NAME_LENGTH} characters at most.")
    if not name.isprintable():
        raise Refused("The name has characters in it that do not print. Use letters, digits and blanks.")
    return name


def clean_text(text: str, what: str, *, longest: int = TEXT_LENGTH, required: bool = False) -> str:
    """Return the text with line ends made equal, or refuse. Line ends and tabs may be in it."""
    if len(text) > longest * 2:
        raise Refused(f"The {what} is too long: {longest} characters at most.")
    tidy = text.replace("\r\n", "\n").strip()
    if required and not tidy:
        raise Refused(f"Give a {what}.")
    if len(tidy) > longest:
        raise Refused(f"The {what} is too long: {longest} characters at most.")
    if any(unicodedata.category(letter) in HIDDEN for letter in tidy if letter not in "\n\t"):
        raise Refused(f"The {what} has characters in it that do not print.")
    return tidy
