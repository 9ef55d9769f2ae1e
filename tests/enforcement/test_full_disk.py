"""The portal's disk is full: nothing opens, and nobody is told of a thing that was not written; once there is room all goes on."""

import contextlib
import shutil
import sqlite3
import subprocess

import pytest

from tests.enforcement.sites import GRANT_AGAIN, MAKE_A_WORLD, portal, running_site, tried, wait_until
from tests.enforcement.world import BOTH

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.lab]

REVOKE = "lifecycle.revoke(Grant.objects.get(state='active'), actor=None, reason='done', now=timezone.now())"
HOW_MUCH = "print(Device.objects.count(), Grant.objects.count(), Grant.objects.get().state)"


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own, and on it the database."""
    directory = tmp_path / "disk"
    directory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", directory], check=True)
    yield directory
    subprocess.run(["umount", "--lazy", directory], check=True)


@pytest.fixture
def site(gateway, disk, transactional_db):
    """A site on that disk, its grant in force."""
    with running_site(gateway, {"pep-1": gateway.agent_argv}, DATABASE_URL=f"sqlite:///{disk}/lychgate.sqlite3") as site:
        portal(site, MAKE_A_WORLD.format(key=gateway.keys.public))
        with contextlib.closing(sqlite3.connect(disk / "lychgate.sqlite3")) as keeps_the_log:  # who closes it last gives its room back
            keeps_the_log.execute("SELECT COUNT(*) FROM enrollment_grant").fetchall()
            site.start()
            wait_until(lambda: gateway.admitted() == BOTH, seconds=60)
            yield site


def fill(disk):
    """Leave not a byte on the disk, and return the file that holds them."""
    file = disk / "filler"
    with file.open("wb", buffering=0) as sink:
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):  # no space left on the device
                while sink.write(bytes(size)) == size:
                    pass
    assert shutil.disk_usage(disk).free == 0
    return file


def test_a_full_disk_of_the_portal_opens_nothing_and_once_it_is_free_all_goes_on(site, disk):
    filler = fill(disk)
    wait_until(lambda: "disk is full" in site.said("worker"), seconds=60)
    for code in (REVOKE, GRANT_AGAIN):
        assert "disk is full" in tried(site, code).stderr
    assert portal(site, HOW_MUCH) == "1 1 active"
    site.gateway.sh("nft flush set inet lychgate device-access-to-fileshare")
    failed = site.said("worker").count("disk is full")
    wait_until(lambda: site.said("worker").count("disk is full") > failed + 1, seconds=60)
    assert site.gateway.admitted() < BOTH
    filler.unlink()
    wait_until(lambda: site.gateway.admitted() == BOTH, seconds=60)
    assert [part.process.poll() for part in site.parts.values()] == [None] * 3
    portal(site, REVOKE)
    wait_until(lambda: not site.gateway.admitted(), seconds=60)
    portal(site, GRANT_AGAIN)
    wait_until(lambda: site.gateway.admitted() == BOTH, seconds=60)
    assert portal(site, "from enrollment import audit; print(audit.verify())") == "[]"
