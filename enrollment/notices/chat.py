"""One notice as a signed message to a chat, as the Standard Webhooks specification has it.

The operator names the address, and it alone is spoken to: no redirect is followed, no proxy
asked, no answer read past its head, and none waited for longer than SECONDS in all.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Timer
from urllib.parse import urlsplit

from enrollment.models import Notice

SECONDS = 10.0
GOOD = range(200, 300)
# What chats take for a link under other words, a mention, or a call to everybody. A name may hold it: whose it is chose it.
NO_MARKUP = str.maketrans({"<": "\u2039", ">": "\u203a", "[": "(", "]": ")", "@": "\uff20"})


class NotTakenError(Exception):
    """The other side did not take it; the message says why, and never the address, which may be a secret."""


def body_of(notice: Notice) -> bytes:
    """Return what is sent. `text` says all of it in one line without markup, for chats that read nothing else."""
    data = {"words": notice.text, "link": notice.url}
    line = " ".join(filter(None, (notice.text.translate(NO_MARKUP), notice.url)))
    said = {"type": notice.event, "timestamp": notice.created_at.isoformat(), "data": data, "text": line}
    return json.dumps(said, ensure_ascii=False).encode()


def signed(name: str, body: bytes, key: bytes, now: datetime) -> dict[str, str]:
    """Return the headers that prove who sent it, and when this try of it was."""
    at = int(now.timestamp())
    seal = hmac.digest(key, f"{name}.{at}.".encode() + body, hashlib.sha256)
    return {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": f"v1,{base64.b64encode(seal).decode()}"}


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Send it. Raises NotTakenError unless the other side says that it has it."""
    try:
        status = _post(url, body, {**headers, "Content-Type": "application/json", "User-Agent": "Lychgate", "Connection": "close"})
    except (OSError, HTTPException) as error:
        raise NotTakenError(f"no answer within {SECONDS:.0f} s, or none at all ({type(error).__name__})") from error
    if status not in GOOD:
        raise NotTakenError(f"it answered {status}{', and redirects are not followed' if 300 <= status < 400 else ''}")  # noqa: PLR2004 - HTTP's


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    parts = urlsplit(url)
    host, is_tls = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    connection = HTTPSConnection(host, port) if is_tls else HTTPConnection(host, port)
    wire = socket.create_connection((host, port), SECONDS)
    with _cut_after(SECONDS, wire) as is_cut, closing(wire), closing(connection):
        connection.sock = ssl.create_default_context().wrap_socket(wire, server_hostname=host) if is_tls else wire
        connection.request("POST", f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}", body, dict(headers))
        status = connection.getresponse().status
        if is_cut.is_set():
            raise TimeoutError  # a head that was cut off reads as a whole one
        return status


@contextmanager
def _cut_after(seconds: float, wire: socket.socket) -> Iterator[Event]:
    """Cut the connection after that time. A socket's own limit begins anew with each byte, so who drips would hold a thread for ever."""
    is_cut = Event()
    with closing(wire.dup()) as lever:
        timer = Timer(seconds, _cut, [lever, is_cut])
        timer.daemon = True
        timer.start()
        try:
            yield is_cut
        finally:
            timer.cancel()
            timer.join()


def _cut(lever: socket.socket, is_cut: Event) -> None:
    is_cut.set()  # first, so that whoever wakes by the cut knows of it
    with suppress(OSError):  # it is closed already
        lever.shutdown(socket.SHUT_RDWR)
