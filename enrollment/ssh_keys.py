"""What an SSH public key must be before anything of ours accepts it: Ed25519, in its one spelling.

Every supported gateway has such a host key, and the workers' own key is one, too. A
comment behind the key is dropped: nothing that people type travels with it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from enrollment.keys import BadKey
from enrollment.sentences import say

KIND = "ssh-ed25519"
HEAD = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"  # RFC 8709, section 4: the name, then 32 bytes
BYTES = len(HEAD) + 32
LONGEST = 500  # a key and its comment

NOT_A_KEY = say("This is not an SSH public key of the kind ssh-ed25519: that is one line, ssh-ed25519 AAAA... and perhaps a comment.")


def check(text: str) -> str:
    """Return `ssh-ed25519 AAAA...` without the comment, or raise BadKey."""
    words = text.split() if len(text) <= LONGEST and len(text.splitlines()) <= 1 else []
    if words[:1] != [KIND]:
        raise BadKey(NOT_A_KEY)
    try:
        raw = base64.b64decode("".join(words[1:2]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadKey(NOT_A_KEY) from error
    if len(raw) != BYTES or not raw.startswith(HEAD):
        raise BadKey(NOT_A_KEY)
    return f"{KIND} {base64.b64encode(raw).decode()}"


def fingerprint(key: str) -> str:
    """Return the fingerprint as `ssh-keygen -l` prints it. Raises BadKey."""
    digest = hashlib.sha256(base64.b64decode(check(key).split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"
