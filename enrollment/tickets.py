"""What a ticket must look like, as an admin writes it: "OPS-#" is OPS-1 and ops-42; several shapes stand beside each other.

Pure. # stands for digits, and everything else for itself: no pattern that an admin writes can take long to match.
"""

from __future__ import annotations

import re

from enrollment.sentences import say

LONGEST = 80  # letters of all shapes together
PART, APART = "[A-Za-z0-9_./:-]*", "[A-Za-z_./:-]"
# After a number something else must come, or it were not clear where it ends, and long to find out.
SHAPE = re.compile(f"{PART}#(?:{APART}{PART}#)*(?:{APART}{PART})?", re.ASCII)
DIGITS = "123"


class BadShapes(ValueError):  # noqa: N818 - it reads as what it is where it is caught
    """The text is no shape of a ticket; the message is a sentence for the person who typed it."""


def tidied(text: str) -> str:
    """Return the shapes as they are kept, or raise BadShapes. None is fine: any ticket will do, or none."""
    kept = " ".join(text.replace(",", " ").split())
    if len(kept) > LONGEST:
        raise BadShapes(say("The shapes are too long: {longest} characters at most.", longest=LONGEST))
    for shape in kept.split():
        if not SHAPE.fullmatch(shape):
            raise BadShapes(say("Write it like OPS-#: # stands for the number, and around it letters, digits and - _ . / : may stand."))
    return kept


def fits(shapes: str, ticket: str) -> bool:
    """Tell whether the ticket has one of these shapes, whatever its case."""
    return any(re.fullmatch(re.escape(shape).replace(r"\#", "[0-9]+"), ticket, re.IGNORECASE | re.ASCII) for shape in shapes.split())


def example(shapes: str) -> str:
    """Return a ticket of each shape."""
    return ", ".join(shape.replace("#", DIGITS) for shape in shapes.split())


def demand(shapes: str) -> str:
    """Say what is asked for."""
    return say("Give a ticket for this, such as {example}.", example=example(shapes))
