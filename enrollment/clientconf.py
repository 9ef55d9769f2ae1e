"""The client's config, in the keys that every WireGuard app takes, and its QR code.

Android and Apple reject a whole config for one key they do not know, so nothing but the
portable ones is ever written, each once; ASCII only, and no comments. What cannot be
written so is refused: no value here can begin a new line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import chain, count, groupby

import qrcode
from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M

PLACEHOLDER = "PASTE-YOUR-PRIVATE-KEY-HERE"  # what stands where the owner's own key belongs
KEEPALIVE_SECONDS = 25
LONGEST_NAME = 15
RESERVED_NAMES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))})
VALUE = re.compile(r"[A-Za-z0-9+/=.:\[\]_-]+", re.ASCII)
MEDIUM_BYTES = 600  # longer ones get less error correction, so that the modules stay large enough for a camera
LONGEST_BYTES = 1200
QUIET_ZONE = 4


class TooLong(ValueError):  # noqa: N818 - it reads as what it is where it is caught
    """The config does not fit into a QR code that a camera reads well."""


@dataclass(frozen=True, slots=True)
class ClientPeer:
    """A PEP as a client dials it: `allowed_ips` are overlay prefixes, so that grants never change the file."""

    public_key: str
    endpoint: str
    allowed_ips: tuple[str, ...]


def render(addresses: Sequence[str], peers: Sequence[ClientPeer], private_key: str | None, dns: Sequence[str] | None = None) -> str:
    """Return the file. Without a private key, PLACEHOLDER stands where its owner pastes it."""
    interface = [("PrivateKey", [private_key or PLACEHOLDER]), ("Address", [_whole(address) for address in addresses]), ("DNS", dns or [])]
    sections = [_section("Interface", interface)]
    for peer in {peer.public_key: peer for peer in peers}.values():
        lines = [
            ("PublicKey", [peer.public_key]),
            ("AllowedIPs", peer.allowed_ips),
            ("Endpoint", [peer.endpoint]),
            ("PersistentKeepalive", [str(KEEPALIVE_SECONDS)]),
        ]
        sections.append(_section("Peer", lines))
    return "\n".join(sections)


def tunnel_name(name: str) -> str:
    """Return a name that every WireGuard app takes for a file and a tunnel: a-z, 0-9, - and _, 15 characters, none that Windows keeps."""
    short = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:LONGEST_NAME].strip("-_")
    return f"wg-{short}"[:LONGEST_NAME].strip("-_") if short in RESERVED_NAMES or not short else short


def tunnel_names(names: Sequence[str]) -> list[str]:
    """Name a tunnel for each of somebody's devices, the earliest first: where a name is taken, a number follows."""
    taken: list[str] = []
    for name in names:
        short = tunnel_name(name)
        numbered = (f"{short[: LONGEST_NAME - len(end)].rstrip('-_')}{end}" for end in (f"-{number}" for number in count(2)))
        taken.append(next(each for each in chain([short], numbered) if each not in taken))
    return taken


def qr_svg(text: str, label: str = "QR code of the config") -> str:
    """Draw a text as SVG on a white card of its own, so that it reads in dark mode too. Raises TooLong."""
    size = len(text.encode())
    if size > LONGEST_BYTES:
        raise TooLong("This config is too long for a QR code. Use the file.")
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M if size <= MEDIUM_BYTES else ERROR_CORRECT_L, border=QUIET_ZONE)
    code.add_data(text.encode(), optimize=0)
    code.make(fit=True)
    matrix = code.get_matrix()
    side = len(matrix)
    drawn = "".join(f"M{start},{y}h{length}v1h-{length}z" for y, row in enumerate(matrix) for start, length in _runs(row))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" role="img" aria-label="{escape(label)}" '
        f'shape-rendering="crispEdges"><rect width="{side}" height="{side}" fill="#fff"/><path d="{drawn}" fill="#000"/></svg>'
    )


def _runs(row: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield where each unbroken run of dark modules starts, and its length."""
    at = 0
    for dark, same in groupby(row):
        length = sum(1 for _module in same)
        if dark:
            yield at, length
        at += length


def _section(title: str, lines: Sequence[tuple[str, Sequence[str]]]) -> str:
    written = [f"{key} = {', '.join(_safe(value) for value in values)}" for key, values in lines if values]
    return "\n".join([f"[{title}]", *written, ""])


def _safe(value: str) -> str:
    if not VALUE.fullmatch(value):
        message = "A value for the config has characters in it that no WireGuard app takes."
        raise ValueError(message)
    return value


def _whole(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"
