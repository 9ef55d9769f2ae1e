"""What people get is taken by what they import it into: wg, a real NetworkManager, and a reader as strict as the apps of phones."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from html import unescape

import pytest

from enrollment.models import Pep
from portal.demo.netns import Lab, make_keys, unique_interface, why_not
from tests import phone_app
from tests.enrollment.test_device_pages import form
from tests.factories import a_pep, a_placement
from tests.lab import TOOLS, needs_namespaces

needs_network_manager = pytest.mark.skipif(
    bool(why_not()) or not shutil.which("NetworkManager"), reason="needs root on Linux, and NetworkManager"
)


@pytest.fixture
def file(as_alice, fileshare):
    """A file as its page names and shows it, for a device whose name no app would take, with two gateways in it."""
    a_placement(fileshare, a_pep(2, endpoint_host="2001:db8::7"), number=11)
    page = as_alice.post("/devices/new/", form(name="Müller's *new* phone", kind="phone", way="server", public_key="")).text
    name = re.search(r'data-name="([^"]+)"', page)[1]
    return unescape(name), unescape(re.search(r"<code data-config-text>(.*?)</code>", page, re.DOTALL)[1])


def test_a_reader_as_strict_as_a_phones_takes_the_file(file):
    interface, *peers = phone_app.read(*file)
    assert [each.network.prefixlen for each in interface[1]["Address"]] == [32, 128]
    assert [values["Endpoint"] for _title, values in peers] == ["pep-1.example.com:51820", "[2001:db8::7]:51820"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[Interface]\n", "[Interface]\nPostUp = reboot\n"),
        ("[Interface]\n", "[Interface]\nTable = off\n"),
        ("PersistentKeepalive = 25", "PersistentKeepalive = 25\nPersistentKeepalive = 25"),
        ("PersistentKeepalive = 25", "PersistentKeepalive = "),
        ("PersistentKeepalive = 25", "PersistentKeepalive = 25 # often"),
        ("AllowedIPs = 10.89.65.0/24", "AllowedIPs = 10.89.65.1/24"),
        ("PublicKey = ", "PublicKey = x"),
        ("pep-1", "pép-1"),
        ("[Peer]", "[Interface]"),
    ],
)
def test_that_reader_is_strict(file, old, new):
    name, text = file
    assert old in text
    with pytest.raises(phone_app.RefusedError):
        phone_app.read(name, text.replace(old, new))


@needs_network_manager
def test_networkmanager_imports_the_file_under_its_own_name_and_keeps_all_of_it(file, tmp_path):
    name, text = file
    path, home = tmp_path / name, tmp_path / "home"
    path.write_text(text)
    home.mkdir()
    argv = ["unshare", "--net", "--mount", sys.executable, TOOLS / "network_manager.py", path, home]
    kept = configparser.ConfigParser(strict=True, delimiters=("=",))
    kept.read_string(subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout)
    (interface, *peers) = phone_app.read(name, text)
    assert kept["connection"]["interface-name"] == name.removesuffix(".conf")
    assert kept["wireguard"]["private-key"] == interface[1]["PrivateKey"]
    assert [kept[family]["address1"] for family in ("ipv4", "ipv6")] == [str(each) for each in interface[1]["Address"]]
    sections = [kept[f"wireguard-peer.{values['PublicKey']}"] for _title, values in peers]
    assert [each["endpoint"] for each in sections] == [values["Endpoint"] for _title, values in peers]
    assert [each["allowed-ips"] for each in sections] == [";".join(map(str, values["AllowedIPs"])) + ";" for _title, values in peers]


@pytest.fixture
def _gateway_by_address(pep):
    """wg looks names up, and in a namespace there is nobody to ask."""
    Pep.objects.update(endpoint_host="198.51.100.1")


@needs_namespaces
@pytest.mark.usefixtures("_gateway_by_address")
def test_wg_takes_what_wg_quick_leaves_of_the_file_and_holds_all_of_it(file, tmp_path):
    name, text = file
    path = tmp_path / name
    path.write_text(text)
    path.chmod(0o600)
    stripped = subprocess.run(["wg-quick", "strip", path], capture_output=True, text=True, check=True).stdout
    with Lab(f"lgt{os.getpid()}i") as lab:
        lab.add_host("laptop")
        lab.add_wireguard("laptop", tunnel := unique_interface(), make_keys(), [])
        lab.run("laptop", ["wg", "setconf", tunnel, "/dev/stdin"], stripped)
        (private, *_), *held = (line.split("\t") for line in lab.run("laptop", ["wg", "show", tunnel, "dump"]).splitlines())
    (_, interface), *peers = phone_app.read(name, text)
    assert private == interface["PrivateKey"]
    assert {(key, endpoint, allowed, alive) for key, _, endpoint, allowed, *_, alive in held} == {as_wg_says(peer) for _, peer in peers}


def as_wg_says(peer):
    return peer["PublicKey"], peer["Endpoint"], ",".join(map(str, peer["AllowedIPs"])), str(peer["PersistentKeepalive"])
