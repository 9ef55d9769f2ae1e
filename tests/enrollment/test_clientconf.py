"""The client's file: what every WireGuard app takes, and a QR code that a camera reads."""

import re
import shutil
import subprocess

import pytest

from enrollment import clientconf, lifecycle
from enrollment.models import Membership
from enrollment.views.configs import client_file
from tests import factories
from tests.e2e.reading import read_qr
from tests.factories import a_device, a_key

PEER = clientconf.ClientPeer(a_key("pep"), "vpn.example.com:51820", ("10.89.65.0/24", "fd89:0:0:1::/64"))
PORTABLE = {
    "PrivateKey",
    "ListenPort",
    "Address",
    "DNS",
    "MTU",
    "PublicKey",
    "PresharedKey",
    "AllowedIPs",
    "Endpoint",
    "PersistentKeepalive",
}


def a_file(peers=(PEER,), private_key=None, **more):
    return clientconf.render(["10.89.0.2", "fd89::2"], peers, private_key or a_key("stands for a private one"), **more)


def test_the_file_has_only_keys_that_every_app_takes_each_once_a_section():
    for section in a_file(dns=["10.89.0.53"]).split("\n\n"):
        names = re.findall(r"^(\w+) =", section, re.MULTILINE)
        assert set(names) <= PORTABLE
        assert len(names) == len(set(names))


def test_the_file_is_plain_ascii_without_comments():
    assert a_file().isascii()
    assert "#" not in a_file()


def test_the_addresses_are_hosts_and_the_allowed_ones_are_prefixes():
    assert "Address = 10.89.0.2/32, fd89::2/128" in a_file()
    assert "AllowedIPs = 10.89.65.0/24, fd89:0:0:1::/64" in a_file()


def test_two_peers_never_share_a_key():
    assert a_file(peers=(PEER, PEER)).count("[Peer]") == 1


def test_without_a_private_key_a_placeholder_says_what_to_do():
    assert f"PrivateKey = {clientconf.PLACEHOLDER}\n" in clientconf.render(["10.89.0.2"], [PEER], None)


@pytest.mark.parametrize("value", ["a\nPostUp = reboot", "a b", "a#b", "a\r", "\u0430", "", "a,b"])
def test_no_value_can_begin_a_line_of_its_own(value):
    with pytest.raises(ValueError, match="no WireGuard app takes"):
        clientconf.render(["10.89.0.2"], [clientconf.ClientPeer(a_key("pep"), value, ("10.89.65.0/24",))], None)


@pytest.mark.skipif(not shutil.which("wg-quick"), reason="needs wg-quick")
def test_wg_quick_takes_the_file(tmp_path):
    path = tmp_path / "laptop.conf"
    path.write_text(a_file())
    path.chmod(0o600)
    stripped = subprocess.run(["wg-quick", "strip", path], capture_output=True, text=True, check=True).stdout
    assert a_key("pep") in stripped


@pytest.mark.parametrize(
    "name",
    [
        "laptop",
        "Alice's Laptop",
        "con",
        "COM1",
        "lpt9",
        "nul",
        "",
        "-",
        "_",
        "\u202e",
        "a" * 99,
        "../../etc/passwd",
        "x-" * 20,
        "<script>",
        "\u00dcber",
    ],
)
def test_a_tunnel_name_is_one_that_every_app_takes(name):
    short = clientconf.tunnel_name(name)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9_-]{0,13}[a-z0-9])?", short)
    assert short not in clientconf.RESERVED_NAMES


def test_tunnel_names_stay_readable():
    assert clientconf.tunnel_name("Alice's Laptop") == "alice-s-laptop"


@pytest.mark.parametrize(
    ("names", "tunnels"),
    [
        (["Alice fresh laptop", "Alice fresh laptop at home"], ["alice-fresh-lap", "alice-fresh-l-2"]),
        (["laptop", "Laptop!", "laptop-2", "laptop?"], ["laptop", "laptop-2", "laptop-2-2", "laptop-3"]),
        (["laptop-2", "laptop", "laptop."], ["laptop-2", "laptop", "laptop-3"]),
        (["\u2603", "\u2604", "nul"], ["wg", "wg-2", "wg-nul"]),
        (["x" * 20] * 10, ["x" * 15, *(f"{'x' * 13}-{number}" for number in range(2, 10)), f"{'x' * 12}-10"]),
    ],
)
def test_no_two_devices_of_somebody_have_tunnels_of_one_name_and_a_later_one_renames_no_earlier(names, tunnels):
    assert clientconf.tunnel_names(names) == tunnels
    assert [clientconf.tunnel_names(names[:number])[-1] for number in range(1, len(names) + 1)] == tunnels
    assert all(clientconf.tunnel_name(tunnel) == tunnel for tunnel in tunnels)


