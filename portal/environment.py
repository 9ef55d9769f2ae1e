"""Typed values from the environment. A wrong value stops the start, with words.

There is one function a type; a secret may also come
from the file that NAME_FILE names, so that it need not stand in the environment.
"""

import base64
import binascii
import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUTHS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
WEBHOOK_KEYS = range(24, 65)  # bytes, as the Standard Webhooks specification asks for
HOST_AND_PORT = r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"


def text(name: str, default: str = "") -> str:
    """Return the value with surrounding blanks removed."""
    return os.environ.get(name, default).strip()


def whole(name: str, default: int, low: int = 0, high: int = 2**31) -> int:
    """Return a whole number from `low` to `high`."""
    raw = text(name, str(default))
    if not re.fullmatch("-?[0-9]{1,18}", raw) or not low <= int(raw) <= high:
        message = f"{name} must be a whole number from {low} to {high}; it is {raw!r}."
        raise ImproperlyConfigured(message)
    return int(raw)


def whole_or_off(name: str, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`, or 0, which is off."""
    raw = text(name, "0")
    if raw == "0":
        return 0
    try:
        return whole(name, 0, low, high)
    except ImproperlyConfigured as error:
        message = f"{name} must be a whole number from {low} to {high}, or 0, which is off; it is {raw!r}."
        raise ImproperlyConfigured(message) from error


def truth(name: str, *, default: bool = False) -> bool:
    """Return a yes or a no."""
    raw = text(name, "yes" if default else "no").lower()
    if raw not in TRUTHS:
        message = f"{name} must be yes or no; it is {raw!r}."
        raise ImproperlyConfigured(message)
    return TRUTHS[raw]


def one_of(name: str, default: str, *others: str) -> str:
    """Return one of the words that are possible, `default` first."""
    raw = text(name, default) or default
    if raw not in {default, *others}:
        message = f"{name} must be one of {', '.join((default, *others))}; it is {raw!r}."
        raise ImproperlyConfigured(message)
    return raw


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated list, blanks and empty parts dropped."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def secret(name: str, default: str = "") -> str:
    """Return the value of NAME, or the content of the file that NAME_FILE names."""
    path = text(f"{name}_FILE")
    if not path:
        return text(name, default)
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        message = f"{name}_FILE names {path}, which cannot be read: {error.strerror}."
        raise ImproperlyConfigured(message) from error


def origin(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not re.fullmatch(HOST_AND_PORT, parts.netloc):
        message = f"{url!r} must be a URL such as https://id.example.com."
        raise ImproperlyConfigured(message)
    return f"{parts.scheme}://{parts.netloc.lower()}"


def address(name: str) -> str:
    """Return the URL of something that we speak to. It may be a secret, so a wrong one is not repeated."""
    url = secret(name)
    parts = urlsplit(url)
    is_right = parts.scheme in {"http", "https"} and re.fullmatch(HOST_AND_PORT, parts.netloc) and re.fullmatch("[!-~]+", url)
    if url and not (is_right and not parts.fragment):
        message = f"{name} must be a URL such as https://chat.example.com/hooks/1, without a name or a password in it."
        raise ImproperlyConfigured(message)
    return url


def signing_key(name: str) -> bytes:
    """Return the key that a webhook's secret stands for: whsec_, and 24 to 64 bytes in base64."""
    raw = secret(name)
    try:
        key = base64.b64decode(raw.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if raw and len(key) not in WEBHOOK_KEYS:
        message = f"{name} must be whsec_ and the base64 of 24 to 64 random bytes, as `openssl rand -base64 32` prints them."
        raise ImproperlyConfigured(message)
    return key


def argvs(name: str) -> dict[str, list[str]]:
    """Return a JSON object of argvs: {"pep-1": ["sudo", "-n", ...]}."""
    raw = text(name, "{}")
    try:
        found = json.loads(raw)
    except ValueError as error:
        message = f"{name} is not JSON: {error}."
        raise ImproperlyConfigured(message) from error
    is_right = isinstance(found, dict) and all(
        isinstance(argv, list) and argv and all(isinstance(word, str) and word for word in argv) for argv in found.values()
    )
    if not is_right:
        message = f'{name} must be a JSON object of lists of words, as {{"pep-1": ["sudo", "-n", "lychgate-agent"]}}.'
        raise ImproperlyConfigured(message)
    return dict(found)
