"""How late a deadline is kept with everything of ours dead: the agent is killed, and the last datagram is timed."""

import tempfile
import time
from pathlib import Path

from enforcement.pep.state import Admission, Peer, make_state, parse_address
from tests.bench.pep import SLUG, Pep
from tests.bench.site import Ear
from tests.lab import LAN, PYTHON, RESOURCE, TOOLS, PepLab, fileshare

SECONDS = 2
EVERY = 0.0005


def measure(rounds):
    """Return for each round the milliseconds from the deadline to the last datagram: below zero where it came before."""
    found = []
    with tempfile.TemporaryDirectory() as directory, PepLab(services=False) as lab:
        lab.load_guards()
        config = lab.write_config(Path(directory) / "agent.json")
        lab.popen("laptop", [*PYTHON, str(TOOLS / "firehose.py"), "send", "600", RESOURCE[0], "137", str(EVERY)])
        ear, generation = Ear(lab, LAN[0], 137), 0
        laptop = lab.devices["laptop"]
        peer = Peer(laptop.keys.public, tuple(map(parse_address, laptop.addresses)))
        for _ in range(rounds):
            pep = Pep(lab, config, generation)
            deadline = int(time.time()) + SECONDS + 1
            pep.apply(make_state([fileshare()], [peer], [Admission(SLUG, address, deadline) for address in peer.addresses]))
            generation = pep.generation
            pep.kill()
            ear.wait_until_it_flows()
            last = ear.wait_until_it_is_silent()
            found.append((last + time.time() - time.monotonic() - deadline) * 1000)
        ear.close()
    return found
