"""A PEP on a host of its own, far away: its own network, its own /etc, /usr/local, /var and /run, and a real sshd.

What runs there sees the machine's programs and files, and whatever it changes is gone
with the namespace. The portal is another host; `inside` moves this thread there, so that
what the portal starts (ssh) goes over the wire between the two.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from portal.demo.netns import Keys, Lab, LabError, Route, unique_interface, why_not
from tests.enforcement.pep.agents import ByHand

PORTAL, PEP = "198.51.100.2", "198.51.100.1"
OVERLAY = ("10.89.0.0/16", "fd89::/48")
BOOT = "/usr/local/lib/lychgate/boot"
AGENT = "/usr/bin/python3 -I /usr/local/lib/lychgate/agent.pyz"
CLONE_NEWNET = 0x40000000
ENVIRONMENT = ("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/")
PATIENCE = 30.0


def why_not_far() -> str:
    """Say why this machine can have no far host; an empty text means that it can."""
    missing = [name for name in ("sshd", "sudo", "ssh", "unshare", "nsenter") if not shutil.which(name, path="/usr/sbin:/usr/bin")]
    return why_not() or (f"not installed: {', '.join(missing)}" if missing else "")


class Far(ByHand, Lab):
    """`pep` and `portal`, a wire between them, and nothing of ours on the PEP yet."""

    # The work directory of an overlay must not be on one itself: where /mnt is, everything that is written goes.
    OWN_FILES = """
set -e
mount -t tmpfs none /mnt
for tree in etc usr/local var; do
    mkdir -p "/mnt/$tree/new" "/mnt/$tree/work"
    mount -t overlay none -o "lowerdir=/$tree,upperdir=/mnt/$tree/new,workdir=/mnt/$tree/work" "/$tree"
