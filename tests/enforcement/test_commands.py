"""What an operator can do without a worker: bring a PEP up to date, look before, and take plain files away."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from enforcement.models import PepStatus
from tests import factories
from tests.enforcement.world import BOTH

pytestmark = [pytest.mark.django_db, pytest.mark.lab]


def run(*arguments):
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_reconcile_enforces_here_and_now(world):
    grant = world.grant()
    assert "holds what is wanted" in run("reconcile", "pep-1")
    assert (world.row(grant).state, world.gateway.admitted()) == ("in_force", BOTH)


def test_a_dry_run_says_what_would_change_and_changes_nothing(world):
    world.grant()
    answer = json.loads(run("reconcile", "pep-1", "--dry-run", "--json"))
    assert answer["would add"][0] == "resource fileshare"
    assert [line.split()[0] for line in answer["would add"][2:]] == ["10.89.0.2", "fd89::2"]
    assert (world.gateway.admitted(), PepStatus.objects.exists()) == (set(), False)


def test_after_a_pass_a_dry_run_has_nothing_to_change(world):
    world.grant()
    world.reconcile()
    answer = json.loads(run("reconcile", "--dry-run", "--json"))
    assert (answer["would add"], answer["would remove"]) == ([], [])


def test_after_a_revoke_a_dry_run_names_what_would_go(world):
    grant = world.grant()
    world.reconcile()
    world.revoke(grant)
    assert len(json.loads(run("reconcile", "--dry-run", "--json"))["would remove"]) == 3


def test_a_pep_that_cannot_be_asked_is_a_failure(world, settings):
    settings.PEP_ARGV = {}
    with pytest.raises(SystemExit):
        run("reconcile", "pep-1")
    with pytest.raises(SystemExit):
        run("reconcile", "pep-1", "--dry-run")


def test_a_pep_of_another_name_is_a_sentence(db):
    with pytest.raises(CommandError, match="there is no PEP pep-9"):
        run("reconcile", "pep-9")
    with pytest.raises(CommandError, match="there is no PEP yet"):
        run("reconcile")


@pytest.fixture
def exported(world, tmp_path):
    world.grant()
    out = tmp_path / "out"
    answer = json.loads(run("export_pep", "pep-1", "--config", str(tmp_path / "agent.json"), "--out", str(out), "--json"))
    return out, answer


def test_exported_files_make_a_kernel_hold_what_the_agent_would(world, exported):
    out, _answer = exported
    main = (out / "etc/nftables.conf").read_text().replace("/etc/nftables.conf.d", str(out / "etc/nftables.conf.d"))
    world.gateway.run("pep", ["nft", "-f", "-"], main)
    assert world.gateway.admitted() == BOTH
    assert 3500 < world.gateway.elements()["10.89.0.2"] <= 3600


def test_the_exported_peer_is_the_device_and_no_private_key_is_there(world, exported):
    out, _answer = exported
    text = (out / f"etc/wireguard/{world.gateway.interface}.conf").read_text()
    assert f"[Peer]\nPublicKey = {world.laptop.public_key}\nAllowedIPs = 10.89.0.2/32, fd89::2/128\n" in text
    assert "\nPrivateKey" not in text


def test_exported_records_name_the_resource(exported):
    out, _answer = exported
    assert "fileshare IN A 10.89.65.10\nfileshare IN AAAA fd89:0:0:1::a\n" in (out / "dns/records.zone").read_text()


def test_exporting_leaves_out_what_the_pep_forbids_and_says_so(world, tmp_path):
    world.grant()
    world.fileshare.placements.update(target_v4="169.254.169.254")
    answer = json.loads(run("export_pep", "pep-1", "--config", str(tmp_path / "agent.json"), "--out", str(tmp_path / "out"), "--json"))
    assert "owner forbids" in answer["left_out"][0]
    assert not any("fileshare" in name for name in answer["files"])


def test_exporting_with_the_file_of_another_pep_is_refused(world, tmp_path):
    factories.a_pep(2, now=timezone.now())
    with pytest.raises(CommandError, match="is the file of pep-1"):
        run("export_pep", "pep-2", "--config", str(tmp_path / "agent.json"), "--out", str(tmp_path / "out"))
