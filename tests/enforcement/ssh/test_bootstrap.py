"""The script that makes a bare host a PEP, run for real: once, twice, with other options; and what never gets into it."""

import json
import re
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from enforcement.pep.caps import parse_caps
from tests import factories
from tests.enforcement.pep.agents import ALICE
from tests.far import PORTAL, make_key

pytestmark = [pytest.mark.django_db, pytest.mark.lab]

MODES = {
    "/etc/lychgate": "755",
    "/etc/lychgate/agent.json": "600",
    "/etc/lychgate/authorized_keys": "644",
    "/etc/lychgate/wireguard.key": "600",
    "/etc/sudoers.d/lychgate": "440",
    "/usr/local/lib/lychgate": "755",
    "/usr/local/lib/lychgate/agent.pyz": "755",
}


def wrote(said):
    return [line.removeprefix("lychgate: wrote ") for line in said.splitlines() if line.startswith("lychgate: wrote ")]


def test_a_bare_host_becomes_a_pep_that_passes_nothing(far, bootstrap):
    said = bootstrap()
    assert "pep-1 is set up, and closed." in said
    assert set(far.sh("nft list tables").splitlines()) == {"table inet lychgate-guard"}
    assert (far.peers(), far.sh("ip rule").count("blackhole"), far.sh("ip -6 rule").count("blackhole")) == ({}, 2, 2)
    assert far.sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/all/accept_redirects").split() == ["1", "0"]
    assert far.sh(f"wg show {far.interface} listen-port").strip() == "51820"


def test_a_second_time_it_changes_nothing_and_says_so(far, script):
    text = script()
    first = far.install(text)
    before = far.holds()
    second = far.install(text)
    assert far.holds() == before
    assert (wrote(second), "lychgate: nothing had to be changed" in second) == ([], True)
    assert [line for line in first.splitlines() if " key" in line][-2:] == [line for line in second.splitlines() if " key" in line]


def test_it_takes_nothing_away_from_a_pep_in_service(near, far, bootstrap):
    near.grant()
    near.reconcile()
    before = far.holds()
    assert wrote(bootstrap()) == []
    assert (far.holds(), far.admitted(), near.reconcile().error) == (before, set(ALICE), "")


def test_other_options_change_what_they_are_about_and_no_key(far, bootstrap):
    first = bootstrap()
    second = bootstrap(longest_seconds=3600)
    assert wrote(second) == ["/etc/lychgate/agent.json"]
    assert second.splitlines()[-3:] == first.splitlines()[-3:]


def test_what_belongs_to_root_is_roots_and_the_account_writes_nowhere(far, bootstrap):
    bootstrap()
    assert {path: far.sh(f"stat -c '%a %U' {path}").split() for path in MODES} == {path: [mode, "root"] for path, mode in MODES.items()}
    found = far.sh("runuser -u lychgate -- find /etc /usr/local /var/lib -writable ! -type l 2>/dev/null || true")
    assert found == ""


def test_the_private_key_stays_there(far, script, worker):
    text = script()
    said = far.install(text)
    private = far.path("/etc/lychgate/wireguard.key").read_text().strip()
    assert private not in text + said
    assert worker.read_text().splitlines()[1] not in text


def test_the_caps_are_what_the_placed_resources_need_and_nothing_more(far, bootstrap):
    bootstrap()
    caps = parse_caps(json.loads(far.path("/etc/lychgate/agent.json").read_text()))
    ports = {("tcp", 139, 139), ("tcp", 445, 445)}
    assert {str(t.prefix): {(p.protocol, p.first, p.last) for p in t.ports} for t in caps.targets} == {
        "192.168.89.10/32": ports,
        "fd00:89::a/128": ports,
    }
    assert [str(address) for address in caps.own_addresses] == ["10.89.65.1", "fd89:0:0:1::1"]
    assert (caps.masquerade, caps.lan_interfaces, caps.listen_port) == (False, (), 51820)


