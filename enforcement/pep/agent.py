"""The agent: reads requests line by line, answers each with a line, and listens nowhere.

It runs on a PEP as root, started by whoever may (a forced SSH command, sudo, a lab), and
obeys the root-owned file before anybody. One request at a time per PEP (flock); nothing
that arrives can end the stream but its own end, its age, or a change of the agent itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from enforcement.pep import receipt, trial, witnesses
from enforcement.pep.apply import apply
from enforcement.pep.caps import Caps, CapsError, parse_caps
from enforcement.pep.freshness import Nonces
from enforcement.pep.kernel import Kernel, KernelError, NftError
from enforcement.pep.memory import Memory
from enforcement.pep.observe import observe
from enforcement.pep.requests import VERSION, Apply, Hello, Lock, Read, Request, RequestError, Witnesses, parse
from enforcement.pep.ruleset import fingerprint
from enforcement.pep.stream import Stream
from enforcement.pep.trial import TrialError

LOCK_SECONDS = 20
WRITABLE_BY_OTHERS = 0o022


class BusyError(Exception):
    """Another request holds the PEP for too long."""


class Agent:
    """One stream's agent: the root-owned file, the kernel, what it remembers, and its nonce."""

    def __init__(self, config: Path, kernel: type[Kernel] = Kernel) -> None:
        """Nothing is read or opened before the first request."""
        self._config = config
        self._make_kernel = kernel
        self._kernel: Kernel | None = None
        self._memory: Memory | None = None
        self._nonces = Nonces()
        self._stream = secrets.token_hex()  # names this one, so that a trial is not confirmed by who began it
        self._public_key: str | None = None  # of the interface, as a pass over all of it last read it

    def answer(self, line: bytes) -> dict[str, object]:
        """Answer one line. Whatever goes wrong becomes a sentence."""
        try:
            caps = read_caps(self._config)
            return self._answer(caps, parse(line, caps.pep))
        except (RequestError, CapsError, BusyError, TrialError, KernelError, NftError, OSError) as error:
            return failure(str(error))

    def _answer(self, caps: Caps, request: Request) -> dict[str, object]:
        kernel, memory = self._parts(caps)
        began, commits = time.monotonic(), kernel.commits
        with locked(Path(caps.state_dir)):
            memory.load()
            # a nonce serves one document: a repeated line is not fresh
            age = self._nonces.age(request.nonce, kernel.boottime()) if isinstance(request, Apply) else None
            if isinstance(request, Witnesses):
                return _headed(caps, "witnesses", {"witnesses": witnesses.tell(memory.directory)})
            if isinstance(request, Lock):
                return _headed(caps, "lock", self._lock(caps, kernel, memory, request))
            body = self._body(caps, kernel, memory, request, age)
        took = round((time.monotonic() - began) * 1000, 3)
        if not isinstance(request, Hello):
            body |= {"genid": kernel.generation(), "commits": kernel.commits - commits, "took_ms": took, "lock": trial.state(kernel)}
        body |= {"generation": memory.generation, "nonce": self._nonces.give(kernel.boottime()), "now": kernel.now()}
        body |= {"boottime": kernel.boottime(), "recorded": True} if kernel.recorded else {"boottime": kernel.boottime()}
        return _headed(caps, "hello" if isinstance(request, Hello) else "receipt", body)

    def _body(self, caps: Caps, kernel: Kernel, memory: Memory, request: Request, age: float | None) -> dict[str, object]:
        if isinstance(request, Apply):
            done = apply(kernel, caps, memory, request, age)
            if not done.interface.is_remembered:
                self._public_key = done.interface.public_key
            return receipt.of_apply(request, done)
        if isinstance(request, Read):
            seen = observe(kernel, memory, fingerprint(caps), None, ())
            why = [seen.error] if seen.error else []
            why += [f"the table inet lychgate is {seen.table}"] if seen.table != "ours" else []
            return receipt.of_read(seen.state, seen.interface.handshakes, why)
        if self._public_key is None:
            with contextlib.suppress(KernelError):
                self._public_key = kernel.show().public_key
        return {"public_key": self._public_key, "python": platform.python_version()}

    def _lock(self, caps: Caps, kernel: Kernel, memory: Memory, request: Lock) -> dict[str, object]:
        if request.token:
            return trial.confirm(kernel, caps, memory.directory, self._stream, request.token)
        return trial.begin(kernel, caps, memory.directory, self._stream)

    def _parts(self, caps: Caps) -> tuple[Kernel, Memory]:
        directory = Path(caps.state_dir)
        if self._kernel is None or self._kernel.interface != caps.interface:
            self._kernel = self._make_kernel(caps.interface)
        if self._memory is None or self._memory.directory != directory:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._memory = Memory(directory)
        return self._kernel, self._memory


def run(config: Path, kernel: type[Kernel]) -> None:
    """Serve one stream on stdin and stdout until it ends."""
    os.umask(0o077)
    agent = Agent(config, kernel)
    stream = Stream(0, 1, (config, Path(sys.argv[0])))
    for line in stream.lines():
        stream.write(_safely(agent, line))


def read_caps(config: Path) -> Caps:
    """Read the root-owned file. Raises CapsError with the reason."""
    try:
        with config.open("rb") as stream:
            status = os.fstat(stream.fileno())
            if status.st_uid not in {0, os.geteuid()} or status.st_mode & WRITABLE_BY_OTHERS:
                raise CapsError(f"this PEP's own file {config} can be written by others than root, so it is not obeyed")
            return parse_caps(json.load(stream))
    except OSError as error:
        raise CapsError(f"this PEP's own file cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:
        raise CapsError(f"this PEP's own file is wrong: {error}") from None


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the PEP for one request. Raises BusyError where somebody else does for too long.

    The lock is on the directory itself: a file would need a disk that can be written, and revokes do not.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise BusyError("another request is being carried out on this PEP") from None
                time.sleep(0.002)
        yield
    finally:
        os.close(handle)


def _headed(caps: Caps, kind: str, body: dict[str, object]) -> dict[str, object]:
    return {"version": VERSION, "kind": kind, "pep": caps.pep, "agent": receipt.AGENT, **body}


def failure(*why: str) -> dict[str, object]:
    return {"version": VERSION, "kind": "error", "why": list(why)}


def _safely(agent: Agent, line: bytes) -> dict[str, object]:
    try:
        return agent.answer(line)
    except Exception as error:  # noqa: BLE001 - whatever broke, the portal gets a sentence and the stream goes on
        return failure(f"the agent itself failed ({type(error).__name__}): {str(error)[:200]}")
