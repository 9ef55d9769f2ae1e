"""The way to a PEP: a client held to one host and one key, or what the operator set; what is missing is said."""

import subprocess
from pathlib import Path

import pytest

from enforcement import ways
from enforcement.transport import TransportError
from tests import factories

pytestmark = pytest.mark.django_db

EFFECTIVE = {  # as `ssh -G` prints it
    "batchmode": "yes",
    "identitiesonly": "yes",
    "identityagent": "none",
    "stricthostkeychecking": "true",
    "globalknownhostsfile": "none",
    "hostkeyalias": "pep-1",
    "hostkeyalgorithms": "ssh-ed25519",
    "updatehostkeys": "false",
    "forwardagent": "no",
    "forwardx11": "no",
    "clearallforwardings": "yes",
    "permitlocalcommand": "no",
    "requesttty": "false",
    "controlmaster": "false",
    "connecttimeout": "5",
    "serveraliveinterval": "5",
    "user": "lychgate",
    "port": "2222",
    "hostname": "pep.example.com",
}


@pytest.fixture
def pep(settings, tmp_path):
    settings.SSH_KEY_FILE, settings.SSH_KNOWN_HOSTS = str(tmp_path / "worker"), tmp_path / "known-hosts"
    return factories.a_pep(ssh_host="pep.example.com", ssh_port=2222, ssh_host_key=factories.an_ssh_key("pep-1"))


def test_the_client_is_held_to_one_key_and_to_nothing_else(pep, tmp_path):
    ssh, *arguments = ways.to(pep)
    printed = subprocess.run([ssh, "-G", *arguments], capture_output=True, text=True, check=True).stdout
    effective = dict(line.split(" ", 1) for line in printed.splitlines() if " " in line)
    assert {name: effective.get(name) for name in EFFECTIVE} == EFFECTIVE
    assert Path(effective["userknownhostsfile"]).read_text() == f"pep-1 {pep.ssh_host_key}\n"
    assert effective["identityfile"] == str(tmp_path / "worker")


def test_what_the_operator_set_wins(pep, settings):
    settings.PEP_ARGV = {"pep-1": ["/a/agent"]}
    assert ways.to(pep) == ("/a/agent",)


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("ssh_host", "give it an SSH host in the admin, or set LYCHGATE_PEP_ARGV"),
        ("ssh_host_key", "no SSH host key yet: an admin confirms it"),
    ],
)
def test_what_is_missing_at_the_pep_is_said(pep, field, sentence):
    setattr(pep, field, "")
    with pytest.raises(TransportError, match=sentence):
        ways.to(pep)


@pytest.mark.parametrize("key", ["ssh-ed25519 AAAA", "ssh-rsa AAAA", f"{factories.an_ssh_key('a')}\n* {factories.an_ssh_key('b')}"])
def test_a_host_key_that_was_written_past_us_is_refused_with_a_sentence(pep, key):
    pep.ssh_host_key = key
    with pytest.raises(TransportError, match="pep-1: This is not an SSH public key"):
        ways.to(pep)


def test_a_missing_key_of_the_workers_is_said(pep, settings):
    settings.SSH_KEY_FILE = ""
    with pytest.raises(TransportError, match="set LYCHGATE_SSH_KEY_FILE"):
        ways.to(pep)


def test_a_place_that_cannot_be_written_to_is_said(pep, settings, tmp_path):
    (tmp_path / "a file").write_text("")
    settings.SSH_KNOWN_HOSTS = tmp_path / "a file" / "known-hosts"
    with pytest.raises(TransportError, match="its host key cannot be written to"):
        ways.to(pep)
