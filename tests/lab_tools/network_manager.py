"""A NetworkManager of its own, on a bus of its own: imports a config as its owner would, and prints what it keeps of it.

Run as root within `unshare --net --mount`, with a config and an empty directory: it sees no interface of the machine,
and what it writes goes into that directory.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={home}/bus</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>"""
SETTINGS = """[main]
plugins=keyfile
auth-polkit=false
dns=none
rc-manager=unmanaged
[keyfile]
path={home}/kept
unmanaged-devices=*
"""
PATIENCE = 20.0


def main(config: str, home: str) -> None:
    for place in ("/run", "/var/lib"):
        subprocess.run(["mount", "-t", "tmpfs", "none", place], check=True)
    for made in ("/run/NetworkManager", "/var/lib/NetworkManager", f"{home}/kept"):
        Path(made).mkdir()
    Path(home, "bus.conf").write_text(BUS.format(home=home), encoding="utf-8")
    Path(home, "settings.conf").write_text(SETTINGS.format(home=home), encoding="utf-8")
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={home}/bus"
    with Path(home, "log").open("wb") as log:
        bus = subprocess.Popen(["dbus-daemon", f"--config-file={home}/bus.conf", "--nofork"], stderr=log)
        nowhere = [f"--{kind}={home}/nowhere" for kind in ("config-dir", "system-config-dir", "intern-config", "state-file")]
        argv = ["NetworkManager", "--no-daemon", f"--config={home}/settings.conf", f"--pid-file={home}/pid", *nowhere]
        manager = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            until = time.monotonic() + PATIENCE
            while subprocess.run(["nmcli", "general", "status"], capture_output=True, check=False).returncode:
                if time.monotonic() > until:
                    sys.exit(Path(home, "log").read_text(encoding="utf-8"))
                time.sleep(0.05)
            subprocess.run(["nmcli", "connection", "import", "type", "wireguard", "file", config], stdout=log, check=True)
        finally:
            for process in (manager, bus):
                process.kill()
                process.wait()
    for kept in Path(home, "kept").iterdir():
        sys.stdout.write(kept.read_text(encoding="utf-8"))


main(*sys.argv[1:])