def test_the_options_are_the_caps(far, bootstrap):
    targets = ["192.168.89.0/24=tcp/445,udp/137-138", "fd00:89::/64=tcp/22"]
    more = {"masquerade": ["eth1"], "forbid": ["192.168.89.1"], "most_peers": 7, "listen_port": 5555, "log_group": 5}
    bootstrap(target=targets, **more)
    caps = parse_caps(json.loads(far.path("/etc/lychgate/agent.json").read_text()))
    assert [[str(t.prefix), [(p.protocol, p.first, p.last) for p in t.ports]] for t in caps.targets] == [
        ["192.168.89.0/24", [("tcp", 445, 445), ("udp", 137, 138)]],
        ["fd00:89::/64", [("tcp", 22, 22)]],
    ]
    assert (caps.masquerade, caps.lan_interfaces, caps.most_peers, caps.listen_port, caps.log_group) == (True, ("eth1",), 7, 5555, 5)
    assert "192.168.89.1/32" in map(str, caps.forbidden_targets)


def test_the_options_can_be_typed(world, script):
    typed = "--interface wg7 --listen-port 5555 --target 192.168.89.0/24=tcp/445 --forbid 192.168.89.1 --masquerade eth1 --masquerade eth2"
    out = StringIO()
    call_command("bootstrap_pep", "pep-1", *typed.split(), "--from", "203.0.113.7", "--most-peers", "7", stdout=out)
    meant = {"target": ["192.168.89.0/24=tcp/445"], "forbid": ["192.168.89.1"], "masquerade": ["eth1", "eth2"]}
    assert out.getvalue() == script(interface="wg7", listen_port=5555, most_peers=7, workers=["203.0.113.7"], **meant)


def test_workers_may_be_held_to_where_they_come_from(world, far, bootstrap, confirm):
    confirm(bootstrap(workers=["203.0.113.7"]))
    far.start_sshd()
    assert "Permission denied" in world.reconcile().error
    bootstrap(workers=["203.0.113.7", f"{PORTAL}/32"])
    assert world.reconcile().error == ""


def test_a_new_key_of_the_workers_replaces_the_old_one(near, worker, bootstrap, settings, tmp_path, far):
    near.reconcile()
    settings.SSH_KEY_FILE = str(make_key(tmp_path, "new"))
    assert "Permission denied" in near.reconcile().error
    assert wrote(bootstrap()) == ["/etc/lychgate/authorized_keys"]
    assert near.reconcile().error == ""


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("sed -i '/^Include/d' /etc/ssh/sshd_config", "does not include /etc/ssh/sshd_config.d"),
        ("echo 'Nonsense yes' >>/etc/ssh/sshd_config", "sshd does not take its part"),
    ],
)
def test_a_host_whose_sshd_cannot_be_told_is_left_closed_with_a_sentence(far, script, damage, sentence):
    far.sh(damage)
    done = subprocess.run(far.argv("pep", ["sh", "-s"]), input=script(), capture_output=True, text=True, check=False)
    assert (done.returncode, sentence in done.stderr) == (1, True)
    assert "lychgate-guard" in far.sh("nft list tables")


class TestUnderSystemd:
    """What the script asks of systemd, where one runs: a stand-in notes it, and knows no rsyslog."""

    SYSTEMCTL = """#!/bin/sh
echo "$*" >>/run/asked
case "$*" in
*rsyslog*is-active* | *is-active*rsyslog*) exit 3 ;;
*rsyslog*) exit 5 ;;
"start lychgate-guards.service" | "reload lychgate-guards.service") exec /usr/local/lib/lychgate/boot guards ;;
"start lychgate-wireguard.service lychgate-clock.timer") exec /usr/local/lib/lychgate/boot wireguard ;;
esac
"""

    @pytest.fixture
    def systemd(self, far):
        far.path("/etc/systemctl").write_text(self.SYSTEMCTL)
        far.sh("chmod 755 /etc/systemctl; mount --bind /etc/systemctl $(command -v systemctl); mkdir -p /run/systemd/system")

        def asked():
            lines = far.path("/run/asked").read_text().splitlines()
            far.path("/run/asked").unlink()
            return lines

        return asked

    def test_the_guards_are_started_before_wireguard_and_a_host_without_rsyslog_is_no_failure(self, systemd, bootstrap):
        assert "pep-1 is set up, and closed." in bootstrap()
        asked = systemd()
        assert "--quiet enable lychgate-guards.service lychgate-wireguard.service lychgate-clock.timer" in asked
        starts = [line for line in asked if line.startswith("start ")]
        assert starts == ["start lychgate-guards.service", "start lychgate-wireguard.service lychgate-clock.timer"]
        assert "try-reload-or-restart ssh.service" in asked

    def test_a_second_time_nothing_that_runs_is_started_anew(self, systemd, bootstrap):
        bootstrap()
        systemd()
        assert "nothing had to be changed" in bootstrap()
        assert [line for line in systemd() if "restart" in line or "reload " in line] == []

    def test_another_port_restarts_wireguard_alone(self, systemd, bootstrap):
        bootstrap()
        systemd()
        bootstrap(listen_port=5555)
        assert [line for line in systemd() if "restart" in line] == ["restart lychgate-wireguard.service"]


