"""An SSH public key has one spelling here, and no comment."""

import base64
import subprocess

import pytest

from enrollment import ssh_keys
from enrollment.keys import BadKey
from tests import factories

GOOD = factories.an_ssh_key("good")
BODY = GOOD.split()[1]


@pytest.mark.parametrize("text", [GOOD, f"{GOOD} root@pep-1", f"  {GOOD}\tsome words $(id)\n", f"{GOOD} ;reboot"])
def test_a_key_loses_its_comment_and_keeps_its_one_spelling(text):
    assert ssh_keys.check(text) == GOOD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        BODY,
        f"ssh-rsa {BODY}",
        f"ssh-ed25519-cert-v01@openssh.com {BODY}",
        f"pep-1 {GOOD}",
        f"restrict {GOOD}",
        f"{GOOD}\n{GOOD}",
        f"ssh-ed25519 {BODY[:-4]}",
        f"ssh-ed25519 {BODY}AAAA",
        f"ssh-ed25519 {BODY[:20]}\x00{BODY[20:]}",
        f"ssh-ed25519 {BODY[:20]}é{BODY[20:]}",
        f"ssh-ed25519 {base64.b64encode(b'x' * ssh_keys.BYTES).decode()}",
        f"{GOOD} {'x' * 500}",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)
def test_what_is_no_such_key_is_refused(text):
    with pytest.raises(BadKey, match="not an SSH public key of the kind ssh-ed25519"):
        ssh_keys.check(text)


def test_the_fingerprint_is_the_one_that_openssh_prints(tmp_path):
    path = tmp_path / "key.pub"
    path.write_text(f"{GOOD}\n")
    printed = subprocess.run(["ssh-keygen", "-lf", str(path)], capture_output=True, text=True, check=True).stdout
    assert ssh_keys.fingerprint(GOOD) == printed.split()[1]
