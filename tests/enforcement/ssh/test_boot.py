"""A PEP starts closed: the guards, then WireGuard without peers, and nothing before the first document.

Here systemd checks the units offline, and what they start is started in the order that they
name. `test_systemd.py` switches a host off and on that has a systemd of its own.
"""

import configparser
import re
import shutil
import subprocess
import time

import pytest

from enforcement import bootstrap
from tests.enforcement.pep.agents import ALICE
from tests.far import BOOT

pytestmark = pytest.mark.lab

UNITS = ("lychgate-guards.service", "lychgate-wireguard.service", "lychgate-clock.service", "lychgate-clock.timer")


class Units(configparser.RawConfigParser):
    """Unit files as systemd reads them, as far as ours go: a name may stand there more than once."""

    def __init__(self):
        super().__init__(strict=False)

    def optionxform(self, name):
        return name


@pytest.fixture(scope="module")
def units():
    read = {name: Units() for name in UNITS}
    for name, unit in read.items():
        unit.read(bootstrap.GATEWAY / "etc/systemd/system" / name)
    return read


def start(far, units, *names):
    for name in names:
        far.run("pep", units[name]["Service"]["ExecStart"].split())


@pytest.mark.django_db
class TestAfterAPowerCut:
    def test_it_comes_back_closed_and_without_peers(self, near, far, units):
        near.grant()
        near.reconcile()
        far.cut_power()
        start(far, units, "lychgate-guards.service", "lychgate-wireguard.service")
        assert far.sh("nft list tables").split() == ["table", "inet", "lychgate-guard"]
        assert (far.peers(), far.sh("ip rule").count("blackhole"), far.sh("cat /proc/sys/net/ipv4/ip_forward")) == ({}, 2, "1\n")

    def test_the_next_pass_restores_access_under_the_same_key_for_the_time_that_remains(self, near, far, units, figure):
        grant, began = near.grant(600), time.monotonic()
        near.reconcile()
        before = near.row(grant).until
        far.cut_power()
        start(far, units, "lychgate-guards.service", "lychgate-wireguard.service")
        time.sleep(max(0.0, began + 2 - time.monotonic()))
        contact = time.monotonic()
        assert (near.reconcile().error, far.admitted()) == ("", set(ALICE))
        assert figure("from contact to restored over SSH", time.monotonic() - contact, 30) < 30
        assert max(far.elements().values()) <= 598
        assert near.row(grant).until <= before
        assert far.sh(f"wg show {far.interface} public-key").strip() == near.pep.public_key

    def test_without_the_guards_there_is_no_wireguard(self, near, far, units):
        far.cut_power()
        done = subprocess.run(far.argv("pep", [BOOT, "wireguard"]), capture_output=True, text=True, check=False)
        assert (done.returncode, far.sh("wg show interfaces").strip()) == (1, "")

    def test_guards_that_do_not_load_are_a_failed_start_and_the_routing_guard_still_stands(self, near, far):
        far.cut_power()
        far.path("/etc/lychgate/guard.nft").write_text("nonsense\n")
        done = subprocess.run(far.argv("pep", [BOOT, "guards"]), capture_output=True, text=True, check=False)
        assert (done.returncode, far.sh("ip rule").count("blackhole")) == (1, 2)

    def test_the_clock_is_looked_at(self, near, far, units):
        assert far.run("pep", units["lychgate-clock.service"]["Service"]["ExecStart"].split()) == "the clock did not jump ahead\n"

    def test_starting_twice_is_harmless(self, near, far, units):
        start(far, units, *["lychgate-guards.service", "lychgate-wireguard.service"] * 2)
        assert far.sh("ip rule").count("blackhole") == 2


class TestTheUnits:
    def test_the_guards_come_before_the_network_and_after_whatever_flushes(self, units):
        unit = units["lychgate-guards.service"]["Unit"]
        assert "network-pre.target" in unit["Before"].split()
        assert unit["Wants"] == "network-pre.target"
        assert "nftables.service" in unit["After"].split()

    def test_a_service_that_flushes_puts_them_back_at_once(self, units):
        dropped_in = (bootstrap.GATEWAY / "etc/systemd/system/nftables.service.d/lychgate.conf").read_text()
        for moment in ("ExecStartPost", "ExecReload", "ExecStopPost"):
            assert f"\n{moment}=-{BOOT} guards\n" in dropped_in

    def test_wireguard_needs_the_guards_and_comes_after_them(self, units):
        unit = units["lychgate-wireguard.service"]["Unit"]
        assert unit["Requires"] == "lychgate-guards.service"
        assert "lychgate-guards.service" in unit["After"].split()

    @pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
    def test_systemd_finds_nothing_wrong_with_them(self, tmp_path):
        for name in UNITS:
            source = (bootstrap.GATEWAY / "etc/systemd/system" / name).read_text()
            (tmp_path / name).write_text(re.sub("/usr/local/lib/lychgate/boot", "/bin/true", source))  # it is not on this machine
        argv = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in UNITS)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (done.returncode, [line for line in done.stderr.splitlines() if "lychgate" in line]) == (0, [])


needs_shellcheck = pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")


def check_sound(text, *options):
    done = subprocess.run(["shellcheck", "--shell=sh", *options, "-"], input=text, capture_output=True, text=True, check=False)
    assert done.stdout == ""


@needs_shellcheck
def test_shellcheck_finds_nothing_wrong_with_what_a_pep_boots_by():
    check_sound((bootstrap.GATEWAY / "usr/local/lib/lychgate/boot").read_text())


@needs_shellcheck
@pytest.mark.django_db
def test_shellcheck_finds_nothing_wrong_with_the_script(script):
    check_sound(script())
