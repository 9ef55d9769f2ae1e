"""A far PEP with a systemd of its own as its first process, so that it can be switched off and on again.

Its disk is a layer over this machine's, in memory; of the kernel it may set nothing but its
own network, and it starts nothing that this machine starts. Needs a place for its processes
in the tree of control groups: ask `why_not_booted` first.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from portal.demo.netns import LabError
from tests.far import PATIENCE, Far, why_not_far

SYSTEMD = "/lib/systemd/systemd"
TREES = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
DISK = """
set -e
mount -t tmpfs none /mnt
mkdir /mnt/new /mnt/work /mnt/root
mount -t overlay none -o lowerdir=/,upperdir=/mnt/new,workdir=/mnt/work /mnt/root
cd /mnt/root
rm -rf etc/systemd/system/* etc/rc?.d/* etc/postgresql etc/ssh/ssh_host_*
echo ready
exec sleep infinity
"""
FIRST_PROCESS = """
set -e
cd /mnt/root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,rw proc/sys/net
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for tree in dev run tmp; do mount -t tmpfs tmpfs $tree; done
mkdir dev/net dev/shm
for node in null zero full random urandom net/tun; do
    touch dev/$node
    mount --bind /dev/$node dev/$node
done
exec chroot . env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=null --show-status=0
"""


def why_not_booted() -> str:
    """Say why this machine can have no such host; an empty text means that it can."""
    if why_not_far():
        return why_not_far()
    if not Path(SYSTEMD).exists():
        return "systemd is not installed"
    return "" if any(_can_make_groups(tree) for tree in TREES) else "no control groups can be made here"


class Booted(Far):
    """Off at first; `boot` switches it on, `power_cut` off."""

    OWN_FILES = DISK

    def boot(self) -> None:
        """Start systemd, and wait until it has started all it is to start."""
        tree = next(tree for tree in TREES if _can_make_groups(tree))
        self._group = tree / self.prefix
        self._group.mkdir(exist_ok=True)
        namespaces = ["--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "--kill-child"]
        enter = f'echo $$ >{self._group}/cgroup.procs; exec unshare {" ".join(namespaces)} sh -c "$0"'
        holder = self.popen("pep", ["sh", "-c", enter, FIRST_PROCESS])
        self._first = self._wait_for(lambda: _children(holder.pid))[0]
        self._wait_for(lambda: self.sh("systemctl is-system-running || true").strip() in {"running", "degraded"})

    def power_cut(self) -> None:
        """End every process there at once; what the kernel held for that network is lost, the disk is not."""
        os.kill(self._first, signal.SIGKILL)
        self._wait_for(lambda: not Path(f"/proc/{self._first}").exists())
        self._first = 0
        rules = "; ".join(f"ip {family} rule flush; ip {family} rule add pref 32766 lookup main" for family in ("-4", "-6"))
        self.sh(f"nft flush ruleset; {rules}; ip link del {self.interface} 2>/dev/null; conntrack -F; sysctl -qw net.ipv4.ip_forward=0")

    def argv(self, host, argv):
        """Enter all of it, where it is on."""
        if host == "pep" and self._first:
            return ["nsenter", f"--target={self._first}", "--all", "--root", "--wd=/", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin", *argv]
        return super().argv(host, argv)

    def path(self, name):
        return Path(f"/proc/{self._first}/root{name}")

    def start_sshd(self) -> None:
        self.sh("systemctl start ssh")
        self._wait_for(lambda: "LISTEN" in self.sh("ss -Hltn sport = :22"))

    def close(self) -> None:
        super().close()
        if self._group:
            for group in sorted(self._group.rglob("*/"), reverse=True):
                with suppress(OSError):
                    group.rmdir()
            with suppress(OSError):
                self._group.rmdir()

    def _wait_for(self, look):
        until = time.monotonic() + PATIENCE
        while not (found := look()):
            if time.monotonic() > until:
                raise LabError("the host does not come up, or does not go down")
            time.sleep(0.05)
        return found

    _first = 0
    _group: Path | None = None


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if _is_systemd(child)]


def _is_systemd(pid: str) -> bool:
    with suppress(OSError):
        return SYSTEMD in Path(f"/proc/{pid}/cmdline").read_text()
    return False


def _can_make_groups(tree: Path) -> bool:
    if not (tree / "cgroup.controllers").exists():
        return False
    group = tree / f"lgt{os.getpid()}-look"
    with suppress(OSError):
        group.mkdir()
        group.rmdir()
        return True
    return False
