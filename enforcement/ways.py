"""The way to a PEP: an argv. OpenSSH, held to the host key that an admin confirmed, or what the operator set instead.

The client reads no configuration, offers one key, forwards nothing and asks nobody. What
answers with another host key than the confirmed one is never spoken to.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from django.conf import settings

from enforcement.transport import OF_ITS_ANSWER, TransportError
from enrollment import ssh_keys
from enrollment.keys import BadKey
from enrollment.models import Pep
from enrollment.sentences import kept, say

ACCOUNT = "lychgate"  # on every PEP; `bootstrap_pep` makes it
CONNECT_SECONDS = 5
NO_TRANSPORT = kept("{pep} has no transport: give it an SSH host in the admin, or set LYCHGATE_PEP_ARGV")
NO_HOST_KEY = kept("{pep} has no SSH host key yet: an admin confirms it, as docs/running.md says")
NO_KEY_OF_OURS = kept("{pep} cannot be reached over SSH: set LYCHGATE_SSH_KEY_FILE")
NOT_WRITTEN = kept("{pep}: its host key cannot be written to {directory}: {error}")
OPTIONS = (
    *("BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "PreferredAuthentications=publickey", "PubkeyAuthentication=yes"),
    *("StrictHostKeyChecking=yes", "GlobalKnownHostsFile=none", "UpdateHostKeys=no", "VerifyHostKeyDNS=no", "CheckHostIP=no"),
    *("ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes", "PermitLocalCommand=no", "RequestTTY=no", "EscapeChar=none"),
    *("ControlMaster=no", "ControlPath=none", "CanonicalizeHostname=no", "Compression=no", "LogLevel=INFO"),
    *("ServerAliveInterval=5", "ServerAliveCountMax=3", f"HostKeyAlgorithms={ssh_keys.KIND}"),
)


def to(pep: Pep) -> tuple[str, ...]:
    """Return the argv that speaks for the PEP. Raises TransportError with what is missing."""
    if argv := settings.PEP_ARGV.get(pep.name):
        return tuple(argv)
    if not pep.ssh_host:
        raise TransportError(say(NO_TRANSPORT, pep=pep.name))
    if not pep.ssh_host_key:
        raise TransportError(say(NO_HOST_KEY, pep=pep.name))
    if not settings.SSH_KEY_FILE:
        raise TransportError(say(NO_KEY_OF_OURS, pep=pep.name))
    options = (
        *OPTIONS,
        f"IdentityFile={_as_ssh_reads(settings.SSH_KEY_FILE)}",
        f"UserKnownHostsFile={_as_ssh_reads(_pinned(pep))}",
        f"HostKeyAlias={pep.name}",
        f"ConnectTimeout={min(CONNECT_SECONDS, settings.PEP_TIMEOUT_SECONDS)}",
    )
    words = (word for option in options for word in ("-o", option))
    return ("ssh", "-F", "none", "-T", *words, "-p", str(pep.ssh_port), "-l", ACCOUNT, "--", pep.ssh_host)


def _as_ssh_reads(path: Path | str) -> str:
    """Write a path so that OpenSSH takes it for one, and for what it is."""
    return '"{}"'.format(str(path).replace("%", "%%"))


def _pinned(pep: Pep) -> Path:
    """Return the file with the PEP's one confirmed key. Another key is another file: streams under the old one end."""
    try:
        line = f"{pep.name} {ssh_keys.check(pep.ssh_host_key)}\n".encode()
    except BadKey as bad:
        raise TransportError(say(OF_ITS_ANSWER, pep=pep.name, error=bad.args[0])) from None
    path = Path(settings.SSH_KNOWN_HOSTS) / f"{pep.name}.{hashlib.sha256(line).hexdigest()[:16]}"
    try:
        if path.is_file() and path.read_bytes() == line:
            return path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
            new.write(line)
        Path(new.name).replace(path)
    except OSError as error:
        raise TransportError(say(NOT_WRITTEN, pep=pep.name, directory=path.parent, error=error.strerror)) from None
    return path
