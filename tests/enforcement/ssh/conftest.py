"""pep-1 far away: set up by its own script, confirmed as an admin does it, and reached over a real sshd."""

import io

import pytest
from django.core.management import call_command

from enforcement import transport
from enrollment import lifecycle
from portal.demo.netns import make_keys
from tests import factories
from tests.enforcement.ssh.inside import ADMIN, Shell, place_on_the_pep
from tests.enforcement.world import World
from tests.far import PEP, Far, make_key, why_not_far


@pytest.fixture(scope="session")
def worker(tmp_path_factory):
    """The workers' private key."""
    return make_key(tmp_path_factory.mktemp("worker"))


@pytest.fixture
def far():
    """A host without anything of ours on it; this thread is where the portal is."""
    if why_not_far():
        pytest.skip(f"no far host here: {why_not_far()}")
    with Far() as far, far.inside():
        yield far
        transport.POOL.close()


@pytest.fixture
def world(far, worker, settings, tmp_path, db):
    """People and a resource as everywhere; nobody has confirmed a key of pep-1 yet."""
    settings.SSH_KEY_FILE, settings.SSH_KNOWN_HOSTS = str(worker), tmp_path / "known-hosts"
    settings.PEP_TIMEOUT_SECONDS = 30  # a busy machine takes its time to sign in
    return World(far, public_key=None)


@pytest.fixture
def script(world):
    """Write the script of pep-1; options as those of the command."""

    def write(**options):
        out = io.StringIO()
        call_command("bootstrap_pep", "pep-1", **{"interface": world.gateway.interface, "stdout": out, **options})
        return out.getvalue()

    return write


@pytest.fixture
def bootstrap(far, script):
    """Run the script of pep-1 there, and return what it said."""
    return lambda **options: far.install(script(**options))


@pytest.fixture
def confirm(world):
    """Do what an admin does with what the script said at its end."""

    def enter(said):
        keys = dict(line.split(":", 1) for line in said.splitlines() if " key: " in line)
        world.pep.public_key, world.pep.ssh_host_key = (keys[name].strip() for name in ("WireGuard public key", "SSH host key"))
        world.pep.ssh_host = PEP
        world.pep.save()

    return enter


@pytest.fixture
def near(world, far, bootstrap, confirm):
    """The PEP is set up and confirmed, and its sshd answers."""
    confirm(bootstrap())
    far.start_sshd()
    return world


@pytest.fixture
def admins_key(tmp_path):
    """The key of whoever administers the gateway: another one than the workers'."""
    return make_key(tmp_path, "admin")


@pytest.fixture
def own_ssh(world, far, admins_key):
    """Place the PEP's SSH as a resource, and let root in with the admins' key."""

    def place():
        far.path("/etc/ssh/sshd_config.d/admin.conf").write_text(
            "AuthorizedKeysFile /etc/ssh/admin.pub\nPermitRootLogin prohibit-password\n"
        )
        far.path("/etc/ssh/admin.pub").write_text(admins_key.with_suffix(".pub").read_text())
        far.restart_sshd()
        return place_on_the_pep(world, "pep-admin", 22, ADMIN)

    return place


@pytest.fixture
def tunnels(world, far):
    """Give alice's laptop and erin's a host each, with a tunnel to the PEP."""

    def lay():
        devices = {"laptop": world.laptop, "erins": factories.a_device(factories.a_person("erin", now=world.now), now=world.now)}
        for host, device in devices.items():
            keys = make_keys()
            lifecycle.rotate_key(device, actor=device.owner, public_key=keys.public, key_origin="own", now=world.now)
            far.add_device(host, int(device.address_v4.rsplit(".", 1)[1]), keys, world.pep.public_key)
        return devices

    return lay


@pytest.fixture
def shell(far, admins_key):
    """Start a session on the PEP from a host."""
    shells = []

    def start(host, **more):
        shells.append(Shell(far, host, admins_key, **more))
        return shells[-1]

    yield start
    for each in shells:
        each.process.kill()
        each.process.communicate()
