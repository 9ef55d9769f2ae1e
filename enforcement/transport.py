"""How the portal reaches a PEP: an argv, one line out, one line back.

A transport is an argv (enforcement/ways.py): `ssh` whose forced command is the agent, the
agent itself, or `ip netns exec ...`. Whatever a PEP does (hang, drip, talk without end,
die) costs one worker thread the time limit, and nobody else anything. Streams stay open
between passes, one a PEP: a fresh one costs an interpreter's start.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import IO, TypeVar

from django.conf import settings

from enforcement.pep.state import canonical
from enforcement.receipts import Hello, Receipt, ReceiptError, parse_hello, parse_receipt, parse_witnesses, printable
from enrollment.sentences import kept, say

LONGEST_LINE = 8 * 1024 * 1024
LONGEST_STDERR = 2000
CHUNK = 256 * 1024
IDLE_SECONDS = 300.0  # half of what the agent gives a stream, so that we close first
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
FAREWELL_SECONDS = 0.5
# How OpenSSH ends where the key is not the one it was told, or not even of its kind.
OTHER_HOST_KEYS = (b"Host key verification failed.", b"no matching host key type found")
ANOTHER_HOST = kept(
    "alarm: {pep} answers with another SSH host key than an admin confirmed, so nothing was sent to it: somebody is in its place,"
    " or it was set up anew. Look at its own screen, and confirm the new key only if it is there."
)
OF_ITS_ANSWER = kept("{pep}: {error}")
NO_START = kept("{pep}: {program} does not start: {error}")
NO_JSON = kept("{pep}: the answer is not JSON: {words}")
NO_ANSWER = kept("{pep} did not answer within {seconds} s")
NO_ANSWER_BUT = kept("{pep} did not answer within {seconds} s: {words}")
TOO_EARLY = kept("{pep} answered before it was asked")
TOO_LONG = kept("{pep}: the answer is longer than {most} MiB")
TOO_MUCH = kept("{pep} said more than it was asked")
DIED = kept("{pep}: {program} ended before it answered (exit status {code})")
DIED_SAYING = kept("{pep}: {program} ended before it answered (exit status {code}): {words}")

T = TypeVar("T")
Compose = Callable[[Hello], Mapping[str, object]]


class TransportError(Exception):
    """The PEP could not be asked, or its answer is none; the message says what to look at."""

    agent = ""  # the version that greeted us, where one did


class StreamDiedError(TransportError):
    """The process ended, or its pipe did, before it answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one conversation brought back."""

    hello: Hello
    receipt: Receipt


def ask(pep: str, argv: Sequence[str], compose: Compose) -> Answer:
    """Greet the PEP, send what `compose` makes of the greeting, return the receipt.

    A warm stream that turns out dead at the greeting is opened anew, once: a greeting
    changes nothing, so nothing can happen twice.
    """
    return Answer(*_converse(pep, argv, compose, parse_receipt))


def ask_for_witnesses(pep: str, argv: Sequence[str]) -> tuple[tuple[int, str], ...]:
    """Return the ends of the audit log that the PEP has seen."""
    return _converse(pep, argv, lambda _hello: {"verb": "witnesses", "version": 1, "pep": pep}, parse_witnesses)[1]


def _converse(pep: str, argv: Sequence[str], compose: Compose, parse: Callable[[object, str], T]) -> tuple[Hello, T]:
    deadline = time.monotonic() + settings.PEP_TIMEOUT_SECONDS
    stream, hello = _greet(pep, argv, deadline)
    try:
        answer = _read(parse, stream.exchange(compose(hello), deadline), pep)
    except BaseException as error:
        stream.kill()
        if isinstance(error, TransportError):
            error.agent = hello.agent
        raise
    POOL.put(pep, stream)
    return hello, answer


def _greet(pep: str, argv: Sequence[str], deadline: float) -> tuple[Stream, Hello]:
    stream = POOL.take(pep, argv) or Stream(pep, argv)
    request = {"verb": "hello", "version": 1, "pep": pep}
    try:
        try:
            answer = stream.exchange(request, deadline)
        except StreamDiedError:
            stream.kill()
            if not stream.is_warm:
                raise
            stream = Stream(pep, argv)
            answer = stream.exchange(request, deadline)
        return stream, _read(parse_hello, answer, pep)
    except BaseException:
        stream.kill()
        raise


def _read(parse: Callable[[object, str], T], answer: object, pep: str) -> T:
    try:
        return parse(answer, pep)
    except ReceiptError as error:
        raise TransportError(say(OF_ITS_ANSWER, pep=pep, error=str(error))) from None


class Stream:
    """One process that speaks for a PEP. Not for two threads at once: the pool lends it out whole."""

    def __init__(self, pep: str, argv: Sequence[str]) -> None:
        self.pep = pep
        self.argv = tuple(argv)
        self.is_warm = False
        self._stderr = b""
        try:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=ENVIRONMENT,
                start_new_session=True,
            )
        except OSError as error:
            raise TransportError(say(NO_START, pep=pep, program=self.argv[0], error=error.strerror)) from None
        for pipe in self._pipes():
            os.set_blocking(pipe.fileno(), False)

    def exchange(self, request: Mapping[str, object], deadline: float) -> object:
        """Send one line, return the next one, parsed; whatever else happens until the deadline is a TransportError."""
        line = self._exchange(canonical(request) + b"\n", deadline)
        self.is_warm = True
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            raise TransportError(say(NO_JSON, pep=self.pep, words=printable(line[:80]))) from None

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def close(self) -> None:
        """End of input is the agent's cue to leave; who stays gets killed."""
        for pipe in self._pipes():
            with suppress(OSError):
                pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(FAREWELL_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process and all that it started (its session)."""
        if self.is_alive():
            with suppress(ProcessLookupError, PermissionError):  # permission: sudo's child is root's; end of input ends it
                os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in self._pipes():
            with suppress(OSError):
                pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(FAREWELL_SECONDS)

    def _pipes(self) -> tuple[IO[bytes], ...]:
        return tuple(pipe for pipe in (self._process.stdin, self._process.stdout, self._process.stderr) if pipe)

    def _exchange(self, request: bytes, deadline: float) -> bytes:
        stdin, stdout, stderr = (pipe.fileno() for pipe in self._pipes())
        unsent, heard = memoryview(request), bytearray()
        with DefaultSelector() as selector:
            selector.register(stdin, EVENT_WRITE)
            selector.register(stdout, EVENT_READ)
            selector.register(stderr, EVENT_READ)
            while True:
                left = deadline - time.monotonic()
                ready = {key.fd for key, _ in selector.select(left)} if left > 0 else set()
                if not ready:
                    raise TransportError(self._with_its_words(NO_ANSWER, NO_ANSWER_BUT, seconds=settings.PEP_TIMEOUT_SECONDS))
                if stderr in ready and not self._hear_stderr(stderr):
                    selector.unregister(stderr)
                if stdin in ready:
                    unsent = unsent[self._write(stdin, unsent) :]
                    if not unsent:
                        selector.unregister(stdin)
                if stdout in ready and (line := self._hear(stdout, heard)) is not None:
                    if unsent:
                        raise TransportError(say(TOO_EARLY, pep=self.pep))
                    return line

    def _write(self, stdin: int, unsent: memoryview) -> int:
        try:
            return os.write(stdin, unsent[:CHUNK])
        except BlockingIOError:
            return 0
        except OSError:
            raise StreamDiedError(self._obituary()) from None

    def _hear(self, stdout: int, heard: bytearray) -> bytes | None:
        """Return the line once it is whole, None until then."""
        chunk = _read_some(stdout)
        if chunk == b"":
            raise StreamDiedError(self._obituary())
        heard += chunk or b""
        if len(heard) > LONGEST_LINE:
            raise TransportError(say(TOO_LONG, pep=self.pep, most=LONGEST_LINE // 1024**2))
        if b"\n" not in (chunk or b""):
            return None
        line, _newline, rest = bytes(heard).partition(b"\n")
        if rest:
            raise TransportError(say(TOO_MUCH, pep=self.pep))
        return line

    def _hear_stderr(self, stderr: int) -> bool:
        chunk = _read_some(stderr)
        self._stderr = (self._stderr + (chunk or b""))[-LONGEST_STDERR:]
        return chunk != b""

    def _obituary(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(FAREWELL_SECONDS)
        if self._process.stderr:
            self._hear_stderr(self._process.stderr.fileno())
        code = self._process.returncode
        if any(words in self._stderr for words in OTHER_HOST_KEYS):
            return say(ANOTHER_HOST, pep=self.pep)
        return self._with_its_words(DIED, DIED_SAYING, program=self.argv[0], code=code)

    def _with_its_words(self, template: str, and_words: str, **values: object) -> str:
        words = printable(self._stderr).strip()[-300:]
        return say(and_words, pep=self.pep, words=words, **values) if words else say(template, pep=self.pep, **values)


def _read_some(fd: int) -> bytes | None:
    """Return what is there; b"" at the end, None if there is nothing yet."""
    try:
        return os.read(fd, CHUNK)
    except BlockingIOError:
        return None


@dataclass(slots=True)
class Pool:
    """Warm streams, one a PEP, lent out to one thread at a time."""

    _idle: dict[str, tuple[Stream, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, pep: str, argv: Sequence[str]) -> Stream | None:
        with self._lock:
            stream, _ = self._idle.pop(pep, (None, 0.0))
        if stream and stream.is_alive() and stream.argv == tuple(argv):
            return stream
        if stream:
            stream.close()
        return None

    def put(self, pep: str, stream: Stream) -> None:
        """Keep the stream for the next pass, and let go of those that nobody has asked for."""
        now = time.monotonic()
        with self._lock:
            replaced, _ = self._idle.pop(pep, (None, 0.0))
            stale = [name for name, (_, since) in self._idle.items() if now - since > IDLE_SECONDS]
            farewells = [self._idle.pop(name)[0] for name in stale]
            self._idle[pep] = stream, now
        for old in (*farewells, *([replaced] if replaced else [])):
            old.close()

    def close(self) -> None:
        with self._lock:
            streams, self._idle = [stream for stream, _ in self._idle.values()], {}
        for stream in streams:
            stream.close()


POOL = Pool()
