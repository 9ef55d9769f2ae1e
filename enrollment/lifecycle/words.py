"""What people type, checked once: a name for a thing, and a text with a reason in it."""

from __future__ import annotations

from enrollment.lifecycle.outcomes import Refused
from enrollment.sentences import recalled, say
from enrollment.texts import is_plain, tidied

NAME_LENGTH = 40
TEXT_LENGTH = 1000
TICKET_LENGTH = 80
WHATS = (say("reason"), say("comment"), say("ticket"), say("text"))  # what `what` may be


def clean_name(text: str) -> str:
    """Return the name with its blanks tidied, or refuse."""
    if len(text) > NAME_LENGTH * 4:
        raise Refused(say("The name is too long: {longest} characters at most.", longest=NAME_LENGTH), field="name")
    name = tidied(text)
    if not name:
        raise Refused(say("Give the device a name."), field="name")
    if len(name) > NAME_LENGTH:
        raise Refused(say("The name is too long: {longest} characters at most.", longest=NAME_LENGTH), field="name")
    if not is_plain(name):
        raise Refused(say("The name has characters in it that do not print. Use letters, digits and blanks."), field="name")
    return name


def clean_text(text: str, what: str, *, longest: int = TEXT_LENGTH, required: bool = False) -> str:
    """Return the text with line ends made equal, or refuse. Line ends and tabs may be in it."""
    if len(text) > longest * 2:
        raise Refused(say("The {what} is too long: {longest} characters at most.", what=recalled(what), longest=longest), field=what)
    tidy = text.replace("\r\n", "\n").strip()
    if required and not tidy:
        raise Refused(say("Give a {what}.", what=recalled(what)), field=what)
    if len(tidy) > longest:
        raise Refused(say("The {what} is too long: {longest} characters at most.", what=recalled(what), longest=longest), field=what)
    if not is_plain(tidy, breaks=True):
        raise Refused(say("The {what} has characters in it that do not print.", what=recalled(what)), field=what)
    return tidy


def clean_line(text: str, what: str, *, longest: int) -> str:
    """As `clean_text`, on one line."""
    line = clean_text(text, what, longest=longest)
    if "\n" in line or "\t" in line:
        raise Refused(say("The {what} is one line.", what=recalled(what)), field=what)
    return line
