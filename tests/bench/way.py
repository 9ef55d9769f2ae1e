"""The whole way: from a yes to the kernel that was read back, and from a revoke to the last packet.

Through the verbs, the database, Celery, a broker and a worker, with other devices on the PEP
meanwhile. Prints one JSON object: milliseconds of each round by step.
"""

import json
import sys
import time

from tests.bench.floor_of_the_way import floor
from tests.bench.site import Ear, open_site
from tests.lab import LAN, PYTHON, RESOURCE, TOOLS

EVERY = 0.0005  # seconds between two datagrams


def measure(devices, rounds):
    with open_site(devices) as site:
        times = {"approve to in force": [], "revoke to confirmed": [], "revoke to the last packet": []}
        for number in range(rounds + 3):
            opened, closed = open_and_close(site)
            if number >= 3:  # the first ones wait for connections and imports
                times["approve to in force"].append(opened)
                times["revoke to confirmed"].append(closed)
        times["revoke to the last packet"] = cuts(site, max(3, rounds // 4))
        return {"times": times, "floor": floor(site, rounds), "first_pass_s": site.first_pass}


def open_and_close(site):
    from enrollment import lifecycle
    from tests.bench.site import now

    asked = site.ask(site.tablet)
    began = time.perf_counter()
    grant = lifecycle.approve(asked, reviewer=site.bob, now=now())
    site.wait_for("in_force", grant)
    opened = time.perf_counter() - began
    began = time.perf_counter()
    lifecycle.revoke(grant, actor=site.bob, reason="", now=now())
    site.wait_for("gone", grant)
    return opened * 1000, (time.perf_counter() - began) * 1000


def cuts(site, rounds):
    """Revoke under a steady stream. Another grant keeps the peer, so that the next round need not wait for a handshake."""
    from enrollment import lifecycle
    from tests.bench.site import now

    standing = lifecycle.approve(site.ask(site.laptop, "wiki"), reviewer=site.bob, now=now())
    site.wait_for("in_force", standing)
    hose = [*PYTHON, str(TOOLS / "firehose.py"), "send", "3600", RESOURCE[0], "137", str(EVERY)]
    site.lab.popen("laptop", hose)
    ear, found = Ear(site.lab, LAN[0], 137), []
    try:
        for _ in range(rounds):
            grant = lifecycle.approve(site.ask(site.laptop), reviewer=site.bob, now=now())
            site.wait_for("in_force", grant)
            ear.wait_until_it_flows()
            began = time.monotonic()
            lifecycle.revoke(grant, actor=site.bob, reason="", now=now())
            found.append((ear.wait_until_it_is_silent() - began) * 1000)
            site.wait_for("gone", grant)
    finally:
        ear.close()
    return found


if __name__ == "__main__":
    json.dump(measure(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