def test_a_host_with_too_old_an_nft_is_left_as_it_was(far, script):
    far.sh("printf '#!/bin/sh\\necho nftables v1.0.2\\n' >/etc/nft; chmod 755 /etc/nft; mount --bind /etc/nft /usr/sbin/nft")
    done = subprocess.run(far.argv("pep", ["sh", "-s"]), input=script(), capture_output=True, text=True, check=False)
    assert (done.returncode, "nft is too old here: 1.0.6 is needed" in done.stderr) == (1, True)
    assert not far.path("/etc/lychgate").exists()


def test_only_root_can_run_it(far, script):
    argv = far.argv("pep", ["runuser", "-u", "nobody", "--", "sh", "-s"])
    done = subprocess.run(argv, input=script(), capture_output=True, text=True, check=False)
    assert (done.returncode, "run this as root" in done.stderr) == (1, True)


HOSTILE = "x'\"; $(touch /tmp/pwned) `id`\nLYCHGATE-END-OF-FILE\nid"


def test_nothing_that_people_type_as_text_is_in_the_script(world, script):
    plain = script()
    world.fileshare.name, world.fileshare.description, world.laptop.name = HOSTILE, HOSTILE, HOSTILE
    world.fileshare.save()
    world.laptop.save()
    world.pep.endpoint_host = world.pep.ssh_host = HOSTILE
    world.pep.save()
    assert script() == plain


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"interface": "wg0;id"}, "interface: 'wg0;id' is not a name for it"),
        ({"interface": "wg0\nid"}, "is not a name for it"),
        ({"masquerade": ["$(id)"]}, "lan_interfaces: '$(id)' is not a name for it"),
        ({"target": ["192.168.89.0/24"]}, "a port"),
        ({"target": ["lan=tcp/1"]}, "lan is not an address or a network"),
        ({"target": ["192.168.89.0/24=tcp/0"]}, "a port is written"),
        ({"target": ["192.168.89.0/24=icmp/1"]}, "a port is written"),
        ({"forbid": ["10.0.0.1/8"]}, "10.0.0.1/8 is not an address or a network"),
        ({"workers": ['1.2.3.4" x']}, "is not an address or a network"),
        ({"longest_seconds": 0}, "longest_seconds is a whole number from 1"),
        ({"listen_port": 65536}, "listen_port is a whole number from 1 to 65535"),
        ({"worker_key": Path("/nowhere")}, "/nowhere: "),
    ],
)
def test_what_is_no_typed_value_writes_no_script(script, world, options, sentence):
    with pytest.raises(CommandError, match=re.escape(sentence)):
        script(**options)


def test_a_pep_that_nobody_added_gets_no_script(db):
    with pytest.raises(CommandError, match="there is no PEP pep-7: add it in the admin first"):
        call_command("bootstrap_pep", "pep-7")


def test_without_a_key_of_the_workers_there_is_no_script(world, settings):
    settings.SSH_KEY_FILE = ""
    with pytest.raises(CommandError, match="say --worker-key FILE, or set LYCHGATE_SSH_KEY_FILE"):
        call_command("bootstrap_pep", "pep-1")


def test_it_can_be_written_to_a_file_that_only_its_owner_reads(world, script, tmp_path):
    out = StringIO()
    call_command("bootstrap_pep", "pep-1", interface=world.gateway.interface, out=tmp_path / "pep-1.sh", stdout=out)
    assert ((tmp_path / "pep-1.sh").read_text(), (tmp_path / "pep-1.sh").stat().st_mode & 0o777) == (script(), 0o700)
    assert "copy it to pep-1, and run it there as root" in out.getvalue()


def test_a_pep_without_targets_is_warned_of(settings, worker):
    settings.SSH_KEY_FILE = str(worker)
    factories.a_pep()
    said = StringIO()
    call_command("bootstrap_pep", "pep-1", stdout=StringIO(), stderr=said)
    assert "No target is allowed yet" in said.getvalue()