def test_the_file_of_a_device_is_called_otherwise_than_that_of_any_earlier_one_of_its_owners(alice, erin, now):
    first, second = a_device(alice, "Alice fresh laptop"), a_device(alice, "Alice fresh laptop at work")
    assert [client_file(device).tunnel for device in (first, second)] == ["alice-fresh-lap", "alice-fresh-l-2"]
    assert client_file(a_device(erin, "Alice fresh laptop")).tunnel == "alice-fresh-lap"
    lifecycle.retire_device(first, actor=alice, reason="", now=now)
    assert client_file(a_device(alice, "Alice fresh laptop")).tunnel == "alice-fresh-l-3"
    assert client_file(second).tunnel == "alice-fresh-l-2"


def drawn(svg, path, scale=8):
    """Paint the modules that the SVG's path names, as a plain picture."""
    side = int(re.search(r'viewBox="0 0 (\d+)', svg)[1])
    rows = [[255] * side for _row in range(side)]
    for x, y, length in re.findall(r"M(\d+),(\d+)h(\d+)v1h-\d+z", svg):
        rows[int(y)][int(x) : int(x) + int(length)] = [0] * int(length)
    large = b"".join(bytes(value for value in row for _ in range(scale)) * scale for row in rows)
    path.write_bytes(b"P5 %d %d 255\n" % (side * scale, side * scale) + large)


@pytest.mark.skipif(not shutil.which("zbarimg"), reason="needs zbarimg")
@pytest.mark.parametrize("peers", [1, 4])
def test_the_qr_code_reads_back_byte_for_byte(tmp_path, peers):
    text = a_file(peers=[clientconf.ClientPeer(a_key(n), PEER.endpoint, PEER.allowed_ips) for n in range(peers)])
    drawn(clientconf.qr_svg(text), tmp_path / "code.pgm")
    assert read_qr(tmp_path / "code.pgm") == text.encode()


def test_the_code_lies_on_a_white_card_with_a_quiet_zone_and_no_inline_style():
    svg = clientconf.qr_svg(a_file())
    assert '<rect width="' in svg
    assert 'fill="#fff"' in svg
    assert "style" not in svg
    assert min(int(x) for x, _y in re.findall(r"M(\d+),(\d+)h", svg)) == 4


def test_a_file_too_long_for_a_camera_is_said_to_be():
    with pytest.raises(clientconf.TooLong, match="Use the file"):
        clientconf.qr_svg("x" * 1201)
    assert clientconf.qr_svg("x" * 1200)


class TestWhichPeps:
    """One section for each PEP that its owner may come to need, whatever is granted now."""

    @pytest.fixture
    def named(self, laptop):
        """Return the names of the PEPs in alice's file."""
        return lambda: re.findall(r"Endpoint = ([\w-]+)\.example", client_file(laptop).text)

    @pytest.fixture
    def elsewhere(self, db):
        """A resource behind pep-2 for the treasurers alone, of whom alice is none."""
        policy = factories.a_policy("treasury", requesters=["treasurers"])
        return factories.a_resource("payroll", pep=factories.a_pep(2), policy=policy, number=20)

    def test_those_of_what_may_be_asked_for_before_anything_is_granted(self, named, fileshare, elsewhere):
        assert named() == ["pep-1"]

    def test_each_once_of_a_resource_behind_two(self, named, fileshare):
        factories.a_placement(fileshare, factories.a_pep(2), number=11)
        factories.a_resource("wiki", pep=factories.a_pep(3), number=12)
        assert named() == ["pep-1", "pep-2", "pep-3"]

    def test_a_grant_changes_nothing(self, laptop, named, fileshare, alice, bob):
        before = client_file(laptop).text
        factories.a_grant(alice, fileshare, [laptop], reviewer=bob)
        assert (client_file(laptop).text, named()) == (before, ["pep-1"])

    def test_a_group_that_may_ask_brings_its_pep(self, named, elsewhere, alice):
        assert named() == []
        group = factories.a_group("treasurers")
        Membership.objects.create(user=alice, group=group, source="test", since=factories.NOW)
        assert named() == ["pep-2"]

    def test_what_was_granted_stays_though_one_may_not_ask_any_more(self, named, fileshare, alice, laptop, bob):
        grant = factories.a_grant(alice, fileshare, [laptop], reviewer=bob)
        factories.a_policy("policy of fileshare", requesters=["treasurers"])
        assert named() == ["pep-1"]
        lifecycle.revoke(grant, actor=bob, reason="done", now=factories.NOW)
        assert named() == []

    def test_terms_of_yesterday_bring_nothing(self, named, fileshare):
        factories.a_policy("policy of fileshare", requesters=["treasurers"])
        assert named() == []

    def test_neither_what_is_retired_nor_what_is_switched_off(self, named, fileshare, dave):
        factories.a_resource("wiki", pep=factories.a_pep(2, is_enabled=False), number=12)
        lifecycle.retire_resource(fileshare, actor=dave, now=factories.NOW)
        assert named() == []
