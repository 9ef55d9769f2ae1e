"""The floor of the whole way: a hop through the same broker, WireGuard and nft, by bare tools in one process."""

import json
import sys
from pathlib import Path

from tests.bench.pep import orders_for


def floor(site, rounds):
    """Return the milliseconds of each round, opening and closing for the tablet, on the site's own kernel and broker."""
    from enforcement.pep.state import Peer, parse_address

    tablet = Peer(site.tablet.public_key, tuple(parse_address(address) for address in site.tablet.addresses))
    orders = orders_for(site.lab, tablet, rounds) | {"broker": str(site.directory / "broker.sock")}
    script = str(Path(__file__).parent / "floor.py")
    return json.loads(site.lab.run("pep", [sys.executable, script], json.dumps(orders), seconds=600))