done
mount -t tmpfs none /run
rm -f /etc/ssh/ssh_host_*
mkdir -p /run/sshd
echo ready
exec sleep infinity
"""

    def __init__(self) -> None:
        super().__init__(f"lgt{os.getpid()}f")
        self.interface = unique_interface()
        self.keys = Keys("", "")  # they are its own
        try:
            self.add_host("pep")
            self.add_host("portal")
            self.wire("portal", "eth0", [f"{PORTAL}/24"], to="pep", port="eth0")
            self.ip("pep", [f"addr add {PEP}/24 dev eth0"])
            holder = self.popen("pep", ["unshare", "--mount", "--propagation", "private", "sh", "-c", self.OWN_FILES])
            self.pid = holder.pid
            _insist_on_ready(holder)
        except BaseException:
            self.close()
            raise

    def argv(self, host, argv):
        """Enter the PEP's own files as well as its network."""
        if host == "pep" and getattr(self, "pid", None):
            return ["nsenter", f"--target={self.pid}", "--mount", "--net", "--wd=/", "--", *ENVIRONMENT, *argv]
        return super().argv(host, argv)

    def path(self, name: str) -> Path:
        """Return where a file of the PEP is for a look from here."""
        return Path(f"/proc/{self.pid}/root{name}")

    def install(self, script: str) -> str:
        """Run a script there as root would, and return what it printed."""
        return self.run("pep", ["sh", "-s"], script, seconds=120)

    def add_outsider(self, host: str, number: int) -> tuple[str, str]:
        """Add a host on a wire of its own; return the PEP's addresses there."""
        self.add_host(host)
        self.wire(host, "eth0", [f"203.0.113.{4 * number + 2}/30", f"2001:db8:{number:x}::2/64"], to="pep", port=f"out{number}")
        ours = f"203.0.113.{4 * number + 1}", f"2001:db8:{number:x}::1"
        self.ip("pep", [f"addr add {ours[0]}/30 dev out{number}", f"addr add {ours[1]}/64 dev out{number} nodad"])
        return ours

    def add_device(self, host: str, number: int, keys: Keys, pep_key: str) -> None:
        """Add a host with a tunnel to the PEP, on a wire of its own, that sends all of the overlay into it."""
        ours, interface = self.add_outsider(host, number)[0], unique_interface()
        self.add_wireguard(host, interface, keys, [f"10.89.0.{number}/32", f"fd89::{number:x}/128"])
        self.ip(host, [f"route add {prefix} dev {interface}" for prefix in OVERLAY])
        self.add_peer(host, interface, Route(pep_key, OVERLAY, f"{ours}:51820"))

    def start_sshd(self) -> None:
        """Start the distribution's sshd with its own configuration, and wait until it answers."""
        self._sshd = self.popen("pep", ["/usr/sbin/sshd", "-D"])
        until = time.monotonic() + PATIENCE
        while "LISTEN" not in self.run("pep", ["ss", "-Hltn", "sport = :22"]):
            if time.monotonic() > until or self._sshd.poll() is not None:
                raise LabError("sshd does not listen")
            time.sleep(0.02)

    def change_host_key(self, kind: str = "ed25519") -> None:
        """Show another host key from the next connection on, as a host set up anew does, or somebody in its place."""
        self.sh(f"rm /etc/ssh/ssh_host_*; ssh-keygen -q -t {kind} -N '' -f /etc/ssh/ssh_host_{kind}_key")
        self.restart_sshd()

    def restart_sshd(self) -> None:
        """Have sshd read its configuration anew, and end the connections that are open."""
        self._sshd.terminate()
        self._sshd.wait(PATIENCE)
        self.cut()
        self.start_sshd()

    def cut(self) -> None:
        """End the connections that are open."""
        for pid in self.agents():
            os.kill(pid, signal.SIGKILL)

    def cut_power(self) -> None:
        """Lose what a kernel loses: tables, rules, the interface, connections."""
        self.cut()
        fresh = "; ".join(f"ip {family} rule flush; ip {family} rule add pref 32766 lookup main" for family in ("-4", "-6"))
        self.sh(f"nft flush ruleset; {fresh}; ip link del {self.interface}; sysctl -qw net.ipv4.ip_forward=0")
        if left := self.sh("nft list ruleset; wg show interfaces").strip():
            raise LabError(f"this outlived the power cut: {left}")

    def running(self) -> dict[int, str]:
        """Return what runs there: the command by its number."""
        pids = subprocess.run(["ip", "netns", "pids", self.namespace("pep")], capture_output=True, text=True, check=True).stdout.split()
        return {int(pid): _command(pid) for pid in pids}

    def agents(self) -> list[int]:
        return [pid for pid, command in self.running().items() if command == AGENT]

    def holds(self) -> list[str]:
        """List what the PEP has for itself: files with mode, owner, time of change and digest, links, and the kernel's side."""
        mine = r"find /mnt/*/new /mnt/usr/local/new ! -path '*/log/*'"
        show = (
            "nft -s list ruleset; ip rule; ip -6 rule; ip -o address; ip route; ip -6 route; wg show all dump; sysctl -a 2>&1 | grep ^net"
        )
        listed = self.sh(
            f"{mine} -type f -printf '%p %m %U:%G %T@ ' -exec sha256sum {{}} ';'; {mine} -type l -printf '%p -> %l\\n'; {show}"
        )
        return listed.splitlines()

    @contextmanager
    def inside(self, host="portal"):
        """Put this thread, and what it starts, into the host's network."""
        libc = ctypes.CDLL(None, use_errno=True)
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.namespace(host)}", os.O_RDONLY)
        try:
            _enter(libc, there)
            yield
        finally:
            _enter(libc, home)
            os.close(there)
            os.close(home)


def _insist_on_ready(holder) -> None:
    if holder.stdout.readline() != "ready\n":
        raise LabError("the far host has no files of its own")


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except OSError:  # it has just ended
        return ""


def _enter(libc, namespace: int) -> None:
    if libc.setns(namespace, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def make_key(directory: Path, name: str = "worker") -> Path:
    """Make a pair of SSH keys as an operator does; return the path of the private one."""
    path = directory / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, stdin=subprocess.DEVNULL)
    return path
