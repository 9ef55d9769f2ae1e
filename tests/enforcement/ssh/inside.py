"""What runs on the PEP itself as a resource, its SSH above all, and sessions there as whoever administers it has them."""

import subprocess
import time

from enrollment import lifecycle
from enrollment.models import Placement
from tests import factories

ADMIN = ("10.89.65.3", "fd89:0:0:1::3")  # of the resource pep-admin
OWN = ("10.89.65.1", "fd89:0:0:1::1")
OPTIONS = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes", "ServerAliveInterval=2", "ConnectTimeout=5")
SSH = ("ssh", "-F", "none", *(word for option in OPTIONS for word in ("-o", option)))
TICKS = "while echo tick; do sleep 0.05; done"


def place_on_the_pep(world, slug, port, overlay):
    resource = factories.a_resource(slug, ports=(("tcp", port),), now=world.now)
    where = {"overlay_v4": overlay[0], "target_v4": OWN[0], "overlay_v6": overlay[1], "target_v6": OWN[1], "is_on_pep": True}
    placement = Placement.objects.create(resource=resource, pep=world.pep, **where)
    lifecycle.estate_changed(placement, actor=None, verb="added", now=world.now)
    return resource


class Shell:
    """A session on the PEP that says something all the time; `first` is empty where nobody was let in."""

    def __init__(self, far, host, key, to=ADMIN[0]):
        argv = far.argv(host, [*SSH, "-i", str(key), f"root@{to}", TICKS])
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.first = self.process.stdout.readline()

    def last_tick(self):
        """Read to the end; return when the last line came, on the clock of deadlines."""
        at = time.time()
        for _line in self.process.stdout:
            at = time.time()
        return at

    def words(self):
        self.process.kill()
        return self.process.communicate()[1]
