"""Small real services and the people who use them, for the demo's lab. Standard library only.

`serve` runs on the LAN host: a file share over HTTP (tcp 445), a ticker that writes ten
lines a second and more (tcp 139 and tcp 8080), and a voice line that pushes datagrams
to whoever asked once (udp 5004). `watch` opens one stream and says, as JSON lines, when
it opened, and in the end when the last byte came, the longest gap, and how it ended.
Everything here ends by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import json
import select
import signal
import socket
import socketserver
import sys
import threading
import time
from functools import partial

FILE_SHARE, TICKER, VOICE, WIKI = 445, 139, 5004, 8080
BEAT = 0.01  # seconds between two pieces of a stream
PUSH_SECONDS = 600.0  # a listener who says nothing more is served so long
LINE = b"lychgate\n"
LISTENING = 0.1  # seconds of silence by which a client is taken for a listener
PAGE = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nYou reached it through the gate.\n"
PATIENCE = 3.0  # seconds of silence that count as cut
OPENING = 12.0  # seconds until an opening counts as unanswered: WireGuard repeats a handshake that failed after 5


class DualStack(socketserver.ThreadingTCPServer):
    """Listens on IPv6 and IPv4 at once."""

    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class Ticker(socketserver.BaseRequestHandler):
    """Answers a browser with a page; to whoever listens, writes a line every BEAT for as long as the connection holds."""

    def handle(self) -> None:
        if select.select([self.request], [], [], LISTENING)[0]:
            self.request.recv(65536)
            self.request.sendall(PAGE)
            return
        until = time.monotonic() + PUSH_SECONDS
        with contextlib.suppress(OSError):
            while time.monotonic() < until:
                self.request.sendall(LINE)
                time.sleep(BEAT)


def serve(folder: str) -> None:
    """Serve until killed."""
    share = partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    servers = [DualStack(("::", FILE_SHARE), share), DualStack(("::", TICKER), Ticker), DualStack(("::", WIKI), Ticker)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    voice = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    voice.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    voice.bind(("::", VOICE))
    say({"event": "serving"})
    push(voice)


def push(voice: socket.socket) -> None:
    """Send a datagram every BEAT to each listener that asked within PUSH_SECONDS."""
    voice.settimeout(BEAT)
    listeners: dict[tuple[object, ...], float] = {}
    while True:
        with contextlib.suppress(OSError):
            _, who = voice.recvfrom(2048)
            listeners[who] = time.monotonic() + PUSH_SECONDS
        now = time.monotonic()
        listeners = {who: until for who, until in listeners.items() if until > now}
        for who in listeners:
            with contextlib.suppress(OSError):  # an ICMP error about one listener is no reason to leave the others
                voice.sendto(LINE, who)
        time.sleep(BEAT / 2)


class StopWatching(Exception):  # noqa: N818 - a request, not an error
    """Somebody has seen enough, and wants the story so far."""


def watch(kind: str, host: str, port: int, seconds: float, opening: float = OPENING) -> int:
    """Open a stream, read it for `seconds` or up to SIGTERM, and tell its story. Returns 1 where it never opened."""
    signal.signal(signal.SIGTERM, stop_watching)
    try:
        stream = open_stream(kind, host, port, opening)
    except OSError as error:
        say({"event": "refused", "at": time.time(), "how": how(error)})
        return 1
    say({"event": "open", "at": time.time()})
    say({"event": "end", **read(stream, time.monotonic() + seconds)})
    return 0


def stop_watching(*_: object) -> None:
    raise StopWatching


def open_stream(kind: str, host: str, port: int, opening: float) -> socket.socket:
    """Return a socket that has heard its first bytes. Raises OSError where nothing answers in time."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    stream = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
    stream.settimeout(opening)
    stream.connect((host, port))
    if kind == "udp":
        stream.send(b"listen")
    if not stream.recv(65536):
        raise ConnectionResetError
    return stream


def read(stream: socket.socket, until: float) -> dict[str, object]:
    """Read to the end, or until the time is up; a silence of PATIENCE counts as cut."""
    last, gap, pieces, ending = time.time(), 0.0, 0, "time is up"
    stream.settimeout(PATIENCE)
    while time.monotonic() < until:
        try:
            if not stream.recv(65536):
                ending = "closed"
                break
        except (OSError, StopWatching) as error:
            ending = how(error)
            break
        now = time.time()
        last, gap, pieces = now, max(gap, now - last), pieces + 1
    return {"last": last, "longest_gap": round(gap, 4), "pieces": pieces, "how": ending}


def how(error: Exception) -> str:
    """Name the end in a word."""
    words = {ConnectionResetError: "reset", ConnectionRefusedError: "refused", TimeoutError: "silent", StopWatching: "stopped"}
    return words.get(type(error), "prohibited")


def say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("serve").add_argument("folder")
    watching = verbs.add_parser("watch")
    watching.add_argument("kind", choices=["tcp", "udp"])
    watching.add_argument("host")
    watching.add_argument("port", type=int)
    watching.add_argument("seconds", type=float)
    watching.add_argument("--opening", type=float, default=OPENING)
    asked = parser.parse_args()
    if asked.verb == "serve":
        serve(asked.folder)
        return 0
    return watch(asked.kind, asked.host, asked.port, asked.seconds, asked.opening)


if __name__ == "__main__":
    sys.exit(main())
